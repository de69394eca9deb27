//! Provisional responses of the callee, and what the caller gets of them.

use alloc::boxed::Box;
use core::time::Duration;

use trunkline_sip::write::{Overflow, Writer};
use trunkline_sip::{Message, Name, Status};
use trunkline_time::Timestamp;

use super::record::Ending;
use super::{CallTimer, Core, Timer, cancel, finish, invite, prack};
use crate::call::reliable::{Origin, Provisional};
use crate::call::{AttemptState, Call, Side};
use crate::cdr::EndedBy;
use crate::ctx::Ctx;
use crate::header_policy::{self, Crossing};
use crate::plan::Reliability;
use crate::report::CallPhase;
use crate::session::Granted;

/// A provisional response to the INVITE of the present attempt.
pub(crate) fn on_response(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    status: Status,
    message: &Message<'_>,
) {
    note(core, ctx, call, status);
    let rseq = prack::rseq_of(message);
    let Some(attempt) = call.attempt.as_mut() else {
        return;
    };
    if rseq.is_some_and(|rseq| !prack::is_in_turn(attempt, message, rseq)) {
        return;
    }
    let mode = attempt.terms.reliable;
    let is_shown = matches!(status.code(), 180..=183);
    let origin = rseq.map(|rseq| Origin {
        tag: message.to().tag().unwrap_or_default().into(),
        rseq,
    });
    if let Some(origin) = &origin
        && (mode != Reliability::Relayed || !is_shown)
    {
        prack::acknowledge(core, ctx, call, origin);
    }
    if is_shown {
        show(
            core,
            ctx,
            call,
            status,
            message,
            origin.filter(|_| mode == Reliability::Relayed),
        );
    }
}

/// The attempt is under way: its timer starts anew.
fn note(core: &mut Core, ctx: &Ctx<'_>, call: &mut Call, status: Status) {
    let (at, ring_timeout) = (call.at, call.plan.ring_timeout);
    let Some(attempt) = call.attempt.as_mut() else {
        return;
    };
    if attempt.state == AttemptState::Calling || status != Status::TRYING {
        attempt.state = AttemptState::Proceeding;
        core.disarm(&mut attempt.timer);
        attempt.timer = core.arm(
            ctx,
            ring_timeout,
            Timer::Call(at, CallTimer::Attempt(attempt.number)),
        );
    }
}

/// The caller gets a ringing or progress response.
fn show(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    status: Status,
    message: &Message<'_>,
    origin: Option<Origin>,
) {
    if let Some(attempt) = call.attempt.as_mut() {
        attempt.ring = attempt.ring.or(Some(ctx.now));
    }
    call.facts.ring = call.facts.ring.or(Some(ctx.now));
    call.phase = CallPhase::Ringing;
    let codecs = call.trunk(Side::A).map(|t| t.codecs.clone()).unwrap_or_default();
    let early = match (message.sdp(), call.media.offer_from()) {
        (Some(body), Some(Side::A)) => call.media.answer(ctx, Side::B, body).ok(),
        // Only the caller's PRACK can bring the answer.
        (Some(body), None) if origin.is_some() => call.media.offer(ctx, Side::B, body, &codecs).ok(),
        _ => None,
    };
    let is_required =
        trunkline_sip::parse(&call.request).is_ok_and(|request| prack::is_listed(&request, Name::Require));
    if origin.is_some() || is_required {
        call.is_agreed |= early.is_some() && call.media.offer_from() == Some(Side::A);
        send_reliably(core, ctx, call, status, message, early.as_deref(), origin);
    } else {
        send(core, ctx, call, status, message, early.as_deref());
    }
    call.early_answer = early.or(call.early_answer.take());
}

/// Sends a provisional or 2xx response to the INVITE of the A-leg, once.
pub(crate) fn send(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &Call,
    status: Status,
    message: &Message<'_>,
    body: Option<&[u8]>,
) -> bool {
    let Some(key) = call.invite else { return false };
    core.count_response(call.a.path.zone, trunkline_sip::Method::Invite, status);
    core.respond(ctx, key, status, |buffer| {
        write(call, status, message, body, None, buffer)
    })
}

fn write(
    call: &Call,
    status: Status,
    message: &Message<'_>,
    body: Option<&[u8]>,
    rseq: Option<u32>,
    buffer: &mut [u8],
) -> Result<usize, Overflow> {
    let request = trunkline_sip::parse(&call.request).map_err(|_| Overflow)?;
    let (Some(to), Some(from), Some(b)) = (call.trunk(Side::A), call.trunk(Side::B), call.leg(Side::B))
    else {
        return Err(Overflow);
    };
    let host = call.a.local_host();
    let crossing = Crossing {
        from: &from.numbers,
        to: &to.numbers,
        host: &host,
    };
    let source = call.a.path.remote;
    let tag = Some(call.a.local_tag.as_bytes());
    let mut writer: Writer<'_> = trunkline_sip::write::response(&request, source, status, b"", tag, buffer);
    invite::dialog_fields(&mut writer, &request, &call.a);
    if let Some(granted) = Granted::to_request(to.sip.session, &request).filter(|_| status.is_success()) {
        granted.write_answer(&mut writer);
    }
    if let Some(rseq) = rseq {
        //= https://www.rfc-editor.org/rfc/rfc3262#section-3
        //# The provisional response to be sent reliably is constructed by the
        //# UAS core according to the procedures of Section 8.2.6 of RFC 3261.
        //# In addition, it MUST contain a Require header field containing the
        //# option tag 100rel, and MUST include an RSeq header field.
        writer.field(b"Require", b"100rel");
        writer.field_number(b"RSeq", u64::from(rseq));
    }
    header_policy::cross(message, &b.secrets, &crossing, &mut writer);
    finish(&mut writer, b"Server", body.map(|b| (&b"application/sdp"[..], b)))
}

fn send_reliably(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    status: Status,
    message: &Message<'_>,
    body: Option<&[u8]>,
    origin: Option<Origin>,
) {
    let rseq = call.reliable.next_rseq(ctx.entropy.next_u64());
    let Ok(len) = write(call, status, message, body, Some(rseq), &mut core.buffer) else {
        core.counters.oversized += 1;
        return;
    };
    let is_kept = call.reliable.push(Provisional {
        rseq,
        status,
        bytes: Box::from(core.buffer.get(..len).unwrap_or_default()),
        origin,
        has_body: body.is_some(),
        interval: Duration::ZERO,
        give_up: Timestamp::ZERO,
    });
    if is_kept && call.reliable.len() == 1 {
        send_first(core, ctx, call);
    }
}

/// Sends the first response that waits, if there is one, and keeps sending it until its PRACK comes.
//= https://www.rfc-editor.org/rfc/rfc3262#section-3
//# The UAS MUST NOT send a second reliable provisional response until
//# the first is acknowledged.
pub(crate) fn send_first(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    let (at, patience, t1) = (call.at, core.patience(), core.config.t1);
    let (Some(key), Some(first)) = (call.invite, call.reliable.first()) else {
        return;
    };
    first.interval = t1;
    first.give_up = ctx.now + patience;
    let rseq = first.rseq;
    core.layer
        .respond(ctx.now, key, first.status, &first.bytes, ctx.out);
    let status = first.status;
    core.count_response(call.a.path.zone, trunkline_sip::Method::Invite, status);
    call.reliable.timer = core.arm(ctx, t1, Timer::Call(at, CallTimer::Reliable(rseq)));
}

/// Time to repeat a reliable provisional response, or to give up waiting for its PRACK.
//= https://www.rfc-editor.org/rfc/rfc3262#section-3
//# If a reliable provisional response is retransmitted for 64*T1 seconds
//# without reception of a corresponding PRACK, the UAS SHOULD reject the
//# original request with a 5xx response.
pub(crate) fn on_unacknowledged(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, rseq: u32) {
    let (at, now) = (call.at, ctx.now);
    let (Some(key), Some(first)) = (call.invite, call.reliable.first()) else {
        return;
    };
    if first.rseq != rseq {
        return;
    }
    if now >= first.give_up {
        core.counters.ack_timeouts += 1;
        let ending = Ending {
            status: 504,
            reason: "no PRACK",
            ended_by: EndedBy::Edge,
        };
        cancel::unanswered(core, ctx, call, ending);
        return;
    }
    //= https://www.rfc-editor.org/rfc/rfc3262#section-3
    //# In order to retransmit, the
    //# provisional response is passed to the transaction layer periodically
    //# with an interval that starts at T1 seconds and doubles for each
    //# retransmission (T1 is defined in Section 17 of RFC 3261).
    first.interval *= 2;
    let after = first.interval.min(first.give_up.saturating_since(now));
    core.layer.respond(now, key, first.status, &first.bytes, ctx.out);
    core.counters.retransmissions += 1;
    call.reliable.timer = core.arm(ctx, after, Timer::Call(at, CallTimer::Reliable(rseq)));
}
