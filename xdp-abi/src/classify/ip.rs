//! IPv4 and IPv6: first what tells whose packet it is, later whether it can be believed.

use crate::checksum::Sum;
use crate::header::{
    Address, Bytes, ETHERTYPE_IPV4, ETHERTYPE_IPV6, IPV4_LEN, IPV6_LEN, Layout, PROTOCOL_UDP, UDP_LEN,
};
use crate::verdict::{DropReason, PassReason, Verdict};

/// What an IP header says of its own size.
pub(super) struct Header {
    /// Length of the header; `None` if it claims less than there must be.
    pub(super) header_len: Option<usize>,
    /// Length of the packet, header included.
    pub(super) packet_len: usize,
}

/// Reads the addresses of a UDP packet into `layout`; everything that is not plain UDP is the kernel's.
#[inline(always)]
pub(super) fn read<B: Bytes + ?Sized>(
    bytes: &B,
    ethertype: u16,
    layout: &mut Layout,
) -> Result<Header, Verdict> {
    match ethertype {
        ETHERTYPE_IPV4 => read_ipv4(bytes, layout),
        ETHERTYPE_IPV6 => read_ipv6(bytes, layout),
        _ => Err(Verdict::Kernel(PassReason::NotIp)),
    }
}

#[inline(always)]
fn read_ipv4<B: Bytes + ?Sized>(bytes: &B, layout: &mut Layout) -> Result<Header, Verdict> {
    let [version, fragment, protocol, source, destination] = bytes
        .words_at(layout.l3_offset as usize)
        .ok_or(Verdict::Kernel(PassReason::Unreadable))?;
    let version = u32::from_be(version);
    if version >> 28 != 4 {
        return Err(Verdict::Kernel(PassReason::Unreadable));
    }
    // More-fragments flag or an offset. The reserved bit says nothing about fragments.
    if fragment & 0x3fff_u32.to_be() != 0 {
        return Err(Verdict::Kernel(PassReason::Fragment));
    }
    if protocol & 0x00ff_0000_u32.to_be() != ((PROTOCOL_UDP as u32) << 16).to_be() {
        return Err(Verdict::Kernel(PassReason::NotUdp));
    }
    layout.source = Address::from_ipv4_word(source);
    layout.destination = Address::from_ipv4_word(destination);
    let header_len = (version >> 24 & 0x0f) as usize * 4;
    Ok(Header {
        header_len: if header_len < IPV4_LEN {
            None
        } else {
            Some(header_len)
        },
        packet_len: (version & 0xffff) as usize,
    })
}

#[inline(always)]
fn read_ipv6<B: Bytes + ?Sized>(bytes: &B, layout: &mut Layout) -> Result<Header, Verdict> {
    let l3_offset = layout.l3_offset as usize;
    let unreadable = Verdict::Kernel(PassReason::Unreadable);
    let [version, lengths] = bytes.words_at(l3_offset).ok_or(unreadable)?;
    if u32::from_be(version) >> 28 != 6 {
        return Err(unreadable);
    }
    let lengths = u32::from_be(lengths);
    layout.is_ipv6 = true;
    layout.source = Address::from_words(bytes.words_at(l3_offset + 8).ok_or(unreadable)?);
    layout.destination = Address::from_words(bytes.words_at(l3_offset + 24).ok_or(unreadable)?);
    match (lengths >> 8) as u8 {
        PROTOCOL_UDP => {}
        44 => return Err(Verdict::Kernel(PassReason::Fragment)),
        // Hop-by-hop, routing, ESP, AH, destination options, mobility, HIP, shim6.
        0 | 43 | 50 | 51 | 60 | 135 | 139 | 140 => return Err(Verdict::Kernel(PassReason::ExtensionHeader)),
        _ => return Err(Verdict::Kernel(PassReason::NotUdp)),
    }
    // On the wire ::ffff:a.b.c.d is not the IPv4 address that it stands for here.
    if layout.destination.is_ipv4() {
        return Err(Verdict::Kernel(PassReason::NotLocal));
    }
    Ok(Header {
        header_len: Some(IPV6_LEN),
        packet_len: IPV6_LEN + (lengths >> 16) as usize,
    })
}

/// Checks a packet that is ours: lengths and header checksum.
///
/// IPv4 options are stepped over, not read: nothing is forwarded or answered by what they say, and where the datagram
/// begins follows from the header length alone.
/// The TTL is not looked at, not even if it is zero.
#[inline(always)]
pub(super) fn check<B: Bytes + ?Sized>(bytes: &B, ip: &Header, layout: &Layout) -> Result<(), Verdict> {
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
    //# A host MUST NOT discard a datagram just because it was
    //# received with TTL less than 2.
    let header_len = (layout.l4_offset - layout.l3_offset) as usize;
    if ip.packet_len < header_len + UDP_LEN {
        return Err(Verdict::Drop(DropReason::BadIpHeader));
    }
    if ip.packet_len > bytes.len() - layout.l3_offset as usize {
        return Err(Verdict::Drop(DropReason::Truncated));
    }
    if layout.is_ipv6 {
        return Ok(());
    }
    check_ipv4(bytes, layout)
}

#[inline(always)]
fn check_ipv4<B: Bytes + ?Sized>(bytes: &B, layout: &Layout) -> Result<(), Verdict> {
    let truncated = Verdict::Drop(DropReason::Truncated);
    let (l3_offset, l4_offset) = (layout.l3_offset as usize, layout.l4_offset as usize);
    // A sum may be made in any byte order, if it is that of the words: here it is compared with zero alone.
    let [a, b, c, d, e] = bytes.words_at(l3_offset).ok_or(truncated)?;
    let mut sum = Sum::new()
        .add_word(a)
        .add_word(b)
        .add_word(c)
        .add_word(d)
        .add_word(e);
    let mut at = l3_offset + IPV4_LEN;
    for _ in 0..OPTION_WORDS_MAX {
        if at >= l4_offset {
            break;
        }
        let [word] = bytes.words_at(at).ok_or(truncated)?;
        sum = sum.add_word(word);
        at += 4;
    }
    //= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.2
    //# A host MUST verify the IP header checksum on every received
    //# datagram and silently discard every datagram that has a bad
    //# checksum.
    if sum.finish() != 0 {
        return Err(Verdict::Drop(DropReason::BadIpChecksum));
    }
    Ok(())
}

/// An IPv4 header has at most 60 bytes, 20 of which are not options.
const OPTION_WORDS_MAX: usize = 10;
