//! Writing Ethernet, IP and UDP headers in front of a datagram.

use super::{
    BytesMut, ETHERNET_LEN, ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_QINQ, ETHERTYPE_VLAN, Egress, IPV4_LEN,
    IPV6_LEN, PROTOCOL_UDP, UDP_LEN, VLAN_TAG_LEN, pseudo_header,
};
use crate::checksum::Sum;
use crate::rewrite::Rewritten;
use crate::verdict::DropReason;

/// How many bytes of headers a frame towards `egress` has in front of its datagram.
#[inline(always)]
#[must_use]
pub const fn headers_len(egress: &Egress) -> usize {
    link_len(egress) + ip_len(egress) + UDP_LEN
}

/// Builds the headers of a SIP datagram: the `payload_len` bytes at `payload_offset` become a frame towards `egress`.
///
/// All checksums are full ones. The frame begins [`headers_len`] bytes before the datagram, and nothing else in
/// `buffer` is touched. Linear in the datagram's length.
///
/// # Errors
/// [`DropReason::SipTooBig`] if the packet exceeds the egress MTU or an IP packet's limit, [`DropReason::NoHeadroom`]
/// if there is not enough room in front of the datagram, [`DropReason::Truncated`] if it is not all in `buffer`.
pub fn write_udp(
    buffer: &mut [u8],
    payload_offset: usize,
    payload_len: usize,
    egress: &Egress,
) -> Result<Rewritten, DropReason> {
    if is_too_big(egress, UDP_LEN + payload_len) {
        return Err(DropReason::SipTooBig);
    }
    let udp_len = (UDP_LEN + payload_len) as u16;
    let l4_offset = payload_offset
        .checked_sub(UDP_LEN)
        .ok_or(DropReason::NoHeadroom)?;
    let checksum = pseudo_header(&egress.source, &egress.destination, udp_len)
        .add(egress.source_port)
        .add(egress.destination_port)
        .add(udp_len)
        .add_range(buffer, payload_offset, payload_len)
        .ok_or(DropReason::Truncated)?
        .finish_udp();
    write_headers(buffer, l4_offset, udp_len, checksum, egress)
}

/// Writes Ethernet, VLAN and IP headers before the UDP header at `l4_offset`, and that header itself.
///
/// The caller answers for `checksum` and for the packet's size. Constant time.
///
/// # Errors
/// [`DropReason::NoHeadroom`] if the headers do not fit before `l4_offset`, [`DropReason::Truncated`] if `buffer` ends
/// before the UDP header does.
#[inline(always)]
pub fn write_headers<B: BytesMut + ?Sized>(
    buffer: &mut B,
    l4_offset: usize,
    udp_len: u16,
    checksum: u16,
    egress: &Egress,
) -> Result<Rewritten, DropReason> {
    let l3_offset = l4_offset
        .checked_sub(ip_len(egress))
        .ok_or(DropReason::NoHeadroom)?;
    let start = l3_offset
        .checked_sub(link_len(egress))
        .ok_or(DropReason::NoHeadroom)?;
    let written = write_link(buffer, start, egress)
        .and_then(|()| match (egress.source.ipv4(), egress.destination.ipv4()) {
            (Some(source), Some(destination)) => {
                buffer.put(l3_offset, ipv4_header(source, destination, udp_len, egress))
            }
            _ => write_ipv6(buffer, l3_offset, udp_len, egress),
        })
        .and_then(|()| {
            buffer.put(l4_offset, egress.source_port.to_be_bytes())?;
            buffer.put(l4_offset + 2, egress.destination_port.to_be_bytes())?;
            buffer.put(l4_offset + 4, udp_len.to_be_bytes())?;
            buffer.put(l4_offset + 6, checksum.to_be_bytes())
        });
    written.ok_or(DropReason::Truncated)?;
    Ok(Rewritten {
        start,
        len: l4_offset - start + udp_len as usize,
    })
}

/// Whether an IP packet with a datagram of `udp_len` bytes is too big to leave towards `egress`.
#[inline(always)]
pub(crate) const fn is_too_big(egress: &Egress, udp_len: usize) -> bool {
    ip_len(egress) + udp_len > packet_len_max(egress)
}

#[inline(always)]
const fn packet_len_max(egress: &Egress) -> usize {
    match egress.mtu {
        0 => u16::MAX as usize,
        mtu => mtu as usize,
    }
}

/// Length of the IP header towards `egress`.
#[inline(always)]
const fn ip_len(egress: &Egress) -> usize {
    if egress.is_ipv6() { IPV6_LEN } else { IPV4_LEN }
}

/// Length of the Ethernet header with the tags of `egress`.
#[inline(always)]
const fn link_len(egress: &Egress) -> usize {
    match egress.vlan_count {
        0 => ETHERNET_LEN,
        1 => ETHERNET_LEN + VLAN_TAG_LEN,
        _ => ETHERNET_LEN + 2 * VLAN_TAG_LEN,
    }
}

/// Writes the Ethernet header and the tags at `start`.
#[inline(always)]
fn write_link<B: BytesMut + ?Sized>(buffer: &mut B, start: usize, egress: &Egress) -> Option<()> {
    buffer.put(start, egress.destination_mac)?;
    buffer.put(start + 6, egress.source_mac)?;
    let ethertype = if egress.is_ipv6() {
        ETHERTYPE_IPV6
    } else {
        ETHERTYPE_IPV4
    };
    let [outer, inner] = egress.vlan;
    let at = start + 12;
    match egress.vlan_count {
        0 => {}
        1 => buffer.put(at, tag(ETHERTYPE_VLAN, outer))?,
        _ => {
            buffer.put(at, tag(ETHERTYPE_QINQ, outer))?;
            buffer.put(at + VLAN_TAG_LEN, tag(ETHERTYPE_VLAN, inner))?;
        }
    }
    buffer.put(start + link_len(egress) - 2, ethertype.to_be_bytes())
}

/// One VLAN tag as it stands in the frame.
#[inline(always)]
const fn tag(ethertype: u16, control: u16) -> [u8; 4] {
    let ([a, b], [c, d]) = (ethertype.to_be_bytes(), control.to_be_bytes());
    [a, b, c, d]
}

/// A whole IPv4 header without options, checksum included.
///
/// It is always written afresh: options of the received packet were meant for us, and ten words cost as much to sum
/// as the eight that change would cost to exchange.
#[inline(always)]
fn ipv4_header(source: [u8; 4], destination: [u8; 4], udp_len: u16, egress: &Egress) -> [u8; IPV4_LEN] {
    let [len_high, len_low] = (IPV4_LEN as u16 + udp_len).to_be_bytes();
    //= https://www.rfc-editor.org/rfc/rfc6864#section-4.1
    //# Originating sources MAY set the IPv4 ID field of
    //# atomic datagrams to any value.
    let mut header = [0; IPV4_LEN];
    header[0] = 0x45;
    header[1] = egress.dscp << 2;
    header[2] = len_high;
    header[3] = len_low;
    header[6] = 0x40;
    header[8] = egress.ttl;
    header[9] = PROTOCOL_UDP;
    [header[12], header[13], header[14], header[15]] = source;
    [header[16], header[17], header[18], header[19]] = destination;
    [header[10], header[11]] = Sum::new().add_bytes(&header).finish().to_be_bytes();
    header
}

/// Writes an IPv6 header without extension headers at `offset`.
#[inline(always)]
fn write_ipv6<B: BytesMut + ?Sized>(
    buffer: &mut B,
    offset: usize,
    udp_len: u16,
    egress: &Egress,
) -> Option<()> {
    let first = 6 << 28 | (egress.dscp as u32 & 0x3f) << 22;
    let [len_high, len_low] = udp_len.to_be_bytes();
    buffer.put(offset, first.to_be_bytes())?;
    buffer.put(offset + 4, [len_high, len_low, PROTOCOL_UDP, egress.ttl])?;
    buffer.put(offset + 8, egress.source.0)?;
    buffer.put(offset + 24, egress.destination.0)
}
