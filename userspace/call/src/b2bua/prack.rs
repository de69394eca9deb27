//! PRACK, both ways, and the reliable provisional responses of the callee: RFC 3262 section 4.

use alloc::sync::Arc;
use alloc::vec::Vec;

use trunkline_sip::dialog::Dialog;
use trunkline_sip::header::RAck;
use trunkline_sip::transaction::ClientKey;
use trunkline_sip::{Message, Method, Name, Status};

use super::{Asked, Core, User, answer, finish, in_dialog, provisional};
use crate::call::reliable::Origin;
use crate::call::{Attempt, Call, Early, RELAYS_MAX, Relay, Side};
use crate::ctx::Ctx;
use crate::media_plan::MediaError;
use crate::plan::Reliability;

/// Most early dialogs of one attempt.
const EARLY_MAX: usize = 8;

/// Who acknowledges what the callee of an attempt sends reliably.
pub(crate) fn mode(policy: Reliability, invite: &Message<'_>) -> Reliability {
    let is_supported = is_listed(invite, Name::Supported) || is_listed(invite, Name::Require);
    match policy {
        Reliability::Terminated if invite.sdp().is_some() => Reliability::Terminated,
        Reliability::Relayed | Reliability::Terminated if is_supported => Reliability::Relayed,
        Reliability::Relayed | Reliability::Terminated | Reliability::Off => Reliability::Off,
    }
}

/// Whether `100rel` stands in a field.
pub(crate) fn is_listed(message: &Message<'_>, name: Name) -> bool {
    message.lists(name, b"100rel")
}

/// The RSeq of a provisional response that was sent reliably.
pub(crate) fn rseq_of(message: &Message<'_>) -> Option<u32> {
    let is_reliable = is_listed(message, Name::Require) && message.status() != Some(Status::TRYING);
    let digits = message.header(Name::RSeq).filter(|_| is_reliable)?;
    core::str::from_utf8(digits).ok()?.parse().ok()
}

/// Takes a reliable provisional response in its turn. False if it came before or came too early.
//= https://www.rfc-editor.org/rfc/rfc3262#section-4
//# If the UAC receives another reliable provisional
//# response to the same request, and its RSeq value is not one higher
//# than the value of the sequence number, that response MUST NOT be
//# acknowledged with a PRACK, and MUST NOT be processed further by the
//# UAC.
pub(crate) fn is_in_turn(attempt: &mut Attempt, message: &Message<'_>, rseq: u32) -> bool {
    let tag = message.to().tag().unwrap_or_default();
    if let Some(early) = attempt
        .early
        .iter_mut()
        .find(|e| e.dialog.remote_tag().eq_ignore_ascii_case(tag))
    {
        let is_next = rseq == early.rseq.wrapping_add(1);
        if is_next {
            early.rseq = rseq;
        }
        return is_next;
    }
    let leg = &attempt.leg;
    let Ok(dialog) = Dialog::from_response(message, &leg.request_uri, leg.path.transport) else {
        return false;
    };
    let has_room = attempt.early.len() < EARLY_MAX;
    if has_room {
        attempt.early.push(Early { dialog, rseq });
    }
    has_room
}

/// Acknowledges a reliable provisional response of the callee, on our own account.
pub(crate) fn acknowledge(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, origin: &Origin) {
    send(core, ctx, call, origin, User::Nobody, None);
}

fn send(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    origin: &Origin,
    user: User,
    body: Option<&[u8]>,
) -> Option<ClientKey> {
    let plan = Arc::clone(&call.plan);
    let attempt = call.attempt.as_mut()?;
    let trunk = plan.trunk(attempt.target.trunk);
    let leg = &mut attempt.leg;
    let dialog = match leg.dialog.as_mut() {
        Some(dialog) => dialog,
        None => attempt
            .early
            .iter_mut()
            .map(|e| &mut e.dialog)
            .find(|d| d.remote_tag().eq_ignore_ascii_case(&origin.tag))?,
    };
    let cseq = dialog.next_cseq();
    let invite_cseq = leg.invite_cseq;
    let path = crate::leg::next_hop(dialog, &leg.path, trunk);
    let dialog = &*dialog;
    core.start(ctx, Method::Prack, &path, user, |branch, buffer| {
        let mut writer = dialog.request(b"PRACK", cseq, &path, branch.as_bytes(), buffer);
        //= https://www.rfc-editor.org/rfc/rfc3262#section-7.2
        //# The first number is the value from the RSeq header in the provisional
        //# response that is being acknowledged.
        writer.raw(b"RAck: ").number(u64::from(origin.rseq));
        writer
            .raw(b" ")
            .number(u64::from(invite_cseq))
            .raw(b" INVITE\r\n");
        finish(
            &mut writer,
            b"User-Agent",
            body.map(|b| (&b"application/sdp"[..], b)),
        )
    })
}

/// A PRACK from the caller.
pub(crate) fn on_request(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    side: Side,
    asked: &Asked<'_, '_>,
) {
    let Some(rack) = asked.message.header(Name::RAck).map(RAck::parse) else {
        core.answer(ctx, asked, Status::BAD_REQUEST, None, &[]);
        return;
    };
    let found = rack
        .ok()
        .filter(|_| side == Side::A)
        .and_then(|rack| call.reliable.acknowledge(&rack));
    let Some(provisional) = found else {
        core.counters.no_dialog += 1;
        core.answer(ctx, asked, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST, None, &[]);
        return;
    };
    core.disarm(&mut call.reliable.timer);
    match &provisional.origin {
        Some(origin) => relay(core, ctx, call, asked, origin),
        None if asked.message.sdp().is_some() => {
            core.answer(ctx, asked, Status::NOT_ACCEPTABLE_HERE, None, &[]);
        }
        None => core.answer(ctx, asked, Status::OK, None, &[]),
    }
    provisional::send_first(core, ctx, call);
    if !call.reliable.blocks_success()
        && let Some(held) = call.held_success.take()
        && let Ok(message) = trunkline_sip::parse(&held)
    {
        answer::on_success(core, ctx, call, &message);
    }
}

/// The caller's PRACK goes to the callee whose response it acknowledges.
fn relay(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, asked: &Asked<'_, '_>, origin: &Origin) {
    let (body, has_offer) = match media_of(ctx, call, asked.message) {
        Ok(found) => found,
        Err(_) => {
            core.answer(ctx, asked, Status::NOT_ACCEPTABLE_HERE, None, &[]);
            acknowledge(core, ctx, call, origin);
            return;
        }
    };
    let user = User::Relay(call.at);
    let client = (call.relays.len() < RELAYS_MAX)
        .then(|| send(core, ctx, call, origin, user, body.as_deref()))
        .flatten();
    let Some(client) = client else {
        core.answer(ctx, asked, Status::SERVICE_UNAVAILABLE, None, &[]);
        return;
    };
    core.layer.set_user(asked.key, user.pack());
    call.relays.push(Relay {
        from: Side::A,
        method: Method::Prack,
        server: asked.key,
        client,
        path: *asked.path,
        request: asked.message.bytes().into(),
        has_offer,
    });
}

/// The description in a PRACK: the answer to the callee's offer, or a further offer.
//= https://www.rfc-editor.org/rfc/rfc3262#section-5
//# If the UAC receives a reliable provisional response with an offer
//# (this would occur if the UAC sent an INVITE without an offer, in
//# which case the first reliable provisional response will contain the
//# offer), it MUST generate an answer in the PRACK.
fn media_of(
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    message: &Message<'_>,
) -> Result<(Option<Vec<u8>>, bool), MediaError> {
    let Some(body) = message.sdp() else {
        return Ok((None, false));
    };
    if call.media.offer_from() == Some(Side::B) {
        let answer = call.media.answer(ctx, Side::A, body)?;
        call.is_agreed = true;
        return Ok((Some(answer), false));
    }
    let codecs = call.trunk(Side::B).map(|t| t.codecs.clone()).unwrap_or_default();
    let offer = call.media.offer(ctx, Side::A, body, &codecs)?;
    Ok((Some(offer), true))
}

/// The callee's final response to a relayed PRACK.
pub(crate) fn on_response(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    relay: &Relay,
    status: Status,
    message: &Message<'_>,
) {
    let answer = message.sdp().filter(|_| relay.has_offer && status.is_success());
    let body = answer.and_then(|body| call.media.answer(ctx, Side::B, body).ok());
    let content = body.as_deref().map(|b| (&b"application/sdp"[..], b));
    in_dialog::answer_relayed(core, ctx, call, relay, status, Some(message), content);
}
