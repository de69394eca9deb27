//! Turning a received frame into the one that leaves, where it lies.

use crate::checksum::Sum;
use crate::header::{BytesMut, Egress, Layout, UDP_LEN, is_too_big, pseudo_header, write_headers};
use crate::verdict::DropReason;

/// Where the frame to send lies in the buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rewritten {
    /// Offset of its Ethernet header.
    pub start: usize,
    /// Its length, without Ethernet padding.
    pub len: usize,
}

/// Rewrites the received frame at `start` of `buffer` so that it leaves towards `egress`.
///
/// The datagram stays where it is; new headers are written before it, so the frame may begin earlier (IPv4 to IPv6,
/// tags added) or later (IPv6 to IPv4, options or tags removed). At most 28 bytes before `start` are needed.
/// TTL and DSCP are written as `egress` says: a relayed packet is the edge's own. IP options are not carried over.
///
/// The UDP checksum is changed for addresses and ports alone (RFC 1624 equation 3), across families too, so the payload
/// is not read and one that was wrong stays wrong. Zero stays zero on IPv4; IPv4 to IPv6 is the one case where
/// zero must become a sum over the whole datagram. Otherwise constant time, no allocation.
///
/// # Errors
/// [`DropReason::RtpTooBig`] if the packet exceeds the egress MTU, [`DropReason::NoHeadroom`] if the headers do not fit
/// before the datagram, [`DropReason::Truncated`] if `layout` does not fit the buffer. The buffer is then unchanged, but
/// perhaps for its headers.
#[inline(always)]
pub fn towards<B: BytesMut + ?Sized>(
    buffer: &mut B,
    start: usize,
    layout: &Layout,
    egress: &Egress,
) -> Result<Rewritten, DropReason> {
    let l4_offset = start + layout.l4_offset as usize;
    let udp_len = layout.payload_len + UDP_LEN as u16;
    if is_too_big(egress, udp_len as usize) {
        return Err(DropReason::RtpTooBig);
    }
    let received = buffer.be16_at(l4_offset + 6).ok_or(DropReason::Truncated)?;
    if received != 0 || !egress.is_ipv6() {
        return exchange(buffer, start, layout, egress);
    }
    let checksum =
        //= https://www.rfc-editor.org/rfc/rfc8200#section-8.1
        //# Unlike IPv4, the default behavior when UDP packets are
        //# originated by an IPv6 node is that the UDP checksum is not
        //# optional.
        pseudo_header(&egress.source, &egress.destination, udp_len)
            .add(egress.source_port)
            .add(egress.destination_port)
            .add(udp_len)
            .add_range(buffer, l4_offset + UDP_LEN, layout.payload_len as usize)
            .ok_or(DropReason::Truncated)?
            .finish_udp();
    write_headers(buffer, l4_offset, udp_len, checksum, egress)
}

/// As [`towards`], for a frame whose UDP checksum need not be made from the whole datagram: it has one, or leaves as
/// IPv4. What the kernel does; constant time. One without for IPv6 would leave as it must not, with zero.
///
/// # Errors
/// As [`towards`], but that the caller answers for the packet's size.
#[inline(always)]
pub fn exchange<B: BytesMut + ?Sized>(
    buffer: &mut B,
    start: usize,
    layout: &Layout,
    egress: &Egress,
) -> Result<Rewritten, DropReason> {
    let l4_offset = start + layout.l4_offset as usize;
    let checksum = match buffer.be16_at(l4_offset + 6).ok_or(DropReason::Truncated)? {
        0 => 0,
        received => exchanged(received, layout, egress),
    };
    let udp_len = layout.payload_len + UDP_LEN as u16;
    write_headers(buffer, l4_offset, udp_len, checksum, egress)
}

/// The UDP checksum after addresses and ports were exchanged.
#[inline(always)]
fn exchanged(received: u16, layout: &Layout, egress: &Egress) -> u16 {
    //= https://www.rfc-editor.org/rfc/rfc1624#section-3
    //# HC' = ~(C + (-m) + m')    --    [Eqn. 3]
    //#     = ~(~HC + ~m + m')
    Sum::resume(received)
        .subtract_address(&layout.source)
        .subtract_address(&layout.destination)
        .subtract(layout.source_port)
        .subtract(layout.destination_port)
        .add_address(&egress.source)
        .add_address(&egress.destination)
        .add(egress.source_port)
        .add(egress.destination_port)
        .finish_udp()
}

#[cfg(test)]
mod tests;
