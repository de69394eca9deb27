//! One direction of a relay as the kernel's side knows it, and how both sides share it without locks.
//!
//! A [`Flow`] lies in an array that kernel and workers map. Its first half, [`Rules`], is written by the worker that
//! owns the port and by nobody else; its second half, [`Counts`], by the XDP program and by nobody else. They have
//! no cache line in common.
//!
//! **Writing rules.** The lowest 32 bits of the first word are a sequence count. The writer makes it odd, writes the
//! other words, and makes it even again together with the rest of the first word. A reader that finds it odd, or
//! finds another count after it has copied the words, has nothing: the kernel then gives the frame to the worker, as if
//! the flow were not its own. So the kernel never waits, and never acts on half of an old and half of a new rule.
//! Orders: the odd count is published before any word (release fence after it), the words before the even count
//! (release store of it); a reader takes the first count with acquire, and its last look comes after an acquire fence.
//!
//! **Counts** are never cleared: who takes a slot for a new call remembers where they stood. Every frame of a flow comes
//! in on one queue as long as the sender's address and port stay the same, so one CPU writes them at a time; where two
//! do, single packets may be missing in the counts, and none in the relay.

use core::sync::atomic::{AtomicU64, Ordering, fence};

use crate::header::{Address, Egress};

/// Words of [`Rules`].
pub const RULES_WORDS: usize = 16;

/// [`Rules::flags`]: the kernel may relay this flow. Without it everything goes to the worker.
pub const IN_KERNEL: u16 = 1;
/// [`Rules::flags`]: the datagrams are UDPTL (T.38) and not RTP: no version, payload type or sequence is looked at.
pub const IS_UDPTL: u16 = 2;

/// Payload types that [`Rules::payload_type_map`] can change.
pub const MAPPED_MAX: usize = 4;

/// A flow in the table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Flow {
    /// What is to be done. Written by userspace.
    pub rules: Rules,
    /// What was done. Written by the kernel.
    pub counts: Counts,
}

/// What the kernel does with the datagrams of one media port. Host byte order, addresses in network order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Rules {
    /// From the lowest bit: 32 of sequence count, 16 of flags, 16 of the remote's port.
    pub head: u64,
    /// The one address that is believed.
    pub remote: Address,
    /// The payload types that may pass: bit `n` of word 0 for type `n`, of word 1 for type `64 + n`.
    pub payload_types: [u64; 2],
    /// Kernel index of the interface to send on.
    pub egress_ifindex: u32,
    /// Longest datagram that may pass; 0 for no limit.
    pub payload_len_max: u16,
    /// The headers to send with.
    pub egress: Egress,
    /// Payload types to change: the received one and the one to send, [`UNMAPPED`] where there is none.
    pub payload_type_map: [[u8; 2]; MAPPED_MAX],
    /// Time that one packet uses up, in nanoseconds; 0 for no policing.
    pub interval_ns: u32,
    /// Time that may be used up ahead, in nanoseconds: the burst.
    pub burst_ns: u32,
    /// Ticks of the RTP timestamp in a second; 0 if jitter is not to be measured.
    pub clock_rate: u32,
    /// Changes with each call that uses the slot: the kernel then begins anew with the RTP stream.
    pub generation: u32,
}

/// In [`Rules::payload_type_map`]: no payload type.
pub const UNMAPPED: u8 = 0xff;

impl Rules {
    /// Nothing is relayed.
    pub const NONE: Self = Self {
        head: 0,
        remote: Address([0; 16]),
        payload_types: [0; 2],
        egress_ifindex: 0,
        payload_len_max: 0,
        egress: Egress::EMPTY,
        payload_type_map: [[UNMAPPED; 2]; MAPPED_MAX],
        interval_ns: 0,
        burst_ns: 0,
        clock_rate: 0,
        generation: 0,
    };

    /// The first word for these flags and this port, with a sequence count of 0.
    #[inline(always)]
    #[must_use]
    pub const fn head(flags: u16, remote_port: u16) -> u64 {
        (flags as u64) << 32 | (remote_port as u64) << 48
    }

    /// [`IN_KERNEL`], [`IS_UDPTL`].
    #[inline(always)]
    #[must_use]
    pub const fn flags(&self) -> u16 {
        (self.head >> 32) as u16
    }

    /// The one port that is believed.
    #[inline(always)]
    #[must_use]
    pub const fn remote_port(&self) -> u16 {
        (self.head >> 48) as u16
    }

    /// Whether `payload_type` may pass.
    #[inline(always)]
    #[must_use]
    pub const fn is_allowed(&self, payload_type: u8) -> bool {
        let [low, high] = self.payload_types;
        let word = if payload_type < 64 { low } else { high };
        word >> (payload_type & 63) & 1 == 1
    }

    /// The payload type to send for `payload_type`.
    #[inline(always)]
    #[must_use]
    pub const fn mapped(&self, payload_type: u8) -> u8 {
        let [a, b, c, d] = self.payload_type_map;
        if a[0] == payload_type {
            a[1]
        } else if b[0] == payload_type {
            b[1]
        } else if c[0] == payload_type {
            c[1]
        } else if d[0] == payload_type {
            d[1]
        } else {
            payload_type
        }
    }
}

impl Default for Rules {
    fn default() -> Self {
        Self::NONE
    }
}

/// What the kernel saw of a flow. Host byte order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(64))]
pub struct Counts {
    /// Datagrams relayed.
    pub packets: u64,
    /// Bytes of those frames as they came in, from the Ethernet header on.
    pub bytes: u64,
    /// When the last one came, `CLOCK_MONOTONIC` nanoseconds.
    pub last_ns: u64,
    /// Policing: up to when time is used up.
    pub used_until_ns: u64,
    /// Sequence numbers that were left out, with those that came late taken off again.
    pub missing: i64,
    /// Synchronisation source of the stream that is measured.
    pub ssrc: u32,
    /// Jitter (RFC 3550, section A.8), sixteen times, in ticks of the RTP timestamp.
    pub jitter_x16: u32,
    /// When the last packet came less when it was sent, in ticks.
    pub transit: u32,
    /// The highest sequence number.
    pub sequence: u16,
    /// 1 once a stream is measured.
    pub has_stream: u16,
    /// The [`Rules::generation`] that the stream belongs to.
    pub generation: u32,
    /// Zero.
    pub reserved: u32,
    /// Dropped: not from the remote.
    pub wrong_source: u64,
    /// Dropped: payload type not agreed.
    pub wrong_payload_type: u64,
    /// Dropped: longer than agreed or than the egress interface can send.
    pub too_big: u64,
    /// Dropped: more than agreed.
    pub over_rate: u64,
    /// Given to the worker: RTCP, STUN and all that is not plain RTP.
    pub to_worker: u64,
}

/// Publishes `rules` at `place`. Only one thread may write there.
///
/// `rules` are the words of [`Rules`]; the sequence count in them is not used.
pub fn publish(place: &[AtomicU64; RULES_WORDS], rules: &[u64; RULES_WORDS]) {
    let ([head_place, rest_places @ ..], [head, rest @ ..]) = (place, rules);
    let old = head_place.load(Ordering::Relaxed);
    let odd = old as u32 | 1;
    head_place.store(old & !SEQUENCE | u64::from(odd), Ordering::Relaxed);
    fence(Ordering::Release);
    for (place, word) in rest_places.iter().zip(rest) {
        place.store(*word, Ordering::Relaxed);
    }
    head_place.store(
        head & !SEQUENCE | u64::from(odd.wrapping_add(1)),
        Ordering::Release,
    );
}

/// The rules at `place`, or `None` if they are just being written.
#[must_use]
pub fn observe(place: &[AtomicU64; RULES_WORDS]) -> Option<[u64; RULES_WORDS]> {
    let [head_place, ..] = place;
    let before = head_place.load(Ordering::Acquire);
    let mut words = [before; RULES_WORDS];
    for (word, place) in words.iter_mut().zip(place).skip(1) {
        *word = place.load(Ordering::Relaxed);
    }
    fence(Ordering::Acquire);
    let after = head_place.load(Ordering::Relaxed);
    (before == after && !is_being_written(before)).then_some(words)
}

/// Whether a first word says that the others are not to be believed.
#[inline(always)]
#[must_use]
pub const fn is_being_written(head: u64) -> bool {
    head & 1 == 1
}

const SEQUENCE: u64 = 0xffff_ffff;

const _: () = {
    use core::mem::offset_of;
    assert!(size_of::<Flow>() == 256 && align_of::<Flow>() == 64);
    assert!(size_of::<Rules>() == 8 * RULES_WORDS && offset_of!(Flow, counts) == 128);
    assert!(offset_of!(Rules, egress_ifindex) == 40 && offset_of!(Rules, egress) == 46);
    assert!(size_of::<Egress>() == 58 && offset_of!(Egress, source) == 26);
    assert!(offset_of!(Rules, payload_type_map) == 104 && offset_of!(Rules, generation) == 124);
    assert!(offset_of!(Counts, ssrc) == 40 && offset_of!(Counts, wrong_source) == 64);
    assert!(size_of::<Counts>() == 128);
};

#[cfg(test)]
mod tests;
