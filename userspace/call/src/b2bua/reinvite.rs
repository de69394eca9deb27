//! re-INVITE and UPDATE: hold, resume, another codec, a new target, session refresh.

use alloc::sync::Arc;
use alloc::vec::Vec;

use trunkline_sip::dialog::SuccessRepeat;
use trunkline_sip::transaction::TimerValues;
use trunkline_sip::{Message, Method, Status};

use super::{Asked, Core, ack, in_dialog, refresh, refusal};
use crate::call::{Call, Relay, Side};
use crate::ctx::Ctx;
use crate::leg::Unacked;
use crate::media_plan::MediaError;
use crate::session::{self, Granted};

/// A re-INVITE or UPDATE from `side`.
pub(crate) fn on_request(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    side: Side,
    asked: &Asked<'_, '_>,
) {
    if let Some((status, retry_after)) = obstacle(call, side) {
        core.counters.glare += u64::from(status == Status::REQUEST_PENDING);
        let fields: &[(&[u8], &[u8])] = if retry_after {
            &[(b"Retry-After", b"3")]
        } else {
            &[]
        };
        core.answer(ctx, asked, status, None, fields);
        return;
    }
    let policy = call.trunk(side).map(|t| t.sip.session).unwrap_or_default();
    if session::is_too_short(policy, asked.message) {
        refusal::refuse(core, ctx, asked, &refusal::Refusal::too_short(policy.min_secs));
        return;
    }
    if asked.message.method() == Method::Update && asked.message.body().is_empty() {
        refresh::on_update(core, ctx, call, side, asked);
        return;
    }
    let codecs = call
        .trunk(side.other())
        .map(|t| t.codecs.clone())
        .unwrap_or_default();
    let offer = match asked
        .message
        .sdp()
        .map(|body| call.media.offer(ctx, side, body, &codecs))
    {
        None => None,
        Some(Ok(edited)) => Some(edited),
        Some(Err(error)) => {
            core.answer(ctx, asked, refusal_of(error), None, &[]);
            return;
        }
    };
    if asked.message.method() == Method::Invite {
        core.respond_trying(ctx, asked);
    }
    let body = offer.as_deref().map(|b| (&b"application/sdp"[..], b));
    let client = in_dialog::forward(core, ctx, call, side, asked, body, offer.is_some());
    match client {
        None => call.media.settle(),
        Some(client) if asked.message.method() == Method::Invite => {
            if let Some(other) = call.leg_mut(side.other()) {
                other.client = Some(client);
            }
        }
        Some(_) => {}
    }
}

/// What stands in the way of a new offer from `side`: the status, and whether a Retry-After goes with it.
fn obstacle(call: &Call, side: Side) -> Option<(Status, bool)> {
    let offers = |from: Side| {
        call.relays
            .iter()
            .any(|r| r.from == from && matches!(r.method, Method::Invite | Method::Update))
    };
    //= https://www.rfc-editor.org/rfc/rfc3261#section-14.2
    //# A UAS that receives a second INVITE before it sends the final
    //# response to a first INVITE with a lower CSeq sequence number on the
    //# same dialog MUST return a 500 (Server Internal Error) response to the
    //# second INVITE and MUST include a Retry-After header field with a
    //# randomly chosen value of between 0 and 10 seconds.
    if !call.is_answered() || offers(side) {
        return Some((Status::SERVER_INTERNAL_ERROR, true));
    }
    //= https://www.rfc-editor.org/rfc/rfc3261#section-14.2
    //# A UAS that receives an INVITE on a dialog while an INVITE it had sent
    //# on that dialog is in progress MUST return a 491 (Request Pending)
    //# response to the received INVITE.
    let is_waiting = |side: Side| call.leg(side).is_some_and(|l| l.unacked.is_some() || l.owes_ack);
    if call.refresh.is_some() || offers(side.other()) || is_waiting(side) || is_waiting(side.other()) {
        return Some((Status::REQUEST_PENDING, false));
    }
    None
}

fn refusal_of(error: MediaError) -> Status {
    match error {
        MediaError::Body => Status::NOT_ACCEPTABLE_HERE,
        MediaError::Ports => Status::SERVICE_UNAVAILABLE,
    }
}

/// The final response to a relayed re-INVITE or UPDATE.
pub(crate) fn on_response(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    relay: &Relay,
    status: Status,
    message: &Message<'_>,
) {
    forget_client(call, relay);
    if status.is_success() {
        accepted(core, ctx, call, relay, message);
    } else {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-14.1
        //# If a UA receives a non-2xx final response to a re-INVITE, the session
        //# parameters MUST remain unchanged, as if no re-INVITE had been issued.
        call.media.settle();
        let status = if matches!(status.code(), 300..=399 | 401 | 407 | 422) {
            Status::SERVER_INTERNAL_ERROR
        } else {
            status
        };
        in_dialog::answer_relayed(core, ctx, call, relay, status, Some(message), None);
    }
}

fn accepted(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, relay: &Relay, message: &Message<'_>) {
    let other = relay.from.other();
    let body = media(ctx, call, relay, message);
    let plan = Arc::clone(&call.plan);
    let is_invite = relay.method == Method::Invite;
    let is_late = is_invite && !relay.has_offer && matches!(body, Ok(Some(_)));
    if let Some(leg) = call.leg_mut(other) {
        if let Some(dialog) = leg.dialog.as_mut() {
            dialog.refresh_target(message);
        }
        if is_late {
            leg.owes_ack = true;
        } else if is_invite {
            ack::send(core, ctx, leg, plan.trunk(leg.trunk), None);
        }
    }
    if !is_late {
        call.media.settle();
    }
    let edited = match body {
        Ok(edited) => edited,
        Err(error) => {
            in_dialog::answer_relayed(core, ctx, call, relay, refusal_of(error), None, None);
            return;
        }
    };
    if let (Some(leg), Ok(request)) = (call.leg_mut(relay.from), trunkline_sip::parse(&relay.request))
        && let Some(dialog) = leg.dialog.as_mut()
    {
        dialog.refresh_target(&request);
    }
    let content = edited.as_deref().map(|b| (&b"application/sdp"[..], b));
    in_dialog::answer_relayed(core, ctx, call, relay, Status::OK, Some(message), content);
    let policy = call.trunk(relay.from).map(|t| t.sip.session).unwrap_or_default();
    let granted = trunkline_sip::parse(&relay.request)
        .ok()
        .and_then(|request| Granted::to_request(policy, &request));
    refresh::start(core, ctx, call, relay.from, granted);
    refresh::start(core, ctx, call, other, Granted::by_response(message));
    if is_invite {
        await_ack(core, ctx, call, relay);
    }
}

fn media(
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    relay: &Relay,
    message: &Message<'_>,
) -> Result<Option<Vec<u8>>, MediaError> {
    let other = relay.from.other();
    match (message.sdp(), relay.has_offer) {
        (Some(body), true) => call.media.answer(ctx, other, body).map(Some),
        (Some(body), false) if relay.method == Method::Invite => {
            let codecs = call
                .trunk(relay.from)
                .map(|t| t.codecs.clone())
                .unwrap_or_default();
            call.media.offer(ctx, other, body, &codecs).map(Some)
        }
        (Some(_), false) | (None, _) => Ok(None),
    }
}

fn await_ack(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, relay: &Relay) {
    let values = TimerValues {
        t1: core.config.t1,
        t2: core.config.t2,
        t4: core.config.t4,
    };
    let at = call.at;
    let Some(leg) = call.leg_mut(relay.from) else {
        return;
    };
    let Ok(request) = trunkline_sip::parse(&relay.request) else {
        return;
    };
    let cseq = request.cseq().number;
    let unacked = Unacked {
        server: relay.server,
        cseq,
        repeat: SuccessRepeat::new(ctx.now, &values),
    };
    leg.unacked = Some(unacked);
    ack::expect(core, ctx, at, relay.from, unacked);
}

/// A relayed offer that got no answer at all.
pub(crate) fn forget(call: &mut Call, relay: &Relay) {
    forget_client(call, relay);
    call.media.settle();
}

fn forget_client(call: &mut Call, relay: &Relay) {
    if relay.method == Method::Invite
        && let Some(other) = call.leg_mut(relay.from.other())
    {
        other.client = None;
    }
}
