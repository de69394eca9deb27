//! Time: transactions, calls and probes whose deadline has come.

use trunkline_sip::transaction::TransactionEvent;

use super::Calls;
use crate::b2bua::{
    CallTimer, Core, Timer, User, ack, bye, cancel, failover, in_dialog, provisional, refresh,
};
use crate::call::Call;
use crate::ctx::Ctx;
use crate::report::CallPhase;

impl Calls {
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

    fn on_event(&mut self, ctx: &mut Ctx<'_>, event: TransactionEvent) {
        match event {
            TransactionEvent::ClientTimeout { key, user } => match User::unpack(user) {
                User::Attempt(at, number) => {
                    self.with(ctx, at, |core, ctx, call| {
                        on_attempt_timeout(core, ctx, call, number);
                    });
                }
                User::Relay(at) => {
                    self.with(ctx, at, |core, ctx, call| {
                        in_dialog::on_timeout(core, ctx, call, key);
                    });
                }
                User::Refresh(at) => {
                    self.with(ctx, at, |core, ctx, call| {
                        refresh::on_timeout(core, ctx, call, key);
                    });
                }
                User::Bye(at) => {
                    self.with(ctx, at, |_, _, call| bye::on_ended(call));
                }
                // A later probe has counted it already.
                User::Probe(..) | User::Nobody => {}
            },
            TransactionEvent::ClientEnded { user, key } => {
                if let User::Attempt(at, number) = User::unpack(user) {
                    self.with(ctx, at, |core, _, call| {
                        cancel::on_ended(core, call, number, Some(key));
                    });
                }
            }
            TransactionEvent::TryingDue { key, user } => {
                if let Some(at) = User::unpack(user).call() {
                    self.with(ctx, at, |core, ctx, call| {
                        in_dialog::on_trying_due(core, ctx, call, key);
                    });
                }
            }
            TransactionEvent::AckMissing { .. } | TransactionEvent::ServerEnded { .. } => {}
        }
    }
}

fn on_call_timer(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, timer: CallTimer) {
    match timer {
        CallTimer::Attempt(number) => on_attempt_timeout(core, ctx, call, number),
        CallTimer::Abandon(number) => cancel::on_ended(core, call, number, None),
        CallTimer::Reliable(rseq) => provisional::on_unacknowledged(core, ctx, call, rseq),
        CallTimer::Session(side) => refresh::on_due(core, ctx, call, side),
        CallTimer::Unacked(side, cseq) => ack::on_unacked(core, ctx, call, side, cseq),
    }
}

fn on_attempt_timeout(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, number: u32) {
    let is_open = call.attempt.as_ref().is_some_and(|a| a.number == number) && !call.is_answered();
    if is_open && call.phase != CallPhase::Ending {
        failover::on_timeout(core, ctx, call);
    }
}
