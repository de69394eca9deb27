//! The next attempt, or none.

use alloc::vec::Vec;
use core::time::Duration;

use trunkline_sip::{Class, Message, Method, Name, Status};

use super::record::{self, Ending};
use super::{Core, attempt, cancel, credentials, in_dialog, refresh, refusal};
use crate::admission;
use crate::call::{Attempt, AttemptState, Call, Failure};
use crate::cdr::EndedBy;
use crate::ctx::Ctx;
use crate::report::CallPhase;
use crate::session;
use crate::trunk::Direction;

/// Longest time that a peer may ask to be left alone.
pub(crate) const RETRY_AFTER_MAX_SECS: u32 = 300;

/// Longest session interval that a peer may demand: a day.
const SESSION_MAX_SECS: u32 = 86_400;

/// How long a peer that did not answer an INVITE is left alone, if no probes watch it.
const SILENCE_HOLD_OFF: Duration = Duration::from_secs(30);

/// Tries the targets that are left, one by one, until an INVITE is out; gives up if none takes it.
pub(crate) fn next_attempt(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    while let Some(&target) = call.targets.get(call.next_target) {
        call.next_target += 1;
        let plan = alloc::sync::Arc::clone(&call.plan);
        let Some(trunk) = plan.trunk(target.trunk) else {
            continue;
        };
        if let Err(limit) = admission::admit(trunk, ctx.now, Direction::Out, call.bandwidth_bps) {
            core.count_limit(limit);
            call.failure = Failure {
                status: 503,
                reason: refusal::limit_text(limit),
                retry_after: true,
            };
            continue;
        }
        match attempt::launch(core, ctx, call, target, trunk) {
            Ok(()) => return,
            Err(failure) => {
                trunk.state.release(Direction::Out, call.bandwidth_bps);
                call.failure = failure;
            }
        }
    }
    give_up(core, ctx, call);
}

/// Tells the caller that no attempt succeeded, and ends the call.
pub(crate) fn give_up(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    let failure = call.failure;
    refusal::reject(core, ctx, call, &failure, &[]);
    if call.attempts_made == 0 {
        record::without_attempt(core, ctx, call, &failure);
    }
    end(core, ctx, call);
}

/// A final failure of the present attempt.
pub(crate) fn on_failure(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    status: Status,
    message: &Message<'_>,
) {
    if status == Status::SESSION_INTERVAL_TOO_SMALL
        && call.attempt.as_mut().is_some_and(|a| takes_longer(a, message))
        && attempt::again(core, ctx, call)
    {
        return;
    }
    let plan = alloc::sync::Arc::clone(&call.plan);
    let trunk = call.attempt.as_ref().and_then(|a| plan.trunk(a.target.trunk));
    if let (Some(trunk), Some(attempt)) = (trunk, call.attempt.as_mut())
        && credentials::take(&mut attempt.leg, trunk, message)
        && attempt::again(core, ctx, call)
    {
        core.counters.challenges_met += 1;
        return;
    }
    let Some(mut failed) = call.attempt.take() else {
        return;
    };
    core.disarm(&mut failed.timer);
    failed.state = AttemptState::Failed;
    note_health(ctx, call, &failed, status, message);
    call.failure = Failure {
        status: towards_caller(status).code(),
        reason: "",
        retry_after: false,
    };
    let ending = Ending {
        status: status.code(),
        reason: "",
        ended_by: EndedBy::Callee,
    };
    let goes_on = may_go_on(call, status) && call.next_target < call.targets.len();
    if goes_on {
        core.counters.failovers += 1;
        record::attempt(core, ctx, call, &mut failed, ending, false);
        leave(core, ctx, call);
        next_attempt(core, ctx, call);
        return;
    }
    let failure = call.failure;
    let crossing = crossing_fields(&failed, status, message);
    refusal::reject(core, ctx, call, &failure, &crossing);
    record::attempt(core, ctx, call, &mut failed, ending, true);
    end(core, ctx, call);
}

/// Notes the session interval that a 422 demands. False if that is nothing new.
//= https://www.rfc-editor.org/rfc/rfc4028#section-7.3
//# If the response to the initial request is a 422 (Session Interval Too
//# Small) response message, the UAC MAY retry the request.
fn takes_longer(attempt: &mut Attempt, message: &Message<'_>) -> bool {
    let demanded = session::demanded(message).filter(|secs| (1..=SESSION_MAX_SECS).contains(secs));
    let is_new = demanded.is_some_and(|secs| secs > attempt.terms.min_secs);
    if is_new {
        attempt.terms.min_secs = demanded.unwrap_or_default();
    }
    is_new
}

/// The present attempt got no response in time, or rang for too long.
///
/// A trunk that has rung is not left for another one: the callee was found and does not answer.
pub(crate) fn on_timeout(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    let Some(mut failed) = call.attempt.take() else {
        return;
    };
    core.disarm(&mut failed.timer);
    if failed.state == AttemptState::Calling {
        note_silence(ctx, call, &failed);
    }
    call.failure = Failure {
        status: 408,
        reason: "",
        retry_after: false,
    };
    let goes_on = call.failover_on.timeout
        && !call.is_agreed
        && failed.ring.is_none()
        && call.next_target < call.targets.len();
    let ending = Ending {
        status: 408,
        reason: "no response in time",
        ended_by: EndedBy::Edge,
    };
    record::attempt(core, ctx, call, &mut failed, ending, !goes_on);
    cancel::retire(core, ctx, call, failed);
    go_on(core, ctx, call, goes_on);
}

/// The transport says that the peer of the present attempt cannot be reached.
//= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.3.1
//# When a timeout error is
//# received from the transaction layer, it MUST be treated as if a 408
//# (Request Timeout) status code has been received.  If a fatal
//# transport error is reported by the transport layer (generally, due to
//# fatal ICMP errors in UDP or connection failures in TCP), the
//# condition MUST be treated as a 503 (Service Unavailable) status code.
pub(crate) fn on_unreachable(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    let Some(mut failed) = call.attempt.take() else {
        return;
    };
    core.disarm(&mut failed.timer);
    if let Some(client) = failed.leg.client.take() {
        core.layer.abandon_client(client);
    }
    failed.state = AttemptState::Failed;
    note_silence(ctx, call, &failed);
    call.failure = Failure {
        status: 500,
        reason: "",
        retry_after: false,
    };
    let is_listed = call.failover_on.timeout || call.failover_on.codes.contains(&503);
    let goes_on = is_listed && call.next_target < call.targets.len();
    let ending = Ending {
        status: 503,
        reason: "peer unreachable",
        ended_by: EndedBy::Edge,
    };
    record::attempt(core, ctx, call, &mut failed, ending, !goes_on);
    go_on(core, ctx, call, goes_on);
}

/// The next attempt, or the end with the failure that was noted.
fn go_on(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, goes_on: bool) {
    if goes_on {
        core.counters.failovers += 1;
        leave(core, ctx, call);
        next_attempt(core, ctx, call);
    } else {
        let failure = call.failure;
        refusal::reject(core, ctx, call, &failure, &[]);
        end(core, ctx, call);
    }
}

/// Nothing of the present attempt is left for the next one.
fn leave(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    in_dialog::drop_relays(core, ctx, call);
    call.media.close_side_b(ctx);
    call.early_answer = None;
}

/// A peer that is probed falls by counted failures and rises by probes; one that is not is left alone for a while.
fn note_silence(ctx: &Ctx<'_>, call: &Call, failed: &Attempt) {
    let Some(trunk) = call.plan.trunk(failed.target.trunk) else {
        return;
    };
    let Some(peer) = trunk.state.peer(failed.target.peer) else {
        return;
    };
    if trunk.options_interval.is_some() {
        peer.on_failure(trunk.down_after);
    } else {
        peer.hold_off(ctx.now + SILENCE_HOLD_OFF);
    }
}

/// Ends a call that has no attempt left: media closed, source trunk told.
pub(crate) fn end(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    if call.phase != CallPhase::Ending {
        call.phase = CallPhase::Ending;
        core.counters.calls_ended += 1;
    }
    in_dialog::drop_relays(core, ctx, call);
    refresh::stop(core, &mut call.a);
    if let Some(attempt) = call.attempt.as_mut() {
        refresh::stop(core, &mut attempt.leg);
    }
    call.media.close(ctx);
    if core::mem::take(&mut call.admitted)
        && let Some(trunk) = call.plan.trunk(call.a.trunk)
    {
        trunk.state.release(Direction::In, call.bandwidth_bps);
    }
}

fn may_go_on(call: &Call, status: Status) -> bool {
    // A 6xx speaks for the callee everywhere: RFC 3261 section 21.6.
    // A caller that has a reliable answer cannot take another callee's.
    status.class() != Class::GlobalFailure
        && !call.is_agreed
        && call.failover_on.codes.contains(&status.code())
}

/// What the caller is told for a final failure of the last attempt.
fn towards_caller(status: Status) -> Status {
    match status.code() {
        // Redirection is not followed, and a contact of the other side is not shown.
        300..=399 => Status::TEMPORARILY_UNAVAILABLE,
        // Credentials are between us and the peer.
        401 | 407 | 422 => Status::SERVER_INTERNAL_ERROR,
        //= https://www.rfc-editor.org/rfc/rfc3261#section-16.7
        //# A proxy which receives a 503 (Service Unavailable) response
        //# SHOULD NOT forward it upstream unless it can determine that any
        //# subsequent requests it might proxy will also generate a 503.
        503 => Status::SERVER_INTERNAL_ERROR,
        _ => status,
    }
}

fn note_health(ctx: &Ctx<'_>, call: &Call, failed: &Attempt, status: Status, message: &Message<'_>) {
    let Some(trunk) = call.plan.trunk(failed.target.trunk) else {
        return;
    };
    let Some(peer) = trunk.state.peer(failed.target.peer) else {
        return;
    };
    if status == Status::SERVICE_UNAVAILABLE {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-21.5.4
        //# The server MAY indicate when the client should retry the request in a
        //# Retry-After header field.
        if let Some(secs) = retry_after(message) {
            peer.hold_off(ctx.now + Duration::from_secs(u64::from(secs)));
        }
    } else {
        peer.on_success(trunk.up_after);
    }
}

fn retry_after(message: &Message<'_>) -> Option<u32> {
    let value = message.header(Name::RetryAfter)?;
    let digits = value.split(|b| !b.is_ascii_digit()).next()?;
    let secs: u32 = core::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(secs.min(RETRY_AFTER_MAX_SECS)).filter(|&s| s > 0)
}

/// The fields of a failure that the caller may see.
fn crossing_fields(failed: &Attempt, status: Status, message: &Message<'_>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut fields = Vec::new();
    if message.method() != Method::Invite {
        return fields;
    }
    for field in message.fields() {
        let wanted = match field.name {
            Name::Reason => true,
            Name::RetryAfter => status != Status::SERVICE_UNAVAILABLE,
            _ => false,
        };
        if wanted && !failed.leg.secrets.occur_in(field.value) && !field.value.contains(&b'\r') {
            fields.push((field.name_bytes.to_vec(), field.value.to_vec()));
        }
    }
    fields
}
