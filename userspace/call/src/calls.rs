//! All calls of one worker: the door through which the engine brings messages, time and questions.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use trunkline_sip::token;
use trunkline_sip::transaction::{Capacity, Layer, TimerValues, TransactionEvent};
use trunkline_time::{Timestamp, Wheel};

use crate::action::CallRef;
use crate::b2bua::{Core, MESSAGE_MAX, User, bye, failover};
use crate::call::slab::Slab;
use crate::call::{AttemptState, Call};
use crate::ctx::Ctx;
use crate::probe::Probes;
use crate::report::{CallCounters, CallDetail, CallPhase, CallSummary, MessageCounters};

mod clock;
mod dispatch;

/// How to make a [`Calls`].
#[derive(Debug, Clone, Copy)]
pub struct CallsConfig {
    /// Index of this worker.
    pub owner: u8,
    /// Number of workers.
    pub workers: u8,
    /// Most calls at a time; transactions and timers are sized from it.
    pub capacity: usize,
    /// A secret number: it keys the hash of what peers send.
    pub seed: u64,
    /// T1, T2 and T4 of RFC 3261.
    pub t1: Duration,
    /// See `t1`.
    pub t2: Duration,
    /// See `t1`.
    pub t4: Duration,
}

impl Default for CallsConfig {
    fn default() -> Self {
        Self {
            owner: 0,
            workers: 1,
            capacity: 8192,
            seed: 0,
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

/// Client and server transactions per call: INVITE, CANCEL or BYE, and room for requests inside the dialog.
const TRANSACTIONS_PER_CALL: usize = 6;

/// Timers per call: attempt, 2xx on each side, abandoned attempts.
const TIMERS_PER_CALL: usize = 6;

/// Timers beside those of calls.
const TIMERS_BASE: usize = 4096;

/// All calls of one worker.
#[derive(Debug)]
pub struct Calls {
    core: Core,
    slab: Slab,
    probes: Probes,
    /// Epoch of the plan that counters and probes were made for.
    epoch: Option<u64>,
    is_draining: bool,
    events: Vec<TransactionEvent>,
}

impl Calls {
    /// No calls; room for `config.capacity`. All memory but that of the calls themselves is taken here.
    #[must_use]
    pub fn new(config: CallsConfig, now: Timestamp) -> Self {
        let transactions = (config.capacity * TRANSACTIONS_PER_CALL).max(64) as u32;
        let values = TimerValues {
            t1: config.t1,
            t2: config.t2,
            t4: config.t4,
        };
        let capacity = Capacity {
            clients: transactions,
            servers: transactions,
        };
        Self {
            core: Core {
                layer: Layer::new(now, values, capacity, config.owner, config.seed),
                wheel: Wheel::new(now, config.capacity * TIMERS_PER_CALL + TIMERS_BASE),
                counters: CallCounters::default(),
                trunk_names: Vec::new(),
                buffer: alloc::vec![0; MESSAGE_MAX].into_boxed_slice(),
                config,
            },
            slab: Slab::new(config.capacity),
            probes: Probes::default(),
            epoch: None,
            is_draining: false,
            events: Vec::new(),
        }
    }

    /// To be called at start and whenever `ctx.plan` has changed: sizes counters and plans the probes of trunks.
    pub fn on_plan(&mut self, ctx: &mut Ctx<'_>) {
        if self.epoch == Some(ctx.plan.epoch) {
            return;
        }
        self.epoch = Some(ctx.plan.epoch);
        self.core.lay_out_trunks(ctx.plan);
        let counters = &mut self.core.counters;
        let zones = ctx.plan.zones.len();
        counters
            .received
            .resize(zones.max(counters.received.len()), MessageCounters::default());
        counters
            .sent
            .resize(zones.max(counters.sent.len()), MessageCounters::default());
        self.probes.plan(&mut self.core, ctx);
    }

    /// When [`on_deadline`](Self::on_deadline) is wanted next; `None` while nothing is under way.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        match (self.core.layer.next_deadline(), self.core.wheel.next_deadline()) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// A flow fell silent; `user` is what the call gave to the flow. The call is ended.
    pub fn on_media_timeout(&mut self, ctx: &mut Ctx<'_>, user: u64) {
        let Some(at) = User::unpack(user).call() else {
            return;
        };
        self.with(ctx, at, |core, ctx, call| {
            if call.phase != CallPhase::Ending {
                core.counters.media_timeouts += 1;
                bye::hang_up_any(core, ctx, call, "media timeout");
            }
        });
    }

    /// The transport says that `remote` cannot be reached (a fatal ICMP error, a refused connection): attempts that
    /// have heard nothing from there fail at once. Looks at every call, so it is for rare events.
    pub fn on_unreachable(&mut self, ctx: &mut Ctx<'_>, remote: SocketAddr) {
        let waits = |call: &&Call| {
            call.attempt
                .as_ref()
                .is_some_and(|a| a.state == AttemptState::Calling && a.leg.path.remote == remote)
        };
        let waiting: Vec<CallRef> = self.slab.iter().filter(waits).map(|call| call.at).collect();
        for at in waiting {
            self.with(ctx, at, failover::on_unreachable);
        }
    }

    /// Ends a call by its id. Returns false if there is none.
    pub fn hangup(&mut self, ctx: &mut Ctx<'_>, id: &str) -> bool {
        let Some(at) = self.find(id) else { return false };
        self.with(ctx, at, |core, ctx, call| {
            bye::hang_up_any(core, ctx, call, "ended by the operator");
        })
    }

    /// One line about each call that has not ended.
    #[must_use]
    pub fn list(&self) -> Vec<CallSummary> {
        self.slab
            .iter()
            .filter(|c| c.phase != CallPhase::Ending)
            .map(Call::summary)
            .collect()
    }

    /// One call in full, also while it is ending.
    #[must_use]
    pub fn show(&self, ctx: &Ctx<'_>, id: &str) -> Option<CallDetail> {
        Some(self.slab.read(self.find(id)?)?.detail(ctx))
    }

    /// The id of a call that an [`Action::Send`](crate::action::Action::Send) names, while it lives.
    #[must_use]
    pub fn id_of(&self, at: CallRef) -> Option<String> {
        Some(String::from(self.slab.read(at)?.id.as_str()))
    }

    /// While draining, new calls are answered with 503.
    pub fn set_draining(&mut self, is_draining: bool) {
        self.is_draining = is_draining;
    }

    /// Calls that are not yet ended.
    #[must_use]
    pub fn active(&self) -> usize {
        (self.core.counters.calls_started - self.core.counters.calls_ended) as usize
    }

    /// Places of the slab in use: live calls and those whose last transactions are running out.
    #[must_use]
    pub fn places_used(&self) -> usize {
        self.slab.len()
    }

    /// Client and server transactions that exist now.
    #[must_use]
    pub fn transactions(&self) -> usize {
        let counts = self.core.layer.counts();
        (counts.invite_clients + counts.clients + counts.invite_servers + counts.servers) as usize
    }

    /// What was counted since start. Retransmissions of the transactions are in it.
    #[must_use]
    pub fn counters(&self) -> &CallCounters {
        &self.core.counters
    }

    /// To take collected set-up times out.
    pub fn counters_mut(&mut self) -> &mut CallCounters {
        &mut self.core.counters
    }

    /// Retransmissions sent by transactions, which repeat without asking anybody.
    #[must_use]
    pub fn retransmissions(&self) -> u64 {
        self.core.layer.counters().retransmissions + self.core.counters.retransmissions
    }

    fn find(&self, id: &str) -> Option<CallRef> {
        let token = token::owner_of_call_id(id.as_bytes())?;
        let at = CallRef {
            index: token.index,
            generation: token.generation,
        };
        self.slab
            .read(at)
            .filter(|call| call.id.as_str() == id)
            .map(|call| call.at)
    }

    /// Works on one call. False if it is not there.
    fn with(
        &mut self,
        ctx: &mut Ctx<'_>,
        at: CallRef,
        step: impl FnOnce(&mut Core, &mut Ctx<'_>, &mut Call),
    ) -> bool {
        let Some(mut call) = self.slab.lift(at) else {
            return false;
        };
        ctx.out.attribute(Some(at));
        step(&mut self.core, ctx, &mut call);
        ctx.out.attribute(None);
        self.put_back(at, call);
        true
    }

    fn put_back(&mut self, at: CallRef, call: Box<Call>) {
        if call.is_over() {
            drop(call);
            self.slab.release(at);
        } else {
            self.slab.put(at, call);
        }
    }
}
