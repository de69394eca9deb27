//! From a frame to whoever it is for.

use std::net::SocketAddr;

use trunkline_call::report::CallCounters;
use trunkline_media::{RelayVerdict, owner_of};
use trunkline_net::{Frame, Link};
use trunkline_sip::path::{Path, Transport};
use trunkline_time::Timestamp;
use trunkline_xdp_abi::classify::classify;
use trunkline_xdp_abi::header::{Layout, verify_udp_checksum};
use trunkline_xdp_abi::verdict::{DropReason, Verdict};

use crate::counters::Tier;
use crate::handoff::Parcel;
use crate::owner;
use crate::trace::Direction;
use crate::worker::{PARCELS_PER_TURN_MAX, SIP_PER_TURN_MAX, SIP_QUEUE_MAX, SipFrame, Worker};

impl<L: Link> Worker<L> {
    /// Decides about one received frame again (the program in front of the link is not trusted), relays media at once
    /// and queues SIP. Answers whether a packet was relayed.
    pub(crate) fn dispatch(&mut self, now: Timestamp, tier: Tier, frame: Frame) -> bool {
        let found = classify(frame.bytes(), &self.snapshot.steering.view(frame.interface()));
        self.packets.received(tier, found.zone, frame.len());
        match found.verdict {
            Verdict::Rtp { .. } => return self.on_media(now, frame, &found.layout),
            // The kernel has verified what its sockets deliver.
            Verdict::Sip { .. }
                if tier == Tier::Worker && !verify_udp_checksum(frame.bytes(), &found.layout) =>
            {
                self.packets.dropped(DropReason::BadUdpChecksum);
            }
            Verdict::Sip { zone } => self.queue_sip(SipFrame {
                frame,
                layout: found.layout,
                zone,
            }),
            Verdict::Kernel(_) => self.packets.passed += 1,
            Verdict::Drop(reason) => self.packets.dropped(reason),
        }
        false
    }

    fn queue_sip(&mut self, sip: SipFrame) {
        if self.sip_queue.len() >= SIP_QUEUE_MAX {
            self.packets.dropped(DropReason::SipOverload);
            return;
        }
        self.sip_queue.push_back(sip);
    }

    fn on_media(&mut self, now: Timestamp, mut frame: Frame, layout: &Layout) -> bool {
        let owner = owner_of(layout.destination_port, self.workers);
        if owner != self.me {
            self.hand_over(owner, frame.interface(), frame.bytes());
            return false;
        }
        let start = frame.headroom();
        match self.relay.on_packet(now, frame.whole_mut(), start, layout) {
            RelayVerdict::Forward {
                interface,
                zone,
                start,
                len,
            } => {
                if frame.place(start, len).is_err() {
                    self.packets.dropped(DropReason::Truncated);
                    return false;
                }
                self.packets.sent(self.links.tier, zone, len);
                self.links.main.tx(interface, frame);
                true
            }
            // Whose port it is was settled above; a table that disagrees has no flow there.
            RelayVerdict::Handoff(_) => {
                self.packets.dropped(DropReason::RtpNoFlow);
                false
            }
            RelayVerdict::Drop(reason) => {
                self.packets.dropped(reason);
                false
            }
        }
    }

    fn hand_over(&mut self, owner: u8, interface: u8, frame: &[u8]) {
        if self.handoff.push(owner, interface, frame) {
            self.packets.handed_out += 1;
        } else {
            self.packets.dropped(DropReason::HandoffFull);
        }
    }

    /// Takes frames that other workers received for this one.
    pub(crate) fn take_parcels(&mut self, now: Timestamp) -> bool {
        if !self.handoff.is_waiting() {
            return false;
        }
        let handoff = self.handoff.clone();
        handoff.take(PARCELS_PER_TURN_MAX, |parcel| self.on_parcel(now, parcel));
        true
    }

    fn on_parcel(&mut self, now: Timestamp, parcel: &Parcel) {
        self.packets.handed_in += 1;
        let found = classify(
            parcel.bytes.as_slice(),
            &self.snapshot.steering.view(parcel.interface),
        );
        match found.verdict {
            Verdict::Sip { zone } => self.on_sip(now, zone, &found.layout, &parcel.bytes),
            Verdict::Rtp { .. } if owner_of(found.layout.destination_port, self.workers) == self.me => {
                let Some(mut frame) = self.links.main.alloc() else {
                    self.packets.dropped(DropReason::NoFrame);
                    return;
                };
                if frame.fill_from(&parcel.bytes).is_err() {
                    self.packets.dropped(DropReason::Truncated);
                    return;
                }
                self.on_media(now, frame, &found.layout);
            }
            // The sender has classified it by another plan just before a reload.
            Verdict::Rtp { .. } | Verdict::Kernel(_) => self.packets.passed += 1,
            Verdict::Drop(reason) => self.packets.dropped(reason),
        }
    }

    /// Parses queued SIP, at most [`SIP_PER_TURN_MAX`] messages.
    pub(crate) fn serve_sip(&mut self, now: Timestamp) -> bool {
        let mut served = false;
        for _ in 0..SIP_PER_TURN_MAX {
            let Some(sip) = self.sip_queue.pop_front() else {
                break;
            };
            self.on_sip_frame(now, &sip);
            served = true;
        }
        served
    }

    fn on_sip_frame(&mut self, now: Timestamp, sip: &SipFrame) {
        if self.workers > 1
            && let Some(payload) = sip.frame.bytes().get(sip.layout.payload())
            && let Ok(message) = trunkline_sip::parse(payload)
        {
            let owner = owner::of(&message, self.workers);
            if owner != self.me {
                self.hand_over(owner, sip.frame.interface(), sip.frame.bytes());
                return;
            }
        }
        self.on_sip(now, sip.zone, &sip.layout, sip.frame.bytes());
    }

    /// Gives one datagram to the calls. Whoever owns it is settled.
    fn on_sip(&mut self, now: Timestamp, zone: u8, layout: &Layout, frame: &[u8]) {
        let Some(payload) = frame
            .get(layout.payload())
            .filter(|payload| !trunkline_sip::is_keepalive(payload))
        else {
            self.packets.consumed += 1;
            return;
        };
        let path = Path {
            zone,
            transport: Transport::Udp,
            local: SocketAddr::new(layout.destination.to_ip(), layout.destination_port),
            remote: SocketAddr::new(layout.source.to_ip(), layout.source_port),
        };
        let before = Refused::of(self.calls.counters());
        match trunkline_sip::parse(payload) {
            Ok(message) if message.is_request() => {
                self.with_calls(now, |calls, ctx| calls.on_request(ctx, &path, &message));
            }
            Ok(message) => self.with_calls(now, |calls, ctx| calls.on_response(ctx, &path, &message)),
            Err(error) => {
                if let Some(count) = self.parse_errors.get_mut(error.kind as usize) {
                    *count += 1;
                }
                self.with_calls(now, |calls, ctx| calls.on_malformed(ctx, &path, payload, &error));
            }
        }
        match before.reason(Refused::of(self.calls.counters())) {
            Some(reason) => self.packets.dropped(reason),
            None => self.packets.consumed += 1,
        }
        if let Some(call) = self.actions.attributed() {
            self.trace
                .record(now, call, Direction::Received, (path.local, path.remote), payload);
        }
        self.perform(now);
    }
}

/// How many messages the calls have let fall without an answer.
#[derive(Clone, Copy)]
struct Refused {
    malformed: u64,
    unknown_source: u64,
    stray: u64,
}

impl Refused {
    fn of(counters: &CallCounters) -> Self {
        Self {
            malformed: counters.malformed - counters.malformed_answered,
            unknown_source: counters.unknown_source,
            stray: counters.stray_responses,
        }
    }

    /// Why the message between the two counts was let fall, if it was.
    fn reason(self, after: Self) -> Option<DropReason> {
        if after.malformed > self.malformed {
            Some(DropReason::SipMalformed)
        } else if after.unknown_source > self.unknown_source {
            Some(DropReason::SipUnknownSource)
        } else if after.stray > self.stray {
            Some(DropReason::SipNoTransaction)
        } else {
            None
        }
    }
}
