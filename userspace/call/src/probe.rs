//! Trunk health by OPTIONS: each peer is asked in turn, by the worker that its trunk falls to.

use alloc::collections::BTreeMap;
use core::net::SocketAddr;
use core::time::Duration;

use trunkline_sip::path::{Path, Transport};
use trunkline_sip::token::{self, Token, TokenText};
use trunkline_sip::write::{Overflow, Writer};
use trunkline_sip::{Method, Status};
use trunkline_time::Timestamp;

use crate::b2bua::{Core, Timer, User, finish};
use crate::ctx::Ctx;
use crate::leg::{MAX_FORWARDS, host_text};
use crate::plan::{Peer, RoutePlan, Trunk, TrunkId};
use crate::trunk::ProbeReport;

/// Time between the first probes of two peers, so that a start does not ask all at once.
const STAGGER: Duration = Duration::from_millis(20);

/// The probes of one worker.
#[derive(Debug, Default)]
pub(crate) struct Probes {
    /// When a probe that is not answered yet was sent.
    waiting: BTreeMap<(TrunkId, u16), Timestamp>,
}

impl Probes {
    /// Plans the first probe of each peer that falls to this worker.
    pub(crate) fn plan(&mut self, core: &mut Core, ctx: &Ctx<'_>) {
        self.waiting.clear();
        let workers = usize::from(core.config.workers.max(1));
        let mut after = Duration::ZERO;
        for (index, trunk) in ctx.plan.trunks.iter().enumerate() {
            if index % workers != usize::from(core.config.owner) || trunk.options_interval.is_none() {
                continue;
            }
            for peer in 0..trunk.peers.len() {
                let timer = Timer::Probe {
                    epoch: ctx.plan.epoch,
                    trunk: index as TrunkId,
                    peer: peer as u16,
                };
                core.arm(ctx, after, timer);
                after += STAGGER;
            }
        }
    }

    /// Time to probe a peer. A probe that is still unanswered has failed.
    pub(crate) fn on_due(&mut self, core: &mut Core, ctx: &mut Ctx<'_>, id: TrunkId, index: u16) {
        let plan = alloc::sync::Arc::clone(ctx.plan);
        let Some(trunk) = plan.trunk(id) else { return };
        let (Some(interval), Some(peer)) = (trunk.options_interval, trunk.peers.get(usize::from(index)))
        else {
            return;
        };
        let timer = Timer::Probe {
            epoch: plan.epoch,
            trunk: id,
            peer: index,
        };
        core.arm(ctx, interval, timer);
        self.on_timeout(core, ctx, id, index);
        let Some(path) = path_to(&plan, trunk, peer) else {
            return;
        };
        let nobody = Token {
            owner: core.config.owner,
            index: u32::MAX,
            generation: 0,
        };
        let names = Names {
            tag: token::tag(nobody, ctx.entropy.next_u64()),
            call_id: token::call_id(nobody, ctx.entropy.next_u64()),
        };
        let started = core.start(
            ctx,
            Method::Options,
            &path,
            User::Probe(id, index),
            |branch, buffer| write_options(&path, branch, &names, buffer),
        );
        if started.is_some() {
            core.counters.probes += 1;
            self.waiting.insert((id, index), ctx.now);
        }
    }

    /// A final response to a probe. Any answer shows life, but 408 and 503 say that the peer cannot serve.
    pub(crate) fn on_response(
        &mut self,
        core: &mut Core,
        ctx: &Ctx<'_>,
        id: TrunkId,
        index: u16,
        status: Status,
    ) {
        if status.is_provisional() {
            return;
        }
        let Some(sent) = self.waiting.remove(&(id, index)) else {
            return;
        };
        let Some(trunk) = ctx.plan.trunk(id) else { return };
        let Some(peer) = trunk.state.peer(usize::from(index)) else {
            return;
        };
        let round_trip = ctx.now.saturating_since(sent);
        peer.note_probe(ProbeReport {
            status: status.code(),
            at: ctx.now,
            round_trip_us: u32::try_from(round_trip.as_micros()).unwrap_or(u32::MAX),
        });
        if matches!(status.code(), 408 | 503) {
            core.counters.probes_failed += 1;
            peer.on_failure(trunk.down_after);
        } else {
            peer.on_success(trunk.up_after);
        }
    }

    /// No answer came.
    pub(crate) fn on_timeout(&mut self, core: &mut Core, ctx: &Ctx<'_>, id: TrunkId, index: u16) {
        if self.waiting.remove(&(id, index)).is_none() {
            return;
        }
        let Some(trunk) = ctx.plan.trunk(id) else { return };
        let Some(peer) = trunk.state.peer(usize::from(index)) else {
            return;
        };
        core.counters.probes_failed += 1;
        peer.note_probe(ProbeReport {
            status: 408,
            at: ctx.now,
            round_trip_us: 0,
        });
        peer.on_failure(trunk.down_after);
    }
}

struct Names {
    tag: TokenText,
    call_id: TokenText,
}

/// From our address of the peer's family and our listener of its transport.
pub(crate) fn path_to(plan: &RoutePlan, trunk: &Trunk, peer: &Peer) -> Option<Path> {
    let zone = plan.zone(trunk.zone)?;
    let local = SocketAddr::new(
        zone.address_towards(peer.address.ip())?,
        zone.port_of(peer.transport)?,
    );
    Some(Path {
        zone: trunk.zone,
        transport: peer.transport,
        local,
        remote: peer.address,
    })
}

/// `host` or `host:port` of a peer, with the transport parameter that a URI needs.
pub(crate) fn peer_host(path: &Path) -> alloc::string::String {
    let host = host_text(path.remote.ip());
    let transport = match path.transport {
        Transport::Udp => "",
        Transport::Tcp => ";transport=tcp",
        Transport::Tls => ";transport=tls",
    };
    if path.remote.port() == path.transport.default_port() {
        alloc::format!("{host}{transport}")
    } else {
        alloc::format!("{host}:{}{transport}", path.remote.port())
    }
}

fn write_options(
    path: &Path,
    branch: &TokenText,
    names: &Names,
    buffer: &mut [u8],
) -> Result<usize, Overflow> {
    let peer = peer_host(path);
    let own = host_text(path.local.ip());
    let mut writer = Writer::new(buffer);
    writer.request_line(b"OPTIONS", alloc::format!("sip:{peer}").as_bytes());
    path.write_via(branch.as_bytes(), &mut writer);
    writer.field_number(b"Max-Forwards", u64::from(MAX_FORWARDS));
    writer.field_parts(
        b"From",
        &[b"<sip:", own.as_bytes(), b">;tag=", names.tag.as_bytes()],
    );
    writer.field_parts(b"To", &[b"<sip:", peer.as_bytes(), b">"]);
    writer.field(b"Call-ID", names.call_id.as_bytes());
    writer.field(b"CSeq", b"1 OPTIONS");
    writer.field(b"Contact", alloc::format!("<sip:{}>", path.local).as_bytes());
    writer.field(b"Accept", b"application/sdp");
    finish(&mut writer, b"User-Agent", None)
}
