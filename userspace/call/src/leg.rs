//! One leg: our dialog with one side, and what is under way in it.

use alloc::boxed::Box;
use alloc::string::String;
use core::net::{IpAddr, SocketAddr};

use trunkline_sip::dialog::{Dialog, SuccessRepeat};
use trunkline_sip::path::{Path, Transport};
use trunkline_sip::token::TokenText;
use trunkline_sip::transaction::{ClientKey, ServerKey};
use trunkline_sip::uri::Uri;

use crate::b2bua::credentials::Met;
use crate::header_policy::Secrets;
use crate::plan::{Trunk, TrunkId};
use crate::session::Session;

/// Max-Forwards of a request that begins here.
pub(crate) const MAX_FORWARDS: u8 = 70;

/// What we call ourselves in User-Agent and Server.
pub(crate) const PRODUCT: &[u8] = b"trunkline";

/// The methods that we take.
pub(crate) const ALLOW: &[u8] = b"INVITE, ACK, CANCEL, BYE, OPTIONS, PRACK, UPDATE, INFO, MESSAGE, NOTIFY";

/// The extensions that cross.
pub(crate) const SUPPORTED: &[u8] = b"timer, 100rel";

/// A 2xx that we sent and that was not acknowledged yet.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unacked {
    pub(crate) server: ServerKey,
    pub(crate) cseq: u32,
    pub(crate) repeat: SuccessRepeat,
}

/// Our dialog with one side.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) trunk: TrunkId,
    /// Where the dialog was set up.
    pub(crate) path: Path,
    pub(crate) call_id: Box<[u8]>,
    pub(crate) local_tag: TokenText,
    /// The Request-URI of our INVITE; empty on the A-leg.
    pub(crate) request_uri: Box<[u8]>,
    /// `None` on the B-leg until it is answered.
    pub(crate) dialog: Option<Dialog>,
    /// The CSeq number of our newest INVITE, which its ACK repeats.
    pub(crate) invite_cseq: u32,
    /// The newest ACK of ours for a 2xx, and its way, to be sent again with each repeated 2xx.
    pub(crate) ack: Option<(Path, Box<[u8]>)>,
    /// Whether a 2xx to our INVITE waits for the other side's ACK, as that brings the answer.
    pub(crate) owes_ack: bool,
    /// A 2xx of ours whose ACK has not come.
    pub(crate) unacked: Option<Unacked>,
    /// A BYE, with its Reason, that has to wait until our 2xx is acknowledged.
    pub(crate) owed_bye: Option<String>,
    /// Our INVITE under way.
    pub(crate) client: Option<ClientKey>,
    /// The session timer, if there is one.
    pub(crate) session: Option<Session>,
    /// The challenge of the peer that we answer.
    pub(crate) met: Option<Met>,
    /// Whether the peer takes UPDATE.
    pub(crate) takes_update: bool,
    /// The peer's addresses, which must not cross.
    pub(crate) secrets: Secrets,
}

impl Leg {
    /// Our Contact in this dialog.
    pub(crate) fn contact(&self) -> String {
        match self.path.transport {
            Transport::Udp => alloc::format!("<sip:{}>", self.path.local),
            Transport::Tcp => alloc::format!("<sip:{};transport=tcp>", self.path.local),
            Transport::Tls => alloc::format!("<sips:{}>", self.path.local),
        }
    }

    /// Our address as host of a URI.
    pub(crate) fn local_host(&self) -> String {
        host_text(self.path.local.ip())
    }

    /// The way to the next hop of a request inside this dialog.
    ///
    /// The first route or the target where it names an address that the trunk may send from; otherwise the address
    /// that the dialog was set up over, which is right behind NAT and where names cannot be resolved.
    pub(crate) fn next_hop(&self, trunk: Option<&Trunk>) -> Path {
        match &self.dialog {
            Some(dialog) => next_hop(dialog, &self.path, trunk),
            None => self.path,
        }
    }
}

/// See [`Leg::next_hop`]; `path` is the one that the dialog was set up over.
pub(crate) fn next_hop(dialog: &Dialog, path: &Path, trunk: Option<&Trunk>) -> Path {
    let belongs = |address: &SocketAddr| {
        let ip = address.ip();
        trunk.is_some_and(|t| {
            t.sources.iter().any(|p| p.covers(ip)) || t.peers.iter().any(|p| p.address.ip() == ip)
        })
    };
    let named = address_of(dialog.next_hop(), path.transport)
        .filter(|address| address.is_ipv4() == path.local.is_ipv4())
        .filter(belongs);
    Path {
        remote: named.unwrap_or(path.remote),
        ..*path
    }
}

fn address_of(uri: &[u8], transport: Transport) -> Option<SocketAddr> {
    let uri = Uri::parse(uri).ok()?;
    Some(SocketAddr::new(
        uri.ip()?,
        uri.port().unwrap_or(transport.default_port()),
    ))
}

/// An address as host of a URI.
pub(crate) fn host_text(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => alloc::format!("{v4}"),
        IpAddr::V6(v6) => alloc::format!("[{v6}]"),
    }
}
