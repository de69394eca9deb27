//! The relay: what a worker does with a datagram that arrived on a media port.

use trunkline_time::Timestamp;
use trunkline_xdp_abi::{DropReason, Layout, rewrite};

use crate::flow::{FlowKind, FlowTable};
use crate::latch::{Endpoint, Judgement};
use crate::port_pool::owner_of;
use crate::rtcp::RtcpView;
use crate::rtp::{Demux, RtpView};

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayVerdict {
    /// The buffer holds the frame to send, `len` bytes from `start` on.
    Forward {
        /// Slot of the interface to send on.
        interface: u8,
        /// Index of the zone to send into.
        zone: u8,
        /// Where the frame begins in the buffer.
        start: usize,
        /// Its length in bytes.
        len: usize,
    },
    /// The port belongs to this other worker.
    Handoff(u8),
    /// The frame ends here.
    Drop(DropReason),
}

/// What the relay has decided so far. `received` is the sum of `forwarded`, `handed_off` and all `dropped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RelayCounters {
    /// Frames looked at.
    pub received: u64,
    /// Frames to be sent.
    pub forwarded: u64,
    /// Bytes of the frames to be sent, from the Ethernet header on.
    pub forwarded_bytes: u64,
    /// Frames for another worker.
    pub handed_off: u64,
    /// Frames dropped, by [`DropReason::index`].
    pub dropped: [u64; DropReason::COUNT],
    /// Of those dropped as not RTP: STUN. The edge takes ICE out of the SDP, so nobody was invited to send it.
    pub stun: u64,
    /// Of those dropped as not RTP: DTLS. The edge offers no DTLS-SRTP.
    pub dtls: u64,
}

impl RelayCounters {
    /// Nothing decided yet.
    pub const NONE: Self = Self {
        received: 0,
        forwarded: 0,
        forwarded_bytes: 0,
        handed_off: 0,
        dropped: [0; DropReason::COUNT],
        stun: 0,
        dtls: 0,
    };
}

/// The media of one worker: its flows and what became of its packets.
#[derive(Debug)]
pub struct Relay {
    /// The open flows.
    pub flows: FlowTable,
    owner: u8,
    workers: u8,
    counters: RelayCounters,
}

impl Relay {
    /// The relay of worker `owner`, of `workers` in all.
    #[must_use]
    pub fn new(flows: FlowTable, owner: u8, workers: u8) -> Self {
        Self {
            flows,
            owner,
            workers,
            counters: RelayCounters::NONE,
        }
    }

    /// Decides about the frame at `start` of `buffer`, and rewrites it where it lies if it is to be forwarded.
    ///
    /// `layout` is what classification found in it. The payload is not read but for its RTP or RTCP headers. Constant time
    /// (RTCP: linear in the packets of a compound), no allocation. A dropped frame is counted; its headers may have been
    /// overwritten.
    #[inline]
    pub fn on_packet(
        &mut self,
        now: Timestamp,
        buffer: &mut [u8],
        start: usize,
        layout: &Layout,
    ) -> RelayVerdict {
        let verdict = match self.flows.find(&layout.destination, layout.destination_port) {
            Some(index) => self
                .relay(index, now, buffer, start, layout)
                .unwrap_or_else(RelayVerdict::Drop),
            None => match owner_of(layout.destination_port, self.workers) {
                owner if owner == self.owner => RelayVerdict::Drop(DropReason::RtpNoFlow),
                owner => RelayVerdict::Handoff(owner),
            },
        };
        self.count(verdict);
        verdict
    }

    fn relay(
        &mut self,
        index: u32,
        now: Timestamp,
        buffer: &mut [u8],
        start: usize,
        layout: &Layout,
    ) -> Result<RelayVerdict, DropReason> {
        let (hot, cold) = self.flows.at(index).ok_or(DropReason::RtpNoFlow)?;
        let payload = buffer
            .get(start..)
            .and_then(|frame| frame.get(layout.payload()))
            .ok_or(DropReason::Truncated)?;
        let packet = match Packet::read(hot.kind, hot.is_srtp(), payload) {
            Ok(packet) => packet,
            Err(demux) => {
                cold.dropped_not_media += 1;
                self.count_not_media(demux);
                return Err(DropReason::RtpNotRtp);
            }
        };
        let source = Endpoint::new(layout.source, layout.source_port);
        let judgement = hot.latch.accept(&cold.rules, &source);
        if judgement == Judgement::Refused {
            cold.dropped_wrong_source += 1;
            return Err(DropReason::RtpWrongSource);
        }
        if hot.bytes == 0 && cold.first_packet.is_none() {
            cold.first_packet = Some(now);
        }
        hot.last_packet = now;
        hot.bytes += u64::from(layout.payload_len);
        match packet {
            Packet::Rtp(rtp) => hot.stream.on_rtp(&mut cold.history, now, &rtp),
            Packet::Rtcp => {
                cold.rtcp_packets += 1;
                cold.other_packets += 1;
            }
            Packet::Other => cold.other_packets += 1,
        }
        let rewritten = if hot.has_next_hop() {
            rewrite::towards(buffer, start, layout, &hot.egress)
        } else if hot.has_remote() {
            Err(DropReason::RtpNoNextHop)
        } else {
            Err(DropReason::RtpNoRemote)
        };
        if rewritten.is_err() {
            cold.dropped_no_egress += 1;
        }
        let (interface, zone) = (hot.egress.interface, hot.egress_zone);
        if judgement == Judgement::Moved {
            self.flows.on_source_moved(index);
        }
        rewritten.map(|frame| RelayVerdict::Forward {
            interface,
            zone,
            start: frame.start,
            len: frame.len,
        })
    }

    fn count(&mut self, verdict: RelayVerdict) {
        self.counters.received += 1;
        match verdict {
            RelayVerdict::Forward { len, .. } => {
                self.counters.forwarded += 1;
                self.counters.forwarded_bytes += len as u64;
            }
            RelayVerdict::Handoff(_) => self.counters.handed_off += 1,
            RelayVerdict::Drop(reason) => {
                if let Some(count) = self.counters.dropped.get_mut(reason.index()) {
                    *count += 1;
                }
            }
        }
    }

    #[cold]
    fn count_not_media(&mut self, demux: Demux) {
        match demux {
            Demux::Stun => self.counters.stun += 1,
            Demux::Dtls => self.counters.dtls += 1,
            Demux::Rtp | Demux::Rtcp | Demux::Other => {}
        }
    }

    /// What was decided so far.
    #[must_use]
    pub fn counters(&self) -> &RelayCounters {
        &self.counters
    }
}

/// A datagram that the flow carries.
enum Packet<'a> {
    Rtp(RtpView<'a>),
    Rtcp,
    Other,
}

impl<'a> Packet<'a> {
    /// Checks that a flow of `kind` carries this datagram; if it does not, says what it is.
    #[inline]
    fn read(kind: FlowKind, is_srtp: bool, datagram: &'a [u8]) -> Result<Self, Demux> {
        if kind == FlowKind::Udptl {
            return Ok(Self::Other);
        }
        match (Demux::of(datagram), kind) {
            (Demux::Rtp, FlowKind::Rtp | FlowKind::Mux) => {
                let view = if is_srtp {
                    RtpView::new_encrypted(datagram)
                } else {
                    RtpView::new_checked(datagram)
                };
                view.map(Self::Rtp).map_err(|_| Demux::Other)
            }
            (Demux::Rtcp, FlowKind::Rtcp | FlowKind::Mux) => {
                let view = if is_srtp {
                    RtcpView::new_encrypted(datagram)
                } else {
                    RtcpView::new_checked(datagram)
                };
                view.map(|_| Self::Rtcp).map_err(|_| Demux::Other)
            }
            (other, _) => Err(other),
        }
    }
}

#[cfg(test)]
mod tests;
