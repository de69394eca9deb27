//! Where a message came from or goes to.

use core::net::SocketAddr;

use crate::write::Writer;

/// What carries a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// Datagrams: may be lost, doubled and reordered.
    Udp,
    /// A TCP connection.
    Tcp,
    /// TLS over a TCP connection.
    Tls,
}

impl Transport {
    /// True if the transport itself delivers or fails, so that nothing has to be sent twice.
    #[must_use]
    pub const fn is_reliable(self) -> bool {
        match self {
            Self::Udp => false,
            Self::Tcp | Self::Tls => true,
        }
    }

    /// The name in a Via.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }

    /// The port that is meant where a sent-by or a URI names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-18.1.1
        //# It is 5060 for UDP, TCP and SCTP,
        //# 5061 for TLS.
        match self {
            Self::Udp | Self::Tcp => 5060,
            Self::Tls => 5061,
        }
    }
}

/// Both ends of one hop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Path {
    /// Index of the network side.
    pub zone: u8,
    /// What carries the message.
    pub transport: Transport,
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
}

impl Path {
    /// Appends the Via of a request that goes along this path.
    pub fn write_via(&self, branch: &[u8], writer: &mut Writer<'_>) {
        writer
            .raw(b"Via: SIP/2.0/")
            .raw(self.transport.as_str().as_bytes())
            .raw(b" ");
        writer
            .address(self.local.ip(), Some(self.local.port()))
            .raw(b";branch=")
            .raw(branch);
        //= https://www.rfc-editor.org/rfc/rfc3581#section-3
        //# This parameter MUST have no value; it serves as a flag to the
        //# server that this extension is supported and requested for the
        //# transaction.
        if !self.transport.is_reliable() {
            writer.raw(b";rport");
        }
        writer.raw(b"\r\n");
    }
}

/// Takes messages that are to be sent.
pub trait Output {
    /// Sends `bytes`, one whole message, along `path`. It must not fail visibly: loss is what timers are for.
    fn send(&mut self, path: &Path, bytes: &[u8]);
}
