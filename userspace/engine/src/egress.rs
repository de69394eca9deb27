//! From what calls want sent to frames on a link.
//!
//! A datagram whose next hop is not known yet is held briefly while the kernel resolves it; everything about holding is
//! bounded, in number and in time.

use std::collections::VecDeque;
use std::time::Duration;

use trunkline_net::{Link, NextHop, NextHops, UdpLink};
use trunkline_sip::path::Path;
use trunkline_time::Timestamp;
use trunkline_xdp_abi::header::{
    Address, Egress, HEADERS_LEN_MAX, IPV4_LEN, IPV6_LEN, TTL, UDP_LEN, write_udp,
};
use trunkline_xdp_abi::verdict::DropReason;

use crate::counters::{PacketCounters, Tier};

/// Datagrams that may wait for next hops at once.
pub const HELD_MAX: usize = 256;

/// How long a datagram waits for its next hop: the kernel asks three times, a second apart, but the first answer on a
/// working link comes within a millisecond, and SIP retransmits by itself.
pub const HELD_TIME_MAX: Duration = Duration::from_secs(2);

/// DSCP of signalling: class selector 5, the signalling service class of RFC 4594 section 4.2.
pub const SIGNALLING_DSCP: u8 = 40;

/// The ways out of one worker.
pub struct Links<L> {
    /// The link that carries everything: AF_XDP, or sockets where there is no AF_XDP.
    pub main: L,
    /// What `main` is.
    pub tier: Tier,
    /// Beside AF_XDP: the kernel's own sockets on the SIP ports. They receive what XDP passed on (reassembled
    /// fragments above all) and send what is larger than the interface's MTU.
    pub kernel: Option<UdpLink>,
}

/// Sends datagrams of SIP.
pub struct Sender {
    next_hops: NextHops,
    epoch: u64,
    held: VecDeque<Held>,
    /// By interface, in bytes of IP packet.
    mtus: Vec<u16>,
}

#[derive(Debug)]
struct Held {
    until: Timestamp,
    interface: u8,
    path: Path,
    bytes: Vec<u8>,
}

impl Sender {
    /// Sends by `next_hops` over interfaces with these MTUs.
    #[must_use]
    pub fn new(next_hops: NextHops, mtus: Vec<u16>) -> Self {
        Self {
            next_hops,
            epoch: 0,
            held: VecDeque::new(),
            mtus,
        }
    }

    /// The next hops that this sender knows.
    #[must_use]
    pub fn next_hops(&self) -> &NextHops {
        &self.next_hops
    }

    /// The MTU of `interface`; 0 if it has none.
    #[must_use]
    pub fn mtu(&self, interface: u8) -> u16 {
        self.mtus.get(usize::from(interface)).copied().unwrap_or(0)
    }

    /// Datagrams that wait.
    #[must_use]
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Sends one datagram from `path.local` to `path.remote`, or holds it until the next hop is known.
    pub fn send<L: Link>(
        &mut self,
        now: Timestamp,
        interface: u8,
        path: &Path,
        bytes: &[u8],
        links: &mut Links<L>,
        counters: &mut PacketCounters,
    ) {
        counters.originated += 1;
        let mtu = usize::from(self.mtu(interface));
        if let (Some(kernel), true) = (&mut links.kernel, mtu != 0 && ip_len(path, bytes.len()) > mtu) {
            transmit(
                kernel,
                Tier::Socket,
                interface,
                path,
                bytes,
                [[0; 6]; 2],
                counters,
            );
            return;
        }
        // What is held goes first: a datagram must not overtake an earlier one to the same peer.
        if !self.held.is_empty() {
            self.release(now, links, counters);
        }
        match self.next_hops.lookup(interface, path.remote.ip()) {
            NextHop::Known {
                source_mac,
                destination_mac,
            } => {
                let macs = [source_mac, destination_mac];
                transmit(
                    &mut links.main,
                    links.tier,
                    interface,
                    path,
                    bytes,
                    macs,
                    counters,
                );
            }
            NextHop::Pending => self.hold(now, interface, path, bytes, counters),
            NextHop::Unreachable => counters.dropped(DropReason::NoRoute),
        }
    }

    fn hold(
        &mut self,
        now: Timestamp,
        interface: u8,
        path: &Path,
        bytes: &[u8],
        counters: &mut PacketCounters,
    ) {
        self.next_hops.request(interface, path.remote.ip());
        if self.held.len() >= HELD_MAX {
            counters.dropped(DropReason::NextHopQueueFull);
            return;
        }
        self.held.push_back(Held {
            until: now + HELD_TIME_MAX,
            interface,
            path: *path,
            bytes: bytes.to_vec(),
        });
    }

    /// Sends what can be sent now, and gives up what has waited too long.
    ///
    /// Cheap while nothing is held; answers whether the next hops have changed since the last call, so that the caller
    /// can bring its flows up to date.
    pub fn retry<L: Link>(
        &mut self,
        now: Timestamp,
        links: &mut Links<L>,
        counters: &mut PacketCounters,
    ) -> bool {
        let epoch = self.next_hops.epoch();
        let changed = epoch != self.epoch;
        self.epoch = epoch;
        self.release(now, links, counters);
        changed
    }

    /// Sends what is held and can be sent now; drops what has waited too long.
    fn release<L: Link>(&mut self, now: Timestamp, links: &mut Links<L>, counters: &mut PacketCounters) {
        for _ in 0..self.held.len() {
            let Some(held) = self.held.pop_front() else { break };
            match self.next_hops.lookup(held.interface, held.path.remote.ip()) {
                NextHop::Known {
                    source_mac,
                    destination_mac,
                } => {
                    let macs = [source_mac, destination_mac];
                    transmit(
                        &mut links.main,
                        links.tier,
                        held.interface,
                        &held.path,
                        &held.bytes,
                        macs,
                        counters,
                    );
                }
                NextHop::Unreachable => counters.dropped(DropReason::NoRoute),
                NextHop::Pending if held.until <= now => counters.dropped(DropReason::NextHopTimeout),
                NextHop::Pending => self.held.push_back(held),
            }
        }
    }
}

/// Bytes of the IP packet that carries a datagram of `len` bytes.
fn ip_len(path: &Path, len: usize) -> usize {
    UDP_LEN + len + if path.remote.is_ipv4() { IPV4_LEN } else { IPV6_LEN }
}

/// Writes one datagram into a frame of `link` and queues it.
fn transmit<L: Link>(
    link: &mut L,
    tier: Tier,
    interface: u8,
    path: &Path,
    bytes: &[u8],
    [source_mac, destination_mac]: [[u8; 6]; 2],
    counters: &mut PacketCounters,
) {
    let egress = Egress {
        interface,
        ttl: TTL,
        dscp: SIGNALLING_DSCP,
        source_port: path.local.port(),
        destination_port: path.remote.port(),
        source_mac,
        destination_mac,
        source: Address::from(path.local.ip()),
        destination: Address::from(path.remote.ip()),
        ..Egress::default()
    };
    let Some(mut frame) = link.alloc() else {
        counters.dropped(DropReason::NoFrame);
        return;
    };
    let payload_offset = frame.headroom() + HEADERS_LEN_MAX;
    let buffer = frame.whole_mut();
    let Some(place) = buffer.get_mut(payload_offset..payload_offset + bytes.len()) else {
        counters.dropped(DropReason::SipTooBig);
        return;
    };
    place.copy_from_slice(bytes);
    let written = write_udp(buffer, payload_offset, bytes.len(), &egress).and_then(|rewritten| {
        frame
            .place(rewritten.start, rewritten.len)
            .map_err(|_| DropReason::SipTooBig)
    });
    match written {
        Ok(()) => {
            counters.sent(tier, path.zone, frame.len());
            link.tx(interface, frame);
        }
        Err(reason) => counters.dropped(reason),
    }
}
