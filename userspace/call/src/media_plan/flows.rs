//! Opening, changing and closing the flows of a call.

use alloc::vec::Vec;
use core::net::SocketAddr;

use trunkline_media::{FlowKind, FlowSpec, FlowStats, PortPair};

use super::{End, MediaPlan, Remote, Stream};
use crate::call::Side;
use crate::cdr::MediaTotals;
use crate::ctx::Ctx;
use crate::report::FlowDetail;

impl MediaPlan {
    /// Makes the flows what both sides agreed on. False if one could not be opened.
    pub(super) fn apply(&mut self, ctx: &mut Ctx<'_>) -> bool {
        let mut complete = true;
        let mut streams = core::mem::take(&mut self.streams);
        for stream in &mut streams {
            complete &= self.apply_stream(ctx, stream);
        }
        self.streams = streams;
        complete
    }

    fn apply_stream(&mut self, ctx: &mut Ctx<'_>, stream: &mut Stream) -> bool {
        let specs = self.specs(stream);
        let same = specs.len() == stream.flows.len()
            && specs
                .iter()
                .zip(&stream.flows)
                .all(|(spec, id)| ctx.flows.update(ctx.now, *id, spec));
        if same {
            for (spec, id) in specs.iter().zip(&stream.flows) {
                ctx.flows.set_held(ctx.now, *id, spec.is_held);
            }
            return true;
        }
        self.close_stream(ctx, stream);
        for pair in specs.chunks_exact(2) {
            let opened: Vec<_> = pair
                .iter()
                .filter_map(|spec| ctx.flows.install(ctx.now, spec))
                .collect();
            stream.flows.extend(&opened);
            match *opened.as_slice() {
                [one, other] => {
                    ctx.flows.link(one, other);
                }
                _ => {
                    self.close_stream(ctx, stream);
                    return false;
                }
            }
        }
        true
    }

    /// Two flows for RTP, from A and from B, and two more for RTCP unless it shares the port. None for a
    /// refused stream.
    fn specs(&self, stream: &Stream) -> Vec<FlowSpec> {
        let (a, b) = (&stream.a_remote, &stream.b_remote);
        let (Some(port_a), Some(port_b)) = (&stream.a, &stream.b) else {
            return Vec::new();
        };
        if !a.is_open || !b.is_open {
            return Vec::new();
        }
        let has_mux = a.has_mux && b.has_mux;
        let kind = match (a.is_udptl, has_mux) {
            (true, _) => FlowKind::Udptl,
            (false, true) => FlowKind::Mux,
            (false, false) => FlowKind::Rtp,
        };
        let mut specs = Vec::with_capacity(4);
        let from_a = Way {
            from: &self.a,
            to: &self.b,
            port: port_a,
            egress: port_b,
            source: a,
            sink: b,
        };
        let from_b = Way {
            from: &self.b,
            to: &self.a,
            port: port_b,
            egress: port_a,
            source: b,
            sink: a,
        };
        specs.push(self.spec(&from_a, kind));
        specs.push(self.spec(&from_b, kind));
        if kind == FlowKind::Rtp {
            specs.push(self.spec(&from_a, FlowKind::Rtcp));
            specs.push(self.spec(&from_b, FlowKind::Rtcp));
        }
        specs
    }

    fn spec(&self, way: &Way<'_>, kind: FlowKind) -> FlowSpec {
        let is_rtcp = kind == FlowKind::Rtcp;
        let port =
            |pair: &PortPair| SocketAddr::new(pair.address, if is_rtcp { pair.rtcp() } else { pair.rtp });
        let remote = |remote: &Remote| if is_rtcp { remote.rtcp } else { remote.rtp };
        FlowSpec {
            is_srtp: way.source.is_srtp,
            signalled_remote: remote(way.source),
            latch: way.from.latch,
            prefixes: way.from.prefixes.clone(),
            egress_remote: remote(way.sink),
            dscp: way.to.dscp,
            clock_rate: way.source.clock_rate.max(1),
            timeout: way.from.timeout,
            is_held: !self.is_live || way.source.is_held || way.sink.is_held,
            user: self.user,
            ..FlowSpec::new(kind, port(way.port), way.to.zone, port(way.egress))
        }
    }

    /// From now on silence counts, except on hold.
    pub(crate) fn go_live(&mut self, ctx: &mut Ctx<'_>) {
        self.is_live = true;
        self.apply(ctx);
    }

    pub(super) fn close_flows(&mut self, ctx: &mut Ctx<'_>) {
        let mut streams = core::mem::take(&mut self.streams);
        for stream in &mut streams {
            self.close_stream(ctx, stream);
        }
        self.streams = streams;
    }

    fn close_stream(&mut self, ctx: &mut Ctx<'_>, stream: &mut Stream) {
        for (place, id) in stream.flows.drain(..).enumerate() {
            let Some(stats) = ctx.flows.remove(id) else {
                continue;
            };
            // RTCP flows stand behind the RTP flows and are not counted as media.
            if place < 2 {
                add(&mut self.totals[place], &stats);
            }
        }
    }

    /// What was relayed so far: from the caller, from the callee.
    pub(crate) fn totals(&self, ctx: &Ctx<'_>) -> [MediaTotals; 2] {
        let mut totals = self.totals;
        for stream in &self.streams {
            for (place, id) in stream.flows.iter().take(2).enumerate() {
                if let Some(stats) = ctx.flows.stats(*id) {
                    add(&mut totals[place], &stats);
                }
            }
        }
        totals
    }

    /// Forgets what was relayed: the next attempt counts its own.
    pub(crate) fn reset_totals(&mut self) {
        self.totals = [MediaTotals::default(); 2];
    }

    /// The RTP flows, for reports.
    pub(crate) fn details(&self, ctx: &Ctx<'_>) -> Vec<FlowDetail> {
        let mut details = Vec::new();
        for stream in &self.streams {
            for (place, id) in stream.flows.iter().take(2).enumerate() {
                let from = if place == 0 { Side::A } else { Side::B };
                let pair = if place == 0 { &stream.a } else { &stream.b };
                let (Some(pair), Some(stats)) = (pair, ctx.flows.stats(*id)) else {
                    continue;
                };
                details.push(FlowDetail {
                    from: from.ended_by().as_str(),
                    local: SocketAddr::new(pair.address, pair.rtp),
                    towards: ctx.flows.egress_remote(*id),
                    packets: stats.packets - stats.rtcp_packets,
                    bytes: stats.bytes,
                    lost: stats.lost,
                    jitter_ns: stats.jitter_ns,
                });
            }
        }
        details
    }
}

/// One direction of one stream.
struct Way<'w> {
    from: &'w End,
    to: &'w End,
    port: &'w PortPair,
    egress: &'w PortPair,
    source: &'w Remote,
    sink: &'w Remote,
}

fn add(totals: &mut MediaTotals, stats: &FlowStats) {
    totals.packets += stats.packets - stats.rtcp_packets;
    totals.bytes += stats.bytes;
    totals.lost += stats.lost;
    totals.jitter_ns = totals.jitter_ns.max(stats.jitter_ns);
}
