//! Responses of the callee, and the answer.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use trunkline_sip::dialog::{Dialog, DialogError, SuccessRepeat};
use trunkline_sip::transaction::TimerValues;
use trunkline_sip::{Class, Message, Status};

use super::record::Ending;
use super::{Core, ack, bye, cancel, credentials, failover, provisional, record, refresh, refusal};
use crate::call::{Attempt, AttemptState, Call, Early, Failure, Fork, Side};
use crate::cdr::EndedBy;
use crate::ctx::Ctx;
use crate::leg::{Leg, Unacked};
use crate::media_plan::MediaError;
use crate::report::{CallPhase, SETUPS_MAX};
use crate::session::Granted;

/// A response to the INVITE of attempt `number`.
pub(crate) fn on_response(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    number: u32,
    message: &Message<'_>,
) {
    let Some(status) = message.status() else { return };
    if call.attempt.as_ref().is_none_or(|a| a.number != number) {
        cancel::on_late_response(core, ctx, call, number, message);
        return;
    }
    if let Some(leg) = call.leg_mut(Side::B) {
        leg.secrets.learn(message);
        refresh::note_allow(leg, message);
    }
    match status.class() {
        Class::Provisional => provisional::on_response(core, ctx, call, status, message),
        Class::Success if call.reliable.blocks_success() => hold_success(core, call, message),
        Class::Success => on_success(core, ctx, call, message),
        Class::Redirection | Class::ClientError | Class::ServerError | Class::GlobalFailure => {
            failover::on_failure(core, ctx, call, status, message);
        }
    }
}

/// The callee answered, but the caller has not acknowledged the description that it was told reliably.
fn hold_success(core: &mut Core, call: &mut Call, message: &Message<'_>) {
    if let Some(attempt) = call.attempt.as_mut() {
        core.disarm(&mut attempt.timer);
    }
    call.held_success = Some(message.bytes().into());
}

/// The callee answered.
pub(crate) fn on_success(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, message: &Message<'_>) {
    let Some(attempt) = call.attempt.as_mut() else {
        return;
    };
    core.disarm(&mut attempt.timer);
    attempt.state = AttemptState::Answered;
    attempt.leg.client = None;
    credentials::accepted(&mut attempt.leg);
    let leg = &mut attempt.leg;
    match confirmed(&mut attempt.early, leg, message) {
        Ok(dialog) => leg.dialog = Some(dialog),
        Err(_) => {
            failover::on_failure(core, ctx, call, Status::BAD_GATEWAY, message);
            return;
        }
    }
    note_answered(call, ctx);
    let is_late = !call.is_agreed && call.media.offer_from() != Some(Side::A);
    match media_of_answer(ctx, call, message, is_late) {
        Ok(body) => connect(core, ctx, call, message, body.as_deref(), is_late),
        Err(error) => refuse_answer(core, ctx, call, error),
    }
}

/// The dialog of a 2xx: an early one that becomes confirmed, or a new one.
fn confirmed(early: &mut Vec<Early>, leg: &Leg, message: &Message<'_>) -> Result<Dialog, DialogError> {
    let tag = message.to().tag().unwrap_or_default();
    let place = early
        .iter()
        .position(|e| e.dialog.remote_tag().eq_ignore_ascii_case(tag));
    match place.map(|place| early.swap_remove(place).dialog) {
        Some(mut dialog) => dialog.on_success(message).map(|()| dialog),
        None => Dialog::from_response(message, &leg.request_uri, leg.path.transport),
    }
}

fn note_answered(call: &Call, ctx: &Ctx<'_>) {
    let Some(attempt) = &call.attempt else { return };
    let Some(trunk) = call.plan.trunk(attempt.target.trunk) else {
        return;
    };
    if let Some(peer) = trunk.state.peer(attempt.target.peer) {
        peer.on_success(trunk.up_after);
        peer.hold_off(ctx.now);
    }
}

/// The body of our 2xx: the answer to the caller's offer, or the callee's offer.
fn media_of_answer(
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    message: &Message<'_>,
    is_late: bool,
) -> Result<Option<Vec<u8>>, MediaError> {
    match (message.sdp(), is_late) {
        // All that counts was said in provisional responses and PRACKs.
        (_, false) if call.is_agreed => Ok(None),
        (Some(body), false) => call.media.answer(ctx, Side::B, body).map(Some),
        (Some(body), true) => {
            let plan = Arc::clone(&call.plan);
            let codecs = plan
                .trunk(call.a.trunk)
                .map(|t| t.codecs.as_slice())
                .unwrap_or_default();
            call.media.offer(ctx, Side::B, body, codecs).map(Some)
        }
        //= https://www.rfc-editor.org/rfc/rfc3261#section-13.2.1
        //# That same exact
        //# answer MAY also be placed in any provisional responses sent
        //# prior to the answer.
        // Some peers send it there alone. The caller must find it in the 2xx all the same.
        (None, false) => call.early_answer.take().map(Some).ok_or(MediaError::Body),
        (None, true) => Err(MediaError::Body),
    }
}

fn connect(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    message: &Message<'_>,
    body: Option<&[u8]>,
    is_late: bool,
) {
    call.facts.answer = Some(ctx.now);
    call.phase = CallPhase::Talking;
    call.media.go_live(ctx);
    if !is_late {
        call.media.settle();
    }
    core.disarm(&mut call.reliable.timer);
    call.reliable.clear();
    provisional::send(core, ctx, call, Status::OK, message, body);
    if let Some(dialog) = call.a.dialog.as_mut() {
        dialog.confirm();
    }
    if let Some(server) = call.invite.take() {
        let values = TimerValues {
            t1: core.config.t1,
            t2: core.config.t2,
            t4: core.config.t4,
        };
        // A PRACK or UPDATE since then has a higher number.
        let cseq = call.reliable.cseq;
        let unacked = Unacked {
            server,
            cseq,
            repeat: SuccessRepeat::new(ctx.now, &values),
        };
        call.a.unacked = Some(unacked);
        ack::expect(core, ctx, call.at, Side::A, unacked);
    }
    let plan = Arc::clone(&call.plan);
    if let Some(leg) = call.leg_mut(Side::B) {
        if is_late {
            leg.owes_ack = true;
        } else {
            ack::send(core, ctx, leg, plan.trunk(leg.trunk), None);
        }
    }
    let granted = trunkline_sip::parse(&call.request).ok().and_then(|request| {
        let trunk = plan.trunk(call.a.trunk)?;
        Granted::to_request(trunk.sip.session, &request)
    });
    refresh::start(core, ctx, call, Side::A, granted);
    refresh::start(core, ctx, call, Side::B, Granted::by_response(message));
    call.request = Box::default();
    core.counters.calls_answered += 1;
    let setup = call
        .facts
        .ring
        .unwrap_or(ctx.now)
        .saturating_since(call.facts.start);
    if core.counters.setups_ns.len() < SETUPS_MAX {
        core.counters.setups_ns.push(setup.as_nanos() as u64);
    }
}

/// The callee answered, but its description cannot be taken: it is hung up on, and the caller gets a failure.
fn refuse_answer(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, error: MediaError) {
    let failure = match error {
        MediaError::Body => {
            core.counters.bad_body += 1;
            Failure {
                status: 502,
                reason: "answer not usable",
                retry_after: false,
            }
        }
        MediaError::Ports => {
            core.counters.limit_ports += 1;
            Failure {
                status: 503,
                reason: "no media port",
                retry_after: true,
            }
        }
    };
    let plan = Arc::clone(&call.plan);
    if let Some(mut attempt) = call.attempt.take() {
        let leg = &mut attempt.leg;
        let trunk = plan.trunk(leg.trunk);
        ack::send(core, ctx, leg, trunk, None);
        if bye::send(
            core,
            ctx,
            call.at,
            leg,
            trunk,
            &bye::reason_of(488, failure.reason),
        ) {
            call.byes += 1;
        }
        let ending = Ending {
            status: failure.status,
            reason: failure.reason,
            ended_by: EndedBy::Edge,
        };
        record::attempt(core, ctx, call, &mut attempt, ending, true);
    }
    refusal::reject(core, ctx, call, &failure, &[]);
    failover::end(core, ctx, call);
}

/// A further 2xx to an INVITE that has its 2xx: a repeated one, or another fork's.
pub(crate) fn on_success_again(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, message: &Message<'_>) {
    if call.held_success.is_some() {
        return;
    }
    for side in [Side::A, Side::B] {
        let Some(leg) = call.leg(side) else { continue };
        if leg.dialog.as_ref().is_some_and(|d| d.is_dialog_of(message)) {
            ack::resend(core, ctx, leg);
            return;
        }
    }
    let Some(mut attempt) = call.attempt.take() else {
        return;
    };
    if attempt.leg.call_id == message.call_id().into() {
        end_fork(core, ctx, call, &mut attempt, message);
    }
    call.attempt = Some(attempt);
}

/// Another fork answered as well: acknowledged and ended, so that nobody keeps talking to nobody.
//= https://www.rfc-editor.org/rfc/rfc3261#section-13.2.2.4
//# If, after acknowledging any 2xx response to an INVITE, the UAC does
//# not want to continue with that dialog, then the UAC MUST terminate
//# the dialog by sending a BYE request as described in Section 15.
fn end_fork(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    attempt: &mut Attempt,
    message: &Message<'_>,
) {
    let tag = message.to().tag().unwrap_or_default();
    let plan = Arc::clone(&call.plan);
    let trunk = plan.trunk(attempt.target.trunk);
    if let Some(fork) = attempt.forks.iter().find(|f| &*f.tag == tag) {
        if let Some(sent) = &fork.ack {
            trunkline_sip::path::Output::send(ctx.out, &sent.0, &sent.1);
        }
        return;
    }
    if attempt.forks.len() >= FORKS_MAX {
        return;
    }
    core.counters.forked_answers += 1;
    let leg = &mut attempt.leg;
    let forked = Dialog::from_response(message, &leg.request_uri, leg.path.transport).ok();
    let (dialog, ack) = (core::mem::replace(&mut leg.dialog, forked), leg.ack.take());
    let owes_ack = leg.owes_ack;
    ack::send(core, ctx, leg, trunk, None);
    if bye::send(core, ctx, call.at, leg, trunk, "") {
        call.byes += 1;
    }
    let fork = Fork {
        tag: tag.into(),
        ack: core::mem::replace(&mut leg.ack, ack),
    };
    leg.dialog = dialog;
    leg.owes_ack = owes_ack;
    attempt.forks.push(fork);
}

/// Most forks of one INVITE whose answers are ended.
const FORKS_MAX: usize = 8;
