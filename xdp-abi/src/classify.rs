//! The one steering decision. It runs in the XDP program, again in the worker, and in tests, from this source.

mod ip;
mod link;

use crate::header::{Address, Bytes, Layout, UDP_LEN};
use crate::map::{INTERFACE_ANY, Local, SourceKey, ZONE_UNKNOWN};
use crate::verdict::{DropReason, PassReason, Verdict};

/// What the decision depends on beside the frame: maps in the kernel, tables in userspace.
pub trait Steering {
    /// Slot of the interface that the frame came in on.
    fn interface(&self) -> u8;
    /// What is served on this address, if it is ours.
    fn local(&self, address: &Address) -> Option<Local>;
    /// Whether a trunk of `zone` may send SIP from this address.
    fn source_allowed(&self, zone: u8, address: &Address) -> bool;
}

/// What was decided about a frame, and what was learned on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Classified {
    /// The decision.
    pub verdict: Verdict,
    /// The zone that owns the destination, or [`ZONE_UNKNOWN`] if the decision fell before that was known.
    pub zone: u8,
    /// For [`Verdict::Rtp`]: the place of the port's flow in the flow table, if it has one.
    pub flow: Option<u32>,
    /// The headers: complete for [`Verdict::Sip`] and [`Verdict::Rtp`], else as far as reading went.
    pub layout: Layout,
}

/// Decides what becomes of the frame in `bytes`, which begins at the Ethernet header.
///
/// Only UDP for one of our addresses and to a SIP or media port is ours; everything else goes to the kernel's stack,
/// broken or not, because the kernel checks and counts it itself. What is ours and contradicts itself is dropped.
/// Bytes after the UDP datagram (Ethernet padding) are accepted and left out of the [`Layout`].
///
/// Does not verify the UDP checksum (see [`crate::header::verify_udp_checksum`]). Constant time: at most 60 bytes of IP
/// header are read, and nothing of the datagram.
#[inline(always)]
pub fn classify<B: Bytes + ?Sized, S: Steering>(bytes: &B, steering: &S) -> Classified {
    let mut classified = Classified {
        verdict: Verdict::Kernel(PassReason::Unreadable),
        zone: ZONE_UNKNOWN,
        flow: None,
        layout: Layout::EMPTY,
    };
    let Classified {
        zone, flow, layout, ..
    } = &mut classified;
    classified.verdict = match decide(bytes, steering, layout, zone, flow) {
        Ok(verdict) | Err(verdict) => verdict,
    };
    classified
}

/// The decision; `Err` is merely the early way out.
#[inline(always)]
fn decide<B: Bytes + ?Sized, S: Steering>(
    bytes: &B,
    steering: &S,
    layout: &mut Layout,
    zone: &mut u8,
    flow: &mut Option<u32>,
) -> Result<Verdict, Verdict> {
    let ethertype = link::read(bytes, layout)?;
    let ip = ip::read(bytes, ethertype, layout)?;
    let local = steering
        .local(&layout.destination)
        .ok_or(Verdict::Kernel(PassReason::NotLocal))?;
    *zone = local.zone;
    let (source_port, destination_port) = ports(bytes, &ip, layout)?;
    layout.source_port = source_port;
    layout.destination_port = destination_port;
    let is_sip = local.is_sip(destination_port);
    if !is_sip && !local.is_rtp(destination_port) {
        return Err(Verdict::Kernel(PassReason::OtherPort));
    }
    if local.interface != INTERFACE_ANY && local.interface != steering.interface() {
        return Err(Verdict::Drop(DropReason::WrongInterface));
    }
    ip::check(bytes, &ip, layout)?;
    check_udp(bytes, &ip, layout)?;
    check_source(bytes, layout)?;
    if !is_sip {
        *flow = local.flow_index(destination_port);
        return Ok(Verdict::Rtp { zone: local.zone });
    }
    if !steering.source_allowed(local.zone, &layout.source) {
        return Err(Verdict::Drop(DropReason::SourceNotAllowed));
    }
    Ok(Verdict::Sip { zone: local.zone })
}

/// The ports, and the offset of the UDP header. Whoever cannot be asked for its port and says it is for us is broken.
#[inline(always)]
fn ports<B: Bytes + ?Sized>(bytes: &B, ip: &ip::Header, layout: &mut Layout) -> Result<(u16, u16), Verdict> {
    let header_len = ip.header_len.ok_or(Verdict::Drop(DropReason::BadIpHeader))?;
    let l4_offset = layout.l3_offset as usize + header_len;
    layout.l4_offset = l4_offset as u16;
    layout.payload_offset = (l4_offset + UDP_LEN) as u16;
    let ports = bytes
        .be32_at(l4_offset)
        .ok_or(Verdict::Drop(DropReason::Truncated))?;
    Ok(((ports >> 16) as u16, ports as u16))
}

/// Checks the UDP length against the IP packet, and the checksum where zero is forbidden.
#[inline(always)]
fn check_udp<B: Bytes + ?Sized>(bytes: &B, ip: &ip::Header, layout: &mut Layout) -> Result<(), Verdict> {
    let len_and_sum = bytes
        .be32_at(layout.l4_offset as usize + 4)
        .ok_or(Verdict::Drop(DropReason::Truncated))?;
    let udp_len = (len_and_sum >> 16) as usize;
    let room = ip.packet_len - (layout.l4_offset - layout.l3_offset) as usize;
    if udp_len < UDP_LEN || udp_len > room {
        return Err(Verdict::Drop(DropReason::BadUdpLength));
    }
    layout.payload_len = (udp_len - UDP_LEN) as u16;
    //= https://www.rfc-editor.org/rfc/rfc8200#section-8.1
    //# IPv6 receivers must discard UDP packets
    //# containing a zero checksum and should log the error.
    if layout.is_ipv6 && len_and_sum as u16 == 0 {
        return Err(Verdict::Drop(DropReason::BadUdpChecksum));
    }
    Ok(())
}

/// Refuses a source that nobody can have. An answer to it would go astray, or come back to us.
#[inline(always)]
fn check_source<B: Bytes + ?Sized>(bytes: &B, layout: &Layout) -> Result<(), Verdict> {
    let is_group_mac = bytes.u8_at(6).is_none_or(|first| first & 1 == 1);
    // An IPv6 packet from ::ffff:a.b.c.d would otherwise pass as coming from the IPv4 host a.b.c.d.
    let is_disguised = layout.is_ipv6 && layout.source.is_ipv4();
    let is_our_own = layout.source == layout.destination;
    if is_group_mac
        || is_disguised
        || is_our_own
        || layout.source.is_never_a_source()
        || layout.source_port == 0
    {
        return Err(Verdict::Drop(DropReason::BadSource));
    }
    Ok(())
}

/// The same knowledge as the maps hold, in plain slices: what workers and tests decide with.
#[derive(Clone, Copy, Debug)]
pub struct Tables<'a> {
    /// Slot of the interface that the frame came in on.
    pub interface: u8,
    /// Our addresses.
    pub locals: &'a [(Address, Local)],
    /// Allowed sources: zone and address, and how many bits of that key count (see [`SourceKey::bits`]).
    pub sources: &'a [(SourceKey, u32)],
}

impl Steering for Tables<'_> {
    fn interface(&self) -> u8 {
        self.interface
    }

    fn local(&self, address: &Address) -> Option<Local> {
        self.locals
            .iter()
            .find(|(ours, _)| ours == address)
            .map(|(_, local)| *local)
    }

    fn source_allowed(&self, zone: u8, address: &Address) -> bool {
        self.sources.iter().any(|(key, bits)| {
            let difference = u128::from_be_bytes(key.address.0) ^ u128::from_be_bytes(address.0);
            key.zone == zone && difference.leading_zeros() + 8 >= *bits
        })
    }
}

#[cfg(test)]
mod tests;
