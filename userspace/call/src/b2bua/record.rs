//! The record of each attempt, and what is counted when one is over.

use alloc::boxed::Box;
use alloc::string::String;

use trunkline_sip::token::{self, Token};

use super::{Asked, Core};
use crate::action::Action;
use crate::call::{Attempt, Call, Facts, Failure};
use crate::cdr::{CdrRecord, EndedBy, MediaTotals, Tier, q850_of_status};
use crate::ctx::Ctx;
use crate::plan::TrunkId;
use crate::report::Outcomes;
use crate::trunk::Direction;

/// How an attempt or call ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) status: u16,
    pub(crate) reason: &'static str,
    pub(crate) ended_by: EndedBy,
}

/// Writes the record of an attempt and gives its trunk's room back. Does nothing the second time.
pub(crate) fn attempt(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    attempt: &mut Attempt,
    ending: Ending,
    is_last: bool,
) {
    if core::mem::replace(&mut attempt.settled, true) {
        return;
    }
    let trunk = call.plan.trunk(attempt.target.trunk);
    if let Some(trunk) = trunk {
        trunk.state.release(Direction::Out, call.bandwidth_bps);
    }
    let [from_caller, from_callee] = call.media.totals(ctx);
    let answer = call.facts.answer;
    let record = CdrRecord {
        attempt: attempt.number,
        last: is_last,
        to_trunk: trunk.map(|t| t.name.clone()).unwrap_or_default(),
        b_call_id: text(&attempt.leg.call_id),
        start: attempt.started,
        ring: attempt.ring,
        answer,
        price_micros: attempt.target.price_micros,
        codec: call.media.codec.clone(),
        tier: if from_caller.packets + from_callee.packets > 0 {
            Tier::Worker
        } else {
            Tier::None
        },
        from_caller,
        from_callee,
        ..base(ctx, call, ending)
    };
    ctx.out.push(Action::Cdr(Box::new(record)));
    call.media.reset_totals();
    let outcome = Outcome::of(ending, answer.is_some());
    if let Some(counters) = core.trunk_counters(&call.plan, attempt.target.trunk) {
        outcome.count(&mut counters.outbound);
    }
    if is_last && let Some(counters) = core.trunk_counters(&call.plan, call.a.trunk) {
        outcome.count(&mut counters.inbound);
    }
}

/// The only record of a call for which no INVITE was sent.
pub(crate) fn without_attempt(core: &mut Core, ctx: &mut Ctx<'_>, call: &Call, failure: &Failure) {
    let ending = Ending {
        status: failure.status,
        reason: failure.reason,
        ended_by: EndedBy::Edge,
    };
    let record = CdrRecord {
        last: true,
        start: call.facts.start,
        ..base(ctx, call, ending)
    };
    ctx.out.push(Action::Cdr(Box::new(record)));
    if let Some(counters) = core.trunk_counters(&call.plan, call.a.trunk) {
        counters.inbound.rejected += 1;
    }
}

/// The record of an INVITE that did not become a call. None is written where the records queue is near full.
pub(crate) fn refused(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    asked: &Asked<'_, '_>,
    from: TrunkId,
    facts: &Facts,
    failure: &Failure,
) {
    if let Some(counters) = core.trunk_counters(ctx.plan, from) {
        counters.inbound.rejected += 1;
    }
    if !ctx.cdr_room {
        return;
    }
    let nobody = Token {
        owner: core.config.owner,
        index: u32::MAX,
        generation: 0,
    };
    let record = CdrRecord {
        call_id: String::from(token::call_id(nobody, ctx.entropy.next_u64()).as_str()),
        last: true,
        from_trunk: ctx.plan.trunk(from).map(|t| t.name.clone()).unwrap_or_default(),
        a_call_id: text(asked.message.call_id()),
        caller: facts.caller.clone(),
        called: facts.called.clone(),
        called_normalised: facts.normalised.clone(),
        start: ctx.now,
        end: ctx.now,
        sip_status: failure.status,
        reason: String::from(failure.reason),
        q850: q850_of_status(failure.status),
        ended_by: EndedBy::Edge,
        emergency: facts.emergency,
        config_epoch: ctx.plan.epoch,
        ..CdrRecord::default()
    };
    ctx.out.push(Action::Cdr(Box::new(record)));
}

fn base(ctx: &Ctx<'_>, call: &Call, ending: Ending) -> CdrRecord {
    CdrRecord {
        call_id: String::from(call.id.as_str()),
        from_trunk: call
            .plan
            .trunk(call.a.trunk)
            .map(|t| t.name.clone())
            .unwrap_or_default(),
        a_call_id: text(&call.a.call_id),
        caller: call.facts.caller.clone(),
        called: call.facts.called.clone(),
        called_normalised: call.facts.normalised.clone(),
        end: ctx.now,
        sip_status: ending.status,
        reason: String::from(ending.reason),
        q850: q850_of_status(ending.status),
        ended_by: ending.ended_by,
        emergency: call.facts.emergency,
        config_epoch: call.plan.epoch,
        from_caller: MediaTotals::default(),
        from_callee: MediaTotals::default(),
        ..CdrRecord::default()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[derive(Clone, Copy)]
enum Outcome {
    Answered,
    Busy,
    Cancelled,
    Timeout,
    Failed,
}

impl Outcome {
    fn of(ending: Ending, is_answered: bool) -> Self {
        match ending.status {
            _ if is_answered => Self::Answered,
            486 | 600 => Self::Busy,
            487 => Self::Cancelled,
            408 => Self::Timeout,
            _ => Self::Failed,
        }
    }

    fn count(self, outcomes: &mut Outcomes) {
        match self {
            Self::Answered => outcomes.answered += 1,
            Self::Busy => outcomes.busy += 1,
            Self::Cancelled => outcomes.cancelled += 1,
            Self::Timeout => outcomes.timeout += 1,
            Self::Failed => outcomes.failed += 1,
        }
    }
}
