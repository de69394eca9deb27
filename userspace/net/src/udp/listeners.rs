//! What a link of ordinary sockets is made from, and its listeners.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;

use super::sockets::{self, Options};

/// What a [`super::UdpLink`] is made from.
#[derive(Clone, Debug)]
pub struct UdpConfig {
    /// Our addresses, each with the index of its interface; sockets are opened on these only. None is unspecified:
    /// a socket per address needs no control message to tell where a datagram went.
    pub addresses: Vec<(u8, IpAddr)>,
    /// Addresses to listen on from the start, shared with other workers (`SO_REUSEPORT`); datagrams may have up to
    /// 65,507 bytes.
    pub listeners: Vec<SocketAddr>,
    /// Receive buffer to ask for at each listener, in bytes.
    pub listener_buffer: usize,
    /// Receive buffer to ask for at each opened port, in bytes.
    pub port_buffer: usize,
    /// Slots of 2 KiB, for datagrams at opened ports.
    pub small_slots: u32,
    /// Slots of 65 KiB, for datagrams at listeners and for frames to write into. Only pages that are written count.
    pub large_slots: u32,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            listeners: Vec::new(),
            listener_buffer: 4 << 20,
            port_buffer: 256 << 10,
            small_slots: 2048,
            large_slots: 256,
        }
    }
}

/// Bound listeners, to be sent to the thread of their worker.
pub struct UdpSockets {
    pub(super) config: UdpConfig,
    pub(super) listeners: Vec<(OwnedFd, SocketAddr)>,
}

impl UdpSockets {
    /// Binds all listeners of `config`.
    ///
    /// # Errors
    /// What the kernel says, with the address it says it of; an address that is not in `config.addresses`.
    pub fn bind(config: UdpConfig) -> io::Result<Self> {
        raise_descriptor_limit();
        let mut listeners = Vec::with_capacity(config.listeners.len());
        for address in &config.listeners {
            let blame = |error: io::Error| io::Error::new(error.kind(), format!("UDP {address}: {error}"));
            interface_of(&config, address.ip()).map_err(blame)?;
            let options = Options {
                is_shared: true,
                receive_buffer: config.listener_buffer,
            };
            let socket = sockets::bind(*address, options).map_err(blame)?;
            let local = sockets::local_address(&socket)?;
            listeners.push((socket, local));
        }
        Ok(Self { config, listeners })
    }

    /// Binds each of `listeners` once without sharing it, and lets it go again.
    ///
    /// The sockets of [`bind`](Self::bind) share their address with each other, and the kernel lets another process of
    /// the same user join in unseen; so this comes before the first of them.
    ///
    /// # Errors
    /// What the kernel says, with the address it says it of: above all that another process serves it already.
    pub fn probe(listeners: &[SocketAddr]) -> io::Result<()> {
        for address in listeners {
            let options = Options {
                is_shared: false,
                receive_buffer: PROBE_BUFFER,
            };
            sockets::bind(*address, options)
                .map_err(|error| io::Error::new(error.kind(), format!("UDP {address}: {error}")))?;
        }
        Ok(())
    }

    /// The addresses listened on, with the port that the kernel chose where the port was 0.
    #[must_use]
    pub fn listeners(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|(_, address)| *address).collect()
    }
}

/// The interface that one of our addresses is on.
pub(super) fn interface_of(config: &UdpConfig, address: IpAddr) -> io::Result<u8> {
    let found = config
        .addresses
        .iter()
        .find(|(_, ours)| *ours == address && !ours.is_unspecified());
    found.map(|(interface, _)| *interface).ok_or_else(|| {
        io::Error::new(
            io::ErrorKind::AddrNotAvailable,
            format!("{address} is no address of a zone"),
        )
    })
}

/// Receive buffer of a socket that is closed at once.
const PROBE_BUFFER: usize = 4096;

/// Lets the process open as many descriptors as the system lets it ask for: one for each port of each call.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: writes one `rlimit` that outlives the call.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } == 0 {
        limit.rlim_cur = limit.rlim_max;
        // SAFETY: reads one `rlimit` that outlives the call.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}
