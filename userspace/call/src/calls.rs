//! All calls of one worker: the door through which the engine brings messages, time and questions.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use trunkline_sip::path::Path;
use trunkline_sip::token;
use trunkline_sip::transaction::{Capacity, Layer, OnRequest, OnResponse, TimerValues, TransactionEvent};
use trunkline_sip::{Message, Method, ParseError, Status, write};
use trunkline_time::{Timestamp, Wheel};

use crate::action::CallRef;
use crate::b2bua::{
    Asked, CallTimer, Core, MESSAGE_MAX, Timer, User, ack, answer, bye, cancel, failover, in_dialog, invite,
    options,
};
use crate::call::slab::Slab;
use crate::call::{Call, Side};
use crate::ctx::Ctx;
use crate::leg::ALLOW;
use crate::plan::TrunkId;
use crate::probe::Probes;
use crate::report::{CallCounters, CallDetail, CallPhase, CallSummary, MessageCounters, TrunkCounters};

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
        let counters = &mut self.core.counters;
        let (trunks, zones) = (ctx.plan.trunks.len(), ctx.plan.zones.len());
        counters
            .trunks
            .resize(trunks.max(counters.trunks.len()), TrunkCounters::default());
        counters
            .received
            .resize(zones.max(counters.received.len()), MessageCounters::default());
        counters
            .sent
            .resize(zones.max(counters.sent.len()), MessageCounters::default());
        self.probes.plan(&mut self.core, ctx);
    }

    /// A request arrived. `path.remote` is the source address of the datagram.
    pub fn on_request(&mut self, ctx: &mut Ctx<'_>, path: &Path, message: &Message<'_>) {
        self.on_plan(ctx);
        self.core.count_received(path.zone, message);
        let dialog = self.dialog_of(path, message);
        let trunk = ctx.plan.trunk_of_source(path.zone, path.remote);
        if trunk.is_none() && dialog.is_none() {
            self.core.counters.unknown_source += 1;
            return;
        }
        let attributed = dialog.map(|(at, _)| at);
        ctx.out.attribute(attributed);
        match self.core.layer.on_request(ctx.now, message, path, ctx.out) {
            OnRequest::New(key) => self.on_new(ctx, &Asked { path, message, key }, dialog, trunk),
            OnRequest::Absorbed => self.core.counters.retransmissions_absorbed += 1,
            OnRequest::AckForSuccess => self.on_ack(ctx, dialog, message),
            OnRequest::Cancel { cancel, invite } => {
                let asked = Asked {
                    path,
                    message,
                    key: cancel,
                };
                let user = invite
                    .and_then(|key| self.core.layer.server_user(key))
                    .map(User::unpack);
                let done = match (user.and_then(User::call), invite) {
                    (Some(at), Some(invite)) => self.with(ctx, at, |core, ctx, call| {
                        cancel::on_cancel(core, ctx, call, &asked, invite)
                    }),
                    _ => false,
                };
                if !done {
                    self.core.counters.no_dialog += 1;
                    self.core
                        .refuse(ctx, &asked, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);
                }
            }
            OnRequest::Merged(key) => {
                self.core.counters.loops += 1;
                self.core
                    .refuse(ctx, &Asked { path, message, key }, Status::LOOP_DETECTED, &[]);
            }
            OnRequest::Full => {
                self.core.counters.limit_capacity += 1;
                if message.method() != Method::Ack {
                    let fields: &[(&[u8], &[u8])] = &[(b"Retry-After", b"5")];
                    self.core
                        .refuse_stateless(ctx, path, message, Status::SERVICE_UNAVAILABLE, fields);
                }
            }
        }
        ctx.out.attribute(None);
    }

    /// A response arrived.
    pub fn on_response(&mut self, ctx: &mut Ctx<'_>, path: &Path, message: &Message<'_>) {
        self.on_plan(ctx);
        self.core.count_received(path.zone, message);
        match self.core.layer.on_response(ctx.now, message, ctx.out) {
            OnResponse::Pass { key, user } => match User::unpack(user) {
                User::Attempt(at, number) => {
                    self.with(ctx, at, |core, ctx, call| {
                        answer::on_response(core, ctx, call, number, message);
                    });
                }
                User::Relay(at) => {
                    self.with(ctx, at, |core, ctx, call| {
                        in_dialog::on_response(core, ctx, call, key, message);
                    });
                }
                User::Bye(at) if message.status().is_some_and(Status::is_final) => {
                    self.with(ctx, at, |_, _, call| bye::on_ended(call));
                }
                User::Probe(trunk, peer) => {
                    let Some(status) = message.status() else { return };
                    self.probes.on_response(&mut self.core, ctx, trunk, peer, status);
                }
                User::Bye(_) | User::Nobody => {}
            },
            OnResponse::SuccessAgain { user } => {
                self.core.counters.retransmissions_absorbed += 1;
                if let Some(at) = User::unpack(user).call() {
                    self.with(ctx, at, |core, ctx, call| {
                        answer::on_success_again(core, ctx, call, message)
                    });
                }
            }
            OnResponse::Absorbed => self.core.counters.retransmissions_absorbed += 1,
            OnResponse::Stray => self.core.counters.stray_responses += 1,
        }
    }

    /// A datagram arrived that is not a SIP message. Answered where RFC 3261 lets it be, and only to a known source.
    pub fn on_malformed(&mut self, ctx: &mut Ctx<'_>, path: &Path, bytes: &[u8], error: &ParseError) {
        self.core.counters.malformed += 1;
        if ctx.plan.trunk_of_source(path.zone, path.remote).is_none() {
            self.core.counters.unknown_source += 1;
            return;
        }
        let tag = self.core.nobodys_tag(ctx);
        let buffer = &mut self.core.buffer;
        if let Some(len) = write::answer_malformed(bytes, error, path.remote, tag.as_bytes(), buffer) {
            self.core.counters.malformed_answered += 1;
            let answer = self.core.buffer.get(..len).unwrap_or_default();
            trunkline_sip::path::Output::send(ctx.out, path, answer);
        }
    }

    /// Serves all timers that are due at `ctx.now`.
    pub fn on_deadline(&mut self, ctx: &mut Ctx<'_>) {
        self.on_plan(ctx);
        let mut events = core::mem::take(&mut self.events);
        self.core
            .layer
            .expire(ctx.now, ctx.out, &mut |event| events.push(event));
        for event in events.drain(..) {
            self.on_event(ctx, event);
        }
        self.events = events;
        while let Some(timer) = self.core.wheel.pop_expired(ctx.now) {
            match timer {
                Timer::Call(at, timer) => {
                    self.with(ctx, at, |core, ctx, call| on_call_timer(core, ctx, call, timer));
                }
                Timer::Probe { epoch, trunk, peer } if epoch == ctx.plan.epoch => {
                    self.probes.on_due(&mut self.core, ctx, trunk, peer);
                }
                Timer::Probe { .. } => {}
            }
        }
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

    /// Ends a call by its id. Returns false if there is none.
    pub fn hangup(&mut self, ctx: &mut Ctx<'_>, id: &str) -> bool {
        let Some(at) = self.find(id) else { return false };
        self.with(ctx, at, |core, ctx, call| {
            bye::hang_up_any(core, ctx, call, "ended by the operator")
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

    fn on_new(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: &Asked<'_, '_>,
        dialog: Option<(CallRef, Side)>,
        trunk: Option<TrunkId>,
    ) {
        if asked.message.to().tag().is_some() {
            let done = dialog.is_some_and(|(at, side)| {
                self.with(ctx, at, |core, ctx, call| {
                    in_dialog::on_request(core, ctx, call, side, asked)
                })
            });
            if !done {
                self.core.counters.no_dialog += 1;
                self.core
                    .refuse(ctx, asked, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);
            }
            return;
        }
        let Some(trunk) = trunk else { return };
        let method = asked.message.method();
        match method {
            Method::Invite => self.on_invite(ctx, asked, trunk),
            Method::Options => options::answer(&mut self.core, ctx, asked),
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Cancel => {
                self.core.counters.no_dialog += 1;
                self.core
                    .refuse(ctx, asked, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);
            }
            Method::Register
            | Method::Message
            | Method::Notify
            | Method::Subscribe
            | Method::Refer
            | Method::Publish
            | Method::Ack => {
                self.core.counters.bad_method += 1;
                self.core
                    .refuse(ctx, asked, Status::METHOD_NOT_ALLOWED, &[(b"Allow", ALLOW)]);
            }
            Method::Other => {
                self.core.counters.bad_method += 1;
                self.core
                    .refuse(ctx, asked, Status::NOT_IMPLEMENTED, &[(b"Allow", ALLOW)]);
            }
        }
    }

    fn on_invite(&mut self, ctx: &mut Ctx<'_>, asked: &Asked<'_, '_>, trunk: TrunkId) {
        if self.is_draining {
            self.core.counters.draining += 1;
            invite::refuse(&mut self.core, ctx, asked, &invite::Refusal::later("draining"));
            return;
        }
        let Some(at) = self.slab.reserve() else {
            self.core.counters.limit_capacity += 1;
            invite::refuse(&mut self.core, ctx, asked, &invite::Refusal::later("no room"));
            return;
        };
        ctx.out.attribute(Some(at));
        match invite::on_invite(&mut self.core, ctx, asked, trunk, at) {
            Some(call) => self.put_back(at, call),
            None => self.slab.release(at),
        }
        ctx.out.attribute(None);
    }

    fn on_ack(&mut self, ctx: &mut Ctx<'_>, dialog: Option<(CallRef, Side)>, message: &Message<'_>) {
        let done = dialog.is_some_and(|(at, side)| {
            self.with(ctx, at, |core, ctx, call| {
                ack::on_ack(core, ctx, call, side, message)
            })
        });
        if !done {
            self.core.counters.no_dialog += 1;
        }
    }

    fn on_event(&mut self, ctx: &mut Ctx<'_>, event: TransactionEvent) {
        match event {
            TransactionEvent::ClientTimeout { key, user } => match User::unpack(user) {
                User::Attempt(at, number) => {
                    self.with(ctx, at, |core, ctx, call| {
                        on_attempt_timeout(core, ctx, call, number)
                    });
                }
                User::Relay(at) => {
                    self.with(ctx, at, |core, ctx, call| {
                        in_dialog::on_timeout(core, ctx, call, key)
                    });
                }
                User::Bye(at) => {
                    self.with(ctx, at, |_, _, call| bye::on_ended(call));
                }
                // A later probe has counted it already.
                User::Probe(..) | User::Nobody => {}
            },
            TransactionEvent::ClientEnded { user, .. } => {
                if let User::Attempt(at, number) = User::unpack(user) {
                    self.with(ctx, at, |core, _, call| cancel::on_ended(core, call, number));
                }
            }
            TransactionEvent::TryingDue { key, user } => {
                if let Some(at) = User::unpack(user).call() {
                    self.with(ctx, at, |core, ctx, call| {
                        in_dialog::on_trying_due(core, ctx, call, key)
                    });
                }
            }
            TransactionEvent::AckMissing { .. } | TransactionEvent::ServerEnded { .. } => {}
        }
    }

    /// The call and side that a request names by our tag, if Call-ID and both tags are those of its dialog.
    fn dialog_of(&self, path: &Path, message: &Message<'_>) -> Option<(CallRef, Side)> {
        let token = message.to().tag().and_then(token::owner_of_tag)?;
        let at = CallRef {
            index: token.index,
            generation: token.generation,
        };
        let call = self.slab.read(at)?;
        [Side::A, Side::B].into_iter().find_map(|side| {
            let leg = call.leg(side)?;
            let is_named = leg.path.zone == path.zone && leg.dialog.as_ref()?.is_dialog_of(message);
            is_named.then_some((at, side))
        })
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

fn on_call_timer(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, timer: CallTimer) {
    match timer {
        CallTimer::Attempt(number) => on_attempt_timeout(core, ctx, call, number),
        CallTimer::Abandon(number) => cancel::on_ended(core, call, number),
        CallTimer::Unacked(side, cseq) => ack::on_unacked(core, ctx, call, side, cseq),
    }
}

fn on_attempt_timeout(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, number: u32) {
    let is_open = call.attempt.as_ref().is_some_and(|a| a.number == number) && !call.is_answered();
    if is_open && call.phase != CallPhase::Ending {
        failover::on_timeout(core, ctx, call);
    }
}
