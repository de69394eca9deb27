//! What is measured of an RTP stream on its way: loss, reordering, duplicates, jitter.
//!
//! The receiver's side of RFC 3550 appendix A.1, A.3 and A.8 in integers, split in two so that a packet in order touches
//! [`Stream`] only (next to the rest of the flow's hot data) and [`History`] is for what happens rarely.

use trunkline_time::Timestamp;

use crate::rtp::RtpView;

/// The running state of the stream (one SSRC) that a flow carries at the moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stream {
    ssrc: u32,
    /// Extended highest sequence number, counted from 65,536 on; 0 before the first packet.
    highest: u32,
    /// Which of the 32 sequence numbers up to `highest` were seen; bit 0 is `highest`.
    seen: u32,
    /// Packets with this SSRC, all of them.
    received: u32,
    /// Relative transit time of the last packet that counted for jitter, in timestamp units.
    transit: u32,
    /// Sixteen times the interarrival jitter in timestamp units, as in RFC 3550 A.8.
    jitter: u32,
    timestamp: u32,
    clock_rate: u32,
}

/// What became of earlier streams of the flow, and the counts that rarely change.
#[derive(Clone, Copy, Debug, Default)]
pub struct History {
    /// Lowest extended sequence number of the running stream.
    base: u32,
    /// The sequence number that would confirm a jump (RFC 3550 A.1 "bad_seq"); none at 65,536 and above.
    jumped_to: u32,
    /// Packets of the running stream that add nothing to the sequence: duplicates and unconfirmed jumps.
    surplus: u32,
    earlier_received: u64,
    earlier_expected: u64,
    earlier_lost: u64,
    duplicate_count: u64,
    reordered_count: u64,
    restart_count: u32,
}

/// Loss, order and jitter of a flow since it was installed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// RTP packets received, duplicates included.
    pub received: u64,
    /// Packets that the sequence numbers say were sent, from the first received to the highest.
    pub expected: u64,
    /// Expected packets that never came. Duplicates do not make up for losses.
    pub lost: u64,
    /// Packets that came again.
    pub duplicates: u64,
    /// Packets that came after one with a higher sequence number.
    pub reordered: u64,
    /// Times that the stream began anew: another SSRC, or a confirmed jump of the sequence number.
    pub restarts: u32,
    /// Interarrival jitter of RFC 3550 section 6.4.1 as of the last packet, in nanoseconds.
    pub jitter_ns: u64,
    /// The SSRC seen last, if there was RTP at all.
    pub ssrc: Option<u32>,
}

impl Stream {
    /// A stream whose timestamps count `clock_rate` units a second.
    #[must_use]
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(1),
            ..Self::default()
        }
    }

    /// Takes over another clock rate from the next packet on; jitter starts again from what it was in time.
    pub fn set_clock_rate(&mut self, clock_rate: u32) {
        let clock_rate = clock_rate.max(1);
        if clock_rate == self.clock_rate {
            return;
        }
        let rescaled = u64::from(self.jitter) * u64::from(clock_rate) / u64::from(self.clock_rate.max(1));
        self.jitter = u32::try_from(rescaled).unwrap_or(u32::MAX);
        self.clock_rate = clock_rate;
        // Transit times on two clocks have nothing to do with each other: the next one is a jump, and starts again.
        self.transit ^= 1 << 31;
    }

    /// Counts one RTP packet. Constant time, no division by a variable.
    #[inline]
    pub fn on_rtp(&mut self, history: &mut History, now: Timestamp, rtp: &RtpView<'_>) {
        let sequence_number = rtp.sequence_number();
        if self.highest == 0 || rtp.ssrc() != self.ssrc {
            self.restart(history, rtp.ssrc(), sequence_number);
            self.received = 1;
            self.timestamp = rtp.timestamp();
            self.transit = self.arrival(now).wrapping_sub(rtp.timestamp());
            return;
        }
        self.received = self.received.wrapping_add(1);
        let ahead = sequence_number.wrapping_sub(self.highest as u16);
        if ahead == 1 {
            self.highest = self.highest.wrapping_add(1);
            self.seen = self.seen << 1 | 1;
        } else {
            self.on_out_of_sequence(history, sequence_number, ahead);
        }
        self.on_timestamp(now, rtp.timestamp());
    }

    /// The sequence number is not the one after the highest: a gap, a late packet, a duplicate or a jump.
    #[cold]
    fn on_out_of_sequence(&mut self, history: &mut History, sequence_number: u16, ahead: u16) {
        let behind = u32::from(ahead.wrapping_neg());
        match ahead {
            0 => history.count_duplicate(),
            1..DROPOUT_MAX => {
                self.highest = self.highest.wrapping_add(u32::from(ahead));
                self.seen = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0) | 1;
            }
            _ if behind < MISORDER_MAX => {
                let place = 1_u32.checked_shl(behind).unwrap_or(0);
                if self.seen & place != 0 {
                    history.count_duplicate();
                } else {
                    self.seen |= place;
                    history.reordered_count += 1;
                    history.base = history.base.min(self.highest.wrapping_sub(behind));
                }
            }
            _ if history.jumped_to == u32::from(sequence_number) => {
                // The packet that announced the jump and this one belong to the new sequence.
                self.received = self.received.wrapping_sub(2);
                history.surplus = history.surplus.saturating_sub(1);
                self.restart(history, self.ssrc, sequence_number.wrapping_sub(1));
                self.highest += 1;
                self.seen = 0b11;
                self.received = 2;
            }
            _ => {
                history.jumped_to = u32::from(sequence_number.wrapping_add(1));
                history.surplus += 1;
            }
        }
    }

    /// Interarrival jitter of RFC 3550 A.8.
    ///
    /// Packets of one sampling instant (a telephone event keeps its timestamp throughout) count once, when they begin:
    /// they were not meant to arrive together. A clock that jumps starts again instead of spoiling the average.
    #[inline]
    fn on_timestamp(&mut self, now: Timestamp, timestamp: u32) {
        if timestamp == self.timestamp {
            return;
        }
        let transit = self.arrival(now).wrapping_sub(timestamp);
        let difference = transit.wrapping_sub(self.transit).cast_signed().unsigned_abs();
        self.transit = transit;
        self.timestamp = timestamp;
        //= https://www.rfc-editor.org/rfc/rfc3550#section-6.4.1
        //# The interarrival jitter J is defined to be the
        //# mean deviation (smoothed absolute value) of the difference D in
        //# packet spacing at the receiver compared to the sender for a pair
        //# of packets.
        if difference <= self.clock_rate.saturating_mul(CLOCK_JUMP_SECS) {
            self.jitter = (self.jitter + difference).saturating_sub((self.jitter + 8) >> 4);
        }
    }

    /// `now` in timestamp units, modulo 2^32.
    #[inline]
    fn arrival(&self, now: Timestamp) -> u32 {
        let (secs, nanos) = (now.as_nanos() / NANOS_PER_SEC, now.as_nanos() % NANOS_PER_SEC);
        let clock_rate = u64::from(self.clock_rate);
        (secs.wrapping_mul(clock_rate)).wrapping_add(nanos * clock_rate / NANOS_PER_SEC) as u32
    }

    /// Closes the books on the running sequence and opens them at `sequence_number`.
    #[cold]
    fn restart(&mut self, history: &mut History, ssrc: u32, sequence_number: u16) {
        if self.highest != 0 {
            history.earlier_expected += self.expected(history);
            history.earlier_lost += self.lost(history);
            history.earlier_received += u64::from(self.received);
            history.restart_count += 1;
        }
        self.ssrc = ssrc;
        self.highest = SEQUENCE_CYCLE + u32::from(sequence_number);
        self.seen = 1;
        history.base = self.highest;
        history.jumped_to = SEQUENCE_CYCLE;
        history.surplus = 0;
    }

    fn expected(&self, history: &History) -> u64 {
        match self.highest {
            0 => 0,
            highest => u64::from(highest.wrapping_sub(history.base)) + 1,
        }
    }

    fn lost(&self, history: &History) -> u64 {
        let distinct = u64::from(self.received.saturating_sub(history.surplus));
        self.expected(history).saturating_sub(distinct)
    }

    /// Everything measured so far. Divides; not for the packet path.
    #[must_use]
    pub fn quality(&self, history: &History) -> Quality {
        let clock_rate = u64::from(self.clock_rate.max(1));
        Quality {
            received: history.earlier_received + u64::from(self.received),
            expected: history.earlier_expected + self.expected(history),
            lost: history.earlier_lost + self.lost(history),
            duplicates: history.duplicate_count,
            reordered: history.reordered_count,
            restarts: history.restart_count,
            jitter_ns: u64::from(self.jitter) * NANOS_PER_SEC / 16 / clock_rate,
            ssrc: (self.highest != 0).then_some(self.ssrc),
        }
    }
}

impl History {
    fn count_duplicate(&mut self) {
        self.duplicate_count += 1;
        self.surplus += 1;
    }
}

/// A forward step of the sequence number below this is a gap, from here on a jump (RFC 3550 A.1 "MAX_DROPOUT").
const DROPOUT_MAX: u16 = 3000;
/// A packet less than this far behind the highest is late (RFC 3550 A.1 "MAX_MISORDER").
const MISORDER_MAX: u32 = 100;
/// A transit time that changes by more than this is not jitter: the sender's clock started anew.
const CLOCK_JUMP_SECS: u32 = 2;
const SEQUENCE_CYCLE: u32 = 1 << 16;
const NANOS_PER_SEC: u64 = 1_000_000_000;

#[cfg(test)]
mod tests;
