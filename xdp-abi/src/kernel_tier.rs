//! What the kernel does with a datagram for a flow of its own: decided and rewritten by this one source on both sides.

use crate::checksum::Sum;
use crate::flow::{Counts, IN_KERNEL, IS_UDPTL, Rules, is_being_written};
use crate::header::{Bytes, BytesMut, Layout, UDP_LEN, is_too_big};
use crate::verdict::DropReason;

/// What becomes of a datagram for a media port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The kernel relays it; the datagram is RTP with this payload type, or UDPTL ([`None`]).
    Relay(Option<u8>),
    /// The worker gets it.
    Worker,
    /// Nobody gets it.
    Drop(DropReason),
}

/// Decides about the datagram in `bytes`, for which [`crate::classify()`] said media, and counts it in `counts`.
///
/// `rules` are whole, as [`crate::flow::observe`] gives them. Reads the first twelve bytes of the datagram. Integers
/// only, constant time.
#[inline(always)]
pub fn decide<B: Bytes + ?Sized>(
    bytes: &B,
    layout: &Layout,
    rules: &Rules,
    counts: &mut Counts,
    now_ns: u64,
) -> Decision {
    let flags = rules.flags();
    if flags & IN_KERNEL == 0 || is_being_written(rules.head) {
        return Decision::Worker;
    }
    let rtp = if flags & IS_UDPTL != 0 {
        None
    } else if let Some(rtp) = Rtp::read(bytes, layout) {
        Some(rtp)
    } else {
        counts.to_worker += 1;
        return Decision::Worker;
    };
    if layout.source_port != rules.remote_port() || layout.source.words() != rules.remote.words() {
        counts.wrong_source += 1;
        return Decision::Drop(DropReason::RtpWrongSource);
    }
    if rtp
        .as_ref()
        .is_some_and(|rtp| !rules.is_allowed(rtp.payload_type))
    {
        counts.wrong_payload_type += 1;
        return Decision::Drop(DropReason::RtpWrongPayloadType);
    }
    if let Err(decision) = admit(bytes, layout, rules, counts, now_ns) {
        return decision;
    }
    if let Some(rtp) = &rtp {
        measure(rtp, rules, counts, now_ns);
    }
    Decision::Relay(rtp.map(|rtp| rtp.payload_type))
}

/// The rest of the gate: whether it can be sent from here, size and rate. What passes is counted.
#[inline(always)]
fn admit<B: Bytes + ?Sized>(
    bytes: &B,
    layout: &Layout,
    rules: &Rules,
    counts: &mut Counts,
    now_ns: u64,
) -> Result<(), Decision> {
    let checksum = bytes.be16_at(layout.l4_offset as usize + 6);
    if checksum.is_none_or(|checksum| checksum == 0) && !layout.is_ipv6 && rules.egress.is_ipv6() {
        // A checksum must be made from the whole datagram: not here.
        counts.to_worker += 1;
        return Err(Decision::Worker);
    }
    let is_too_long = rules.payload_len_max != 0 && layout.payload_len > rules.payload_len_max;
    if is_too_long || is_too_big(&rules.egress, layout.payload_len as usize + UDP_LEN) {
        counts.too_big += 1;
        return Err(Decision::Drop(DropReason::RtpTooBig));
    }
    if rules.interval_ns != 0 {
        let used_until = counts.used_until_ns.max(now_ns);
        if used_until - now_ns > rules.burst_ns as u64 {
            counts.over_rate += 1;
            return Err(Decision::Drop(DropReason::RtpOverRate));
        }
        counts.used_until_ns = used_until + rules.interval_ns as u64;
    }
    counts.packets += 1;
    counts.bytes += bytes.len() as u64;
    counts.last_ns = now_ns;
    Ok(())
}

/// The RTP header's fields that are looked at.
struct Rtp {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

impl Rtp {
    /// The header of a plain RTP packet; `None` for RTCP, STUN, DTLS and all else.
    #[inline(always)]
    fn read<B: Bytes + ?Sized>(bytes: &B, layout: &Layout) -> Option<Self> {
        if layout.payload_len < 12 {
            return None;
        }
        let [first, timestamp, ssrc] = bytes.words_at(layout.payload_offset as usize)?;
        let first = u32::from_be(first);
        let payload_type = (first >> 16) as u8 & 0x7f;
        //= https://www.rfc-editor.org/rfc/rfc5761#section-4
        //# Given these constraints, it is RECOMMENDED to follow the guidelines
        //# in the RTP/AVP profile [7] for the choice of RTP payload type values,
        //# with the additional restriction that payload type values in the range
        //# 64-95 MUST NOT be used.
        if first >> 30 != 2 || payload_type & 0x60 == 0x40 {
            return None;
        }
        Some(Self {
            payload_type,
            sequence: first as u16,
            timestamp: u32::from_be(timestamp),
            ssrc: u32::from_be(ssrc),
        })
    }
}

/// Sequence gaps and jitter.
#[inline(always)]
fn measure(rtp: &Rtp, rules: &Rules, counts: &mut Counts, now_ns: u64) {
    // Ticks of a clock that runs at the RTP timestamp's rate: seconds and the rest apart, so that nothing overflows.
    let rate = rules.clock_rate as u64;
    let (seconds, rest_ns) = (now_ns / 1_000_000_000, now_ns % 1_000_000_000);
    let arrival = (seconds * rate + rest_ns * rate / 1_000_000_000) as u32;
    let transit = arrival.wrapping_sub(rtp.timestamp);
    let goes_on = counts.has_stream != 0 && counts.ssrc == rtp.ssrc && counts.generation == rules.generation;
    if !goes_on {
        counts.has_stream = 1;
        counts.ssrc = rtp.ssrc;
        counts.generation = rules.generation;
        counts.sequence = rtp.sequence;
        counts.transit = transit;
        counts.jitter_x16 = 0;
        return;
    }
    let step = rtp.sequence.wrapping_sub(counts.sequence);
    if step == 0 {
        // The same packet again.
    } else if step < 0x8000 {
        counts.missing += step as i64 - 1;
        counts.sequence = rtp.sequence;
    } else {
        counts.missing -= 1;
    }
    if rate != 0 {
        //= https://www.rfc-editor.org/rfc/rfc3550#appendix-A.8
        //# s->jitter += d - ((s->jitter + 8) >> 4);
        let difference = transit.wrapping_sub(counts.transit) as i32;
        counts.transit = transit;
        let jitter = counts.jitter_x16;
        counts.jitter_x16 = jitter
            .wrapping_add(difference.unsigned_abs())
            .wrapping_sub(jitter.wrapping_add(8) >> 4);
    }
}

/// Gives the datagram the payload type that the other side knows, with the UDP checksum made to fit.
///
/// To be called before [`crate::rewrite::towards`], with the frame at `start` of `buffer`. `None` if `layout` does not
/// fit the buffer.
#[inline(always)]
pub fn map_payload_type<B: BytesMut + ?Sized>(
    buffer: &mut B,
    start: usize,
    layout: &Layout,
    rules: &Rules,
    payload_type: u8,
) -> Option<()> {
    let mapped = rules.mapped(payload_type);
    if mapped == payload_type {
        return Some(());
    }
    let place = start + layout.payload_offset as usize;
    let checksum_place = start + layout.l4_offset as usize + 6;
    let old = buffer.be16_at(place)?;
    let new = old & !0x7f | mapped as u16 & 0x7f;
    buffer.put(place, new.to_be_bytes())?;
    let checksum = buffer.be16_at(checksum_place)?;
    if checksum != 0 {
        let changed = Sum::resume(checksum).subtract(old).add(new).finish_udp();
        buffer.put(checksum_place, changed.to_be_bytes())?;
    }
    Some(())
}

#[cfg(test)]
mod tests;
