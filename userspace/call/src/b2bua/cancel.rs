//! CANCEL from the caller, and attempts that were given up.

use alloc::sync::Arc;

use trunkline_sip::dialog::Dialog;
use trunkline_sip::transaction::{ClientKey, ServerKey};
use trunkline_sip::{Class, Message, Method, Status};

use super::record::{self, Ending};
use super::{Asked, CallTimer, Core, Timer, User, ack, bye, failover, refusal};
use crate::call::{Attempt, AttemptState, Call, Failure};
use crate::cdr::EndedBy;
use crate::ctx::Ctx;
use crate::report::CallPhase;

/// A CANCEL for an INVITE of this call.
pub(crate) fn on_cancel(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    asked: &Asked<'_, '_>,
    invite: ServerKey,
) {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-9.2
    //# Regardless of the method of the original request, as long as the
    //# CANCEL matched an existing transaction, the UAS answers the CANCEL
    //# request itself with a 200 (OK) response.
    let tag = call.a.local_tag;
    core.answer(ctx, asked, Status::OK, Some(tag.as_bytes()), &[]);
    if call.invite == Some(invite) {
        by_caller(core, ctx, call);
        return;
    }
    // A re-INVITE: its 487 will come from the other side and be relayed.
    let relayed = call.relays.iter().find(|r| r.server == invite).map(|r| r.client);
    if let Some(client) = relayed {
        send_cancel(core, ctx, client);
    }
}

/// The caller gives up before the answer.
pub(crate) fn by_caller(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    let ending = Ending {
        status: 487,
        reason: "",
        ended_by: EndedBy::Caller,
    };
    unanswered(core, ctx, call, ending);
}

/// Ends a call that was not answered: the caller is told, the attempt cancelled.
pub(crate) fn unanswered(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, ending: Ending) {
    if call.phase == CallPhase::Ending {
        return;
    }
    let failure = Failure {
        status: ending.status,
        reason: ending.reason,
        retry_after: false,
    };
    refusal::reject(core, ctx, call, &failure, &[]);
    if let Some(mut attempt) = call.attempt.take() {
        record::attempt(core, ctx, call, &mut attempt, ending, true);
        retire(core, ctx, call, attempt);
    }
    failover::end(core, ctx, call);
}

/// Gives an attempt up: it is cancelled, and watched until it has ended.
//= https://www.rfc-editor.org/rfc/rfc3261#section-9.1
//# If no provisional response has been received, the CANCEL request MUST
//# NOT be sent; rather, the client MUST wait for the arrival of a
//# provisional response before sending the request.
pub(crate) fn retire(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, mut attempt: Attempt) {
    core.disarm(&mut attempt.timer);
    let Some(client) = attempt.leg.client else { return };
    attempt.state = match attempt.state {
        AttemptState::Proceeding if send_cancel(core, ctx, client) => AttemptState::Cancelled,
        AttemptState::Calling | AttemptState::Proceeding => AttemptState::CancelOwed,
        AttemptState::CancelOwed | AttemptState::Cancelled => attempt.state,
        AttemptState::Answered | AttemptState::Failed => return,
    };
    watch(core, ctx, call, &attempt);
    call.former.push(attempt);
}

fn watch(core: &mut Core, ctx: &Ctx<'_>, call: &Call, attempt: &Attempt) {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-9.1
    //# If there is no final response for the original
    //# request in 64*T1 seconds (T1 is defined in Section 17.1.1.1), the
    //# client SHOULD then consider the original transaction cancelled and
    //# SHOULD destroy the client transaction handling the original request.
    if attempt.state == AttemptState::Cancelled {
        core.arm(
            ctx,
            core.patience(),
            Timer::Call(call.at, CallTimer::Abandon(attempt.number)),
        );
    }
}

fn send_cancel(core: &mut Core, ctx: &mut Ctx<'_>, client: ClientKey) -> bool {
    let Some(len) = core.layer.write_cancel(client, &mut core.buffer) else {
        return false;
    };
    let (Some(branch), Some(path)) = (core.layer.client_branch(client), core.layer.client_path(client))
    else {
        return false;
    };
    core.count_request(path.zone, Method::Cancel);
    let bytes = core.buffer.get(..len).unwrap_or_default();
    let user = User::Nobody.pack();
    core.layer
        .start(
            ctx.now,
            Method::Cancel,
            branch.as_bytes(),
            &path,
            bytes,
            user,
            ctx.out,
        )
        .is_some()
}

/// A response to an INVITE that was given up.
pub(crate) fn on_late_response(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    number: u32,
    message: &Message<'_>,
) {
    let Some(place) = call.former.iter().position(|a| a.number == number) else {
        return;
    };
    let Some(status) = message.status() else { return };
    match status.class() {
        Class::Provisional => {
            let mut attempt = call.former.swap_remove(place);
            if attempt.state == AttemptState::CancelOwed
                && attempt
                    .leg
                    .client
                    .is_some_and(|client| send_cancel(core, ctx, client))
            {
                attempt.state = AttemptState::Cancelled;
                watch(core, ctx, call, &attempt);
            }
            call.former.push(attempt);
        }
        Class::Success => {
            let attempt = call.former.swap_remove(place);
            end_late_answer(core, ctx, call, attempt, message);
        }
        Class::Redirection | Class::ClientError | Class::ServerError | Class::GlobalFailure => {
            call.former.swap_remove(place);
        }
    }
}

/// A 2xx crossed our CANCEL: the call is up on that side, so it is acknowledged and ended.
pub(crate) fn end_late_answer(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    mut attempt: Attempt,
    message: &Message<'_>,
) {
    let plan = Arc::clone(&call.plan);
    let leg = &mut attempt.leg;
    leg.dialog = Dialog::from_response(message, &leg.request_uri, leg.path.transport).ok();
    let trunk = plan.trunk(leg.trunk);
    ack::send(core, ctx, leg, trunk, None);
    if bye::send(core, ctx, call.at, leg, trunk, &bye::reason_of(487, "cancelled")) {
        call.byes += 1;
    }
}

/// The client transaction `ended` of a given-up attempt is over, or (`None`) has taken too long.
pub(crate) fn on_ended(core: &mut Core, call: &mut Call, number: u32, ended: Option<ClientKey>) {
    // An INVITE that was sent again with more in it has an older transaction, whose end means nothing.
    let is_it = |a: &Attempt| a.number == number && (ended.is_none() || a.leg.client == ended);
    if let Some(place) = call.former.iter().position(is_it) {
        let attempt = call.former.swap_remove(place);
        if let Some(client) = attempt.leg.client {
            core.layer.abandon_client(client);
        }
    }
}
