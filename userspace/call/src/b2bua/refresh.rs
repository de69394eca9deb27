//! Session timers at work: refreshes by us and by the peer, and sessions that expire.

use alloc::sync::Arc;
use core::time::Duration;

use trunkline_sip::dialog::Dialog;
use trunkline_sip::transaction::ClientKey;
use trunkline_sip::{Message, Method, Name, Status};

use super::record::Ending;
use super::{Asked, CallTimer, Core, Timer, User, ack, bye, credentials, finish, invite};
use crate::call::{Call, Refresh, Side};
use crate::cdr::EndedBy;
use crate::ctx::Ctx;
use crate::leg::{ALLOW, Leg};
use crate::report::CallPhase;
use crate::session::{self, Granted, Session};

/// How long a refresh waits that cannot be sent now.
const POSTPONED: Duration = Duration::from_secs(2);

/// Starts the session timer of a leg anew, or stops it.
pub(crate) fn start(core: &mut Core, ctx: &Ctx<'_>, call: &mut Call, side: Side, granted: Option<Granted>) {
    let at = call.at;
    let Some(leg) = call.leg_mut(side) else { return };
    stop(core, leg);
    let Some(granted) = granted else { return };
    let after = if granted.we_refresh {
        granted.refresh_after()
    } else {
        granted.expires_after()
    };
    leg.session = Some(Session {
        granted,
        expires: ctx.now + granted.expires_after(),
        timer: core.arm(ctx, after, Timer::Call(at, CallTimer::Session(side))),
    });
}

/// Stops the session timer of a leg.
pub(crate) fn stop(core: &mut Core, leg: &mut Leg) {
    if let Some(mut session) = leg.session.take() {
        core.disarm(&mut session.timer);
    }
}

/// A session is to be refreshed by us, or was not refreshed in time.
pub(crate) fn on_due(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side) {
    let at = call.at;
    let is_busy = call.refresh.is_some()
        || call
            .relays
            .iter()
            .any(|r| matches!(r.method, Method::Invite | Method::Update))
        || [Side::A, Side::B]
            .iter()
            .any(|s| call.leg(*s).is_some_and(|l| l.unacked.is_some() || l.owes_ack));
    let Some(session) = call.leg_mut(side).and_then(|l| l.session.as_mut()) else {
        return;
    };
    session.timer = None;
    if ctx.now >= session.expires {
        core.counters.sessions_expired += 1;
        end(core, ctx, call, "session expired");
        return;
    }
    let left = session.expires.saturating_since(ctx.now);
    let after = if is_busy { POSTPONED.min(left) } else { left };
    session.timer = core.arm(ctx, after, Timer::Call(at, CallTimer::Session(side)));
    if !is_busy {
        send(core, ctx, call, side);
    }
}

fn end(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, reason: &'static str) {
    let ending = Ending {
        status: 200,
        reason,
        ended_by: EndedBy::Edge,
    };
    bye::hang_up(core, ctx, call, &[Side::A, Side::B], ending);
}

/// Refreshes a session: UPDATE where the peer takes it, else a re-INVITE that changes nothing.
//= https://www.rfc-editor.org/rfc/rfc4028#section-7.4
//# It is RECOMMENDED that the UPDATE request not contain an offer [4],
//# but a re-INVITE SHOULD contain one, even if the details of the
//# session have not changed.
fn send(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side) {
    let plan = Arc::clone(&call.plan);
    let at = call.at;
    let same = call.media.last_towards(side).to_vec();
    let Some(leg) = call.leg_mut(side) else { return };
    let path = leg.next_hop(plan.trunk(leg.trunk));
    let Some(cseq) = leg.dialog.as_mut().map(Dialog::next_cseq) else {
        return;
    };
    let is_update = leg.takes_update;
    let method = if is_update { Method::Update } else { Method::Invite };
    let trunk = plan.trunk(leg.trunk);
    let authorization = credentials::in_dialog(ctx, leg, trunk, method.as_str().as_bytes());
    if !is_update {
        leg.invite_cseq = cseq;
    }
    let leg = &*leg;
    let client = core.start(ctx, method, &path, User::Refresh(at), |branch, buffer| {
        let dialog = leg.dialog.as_ref().ok_or(trunkline_sip::write::Overflow)?;
        let name = method.as_str().as_bytes();
        let mut writer = dialog.request(name, cseq, &path, branch.as_bytes(), buffer);
        credentials::write(leg, &authorization, &mut writer);
        writer.field(b"Contact", leg.contact().as_bytes());
        writer.field(b"Allow", ALLOW);
        writer.field(b"Supported", b"timer");
        if let Some(session) = &leg.session {
            session.granted.write_request(&mut writer);
        }
        let body = (!is_update).then_some((&b"application/sdp"[..], &same[..]));
        finish(&mut writer, b"User-Agent", body)
    });
    if let Some(client) = client {
        core.counters.sessions_refreshed += 1;
        call.refresh = Some(Refresh { side, client });
    }
}

/// A response to a refresh of ours.
pub(crate) fn on_response(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    client: ClientKey,
    message: &Message<'_>,
) {
    let Some(status) = message.status().filter(|s| s.is_final()) else {
        return;
    };
    let Some(refresh) = call.refresh.take_if(|r| r.client == client) else {
        return;
    };
    let side = refresh.side;
    let is_update = message.method() == Method::Update;
    if status.is_success() {
        accepted(core, ctx, call, side, message);
        return;
    }
    if call.phase == CallPhase::Ending {
        return;
    }
    //= https://www.rfc-editor.org/rfc/rfc4028#section-10
    //# If the session refresh request transaction times out or generates a
    //# 408 or 481 response, then the UAC sends a BYE request as per Section
    //# 12.2.1.2 of RFC 3261 [2].
    if bye::ends_dialog(status) {
        end(core, ctx, call, "the other side is gone");
        return;
    }
    let plan = Arc::clone(&call.plan);
    let Some(leg) = call.leg_mut(side) else { return };
    if let Some(trunk) = plan.trunk(leg.trunk)
        && credentials::take(leg, trunk, message)
    {
        core.counters.challenges_met += 1;
        send(core, ctx, call, side);
        return;
    }
    match status.code() {
        405 | 501 if is_update => leg.takes_update = false,
        422 => {
            if let (Some(session), Some(secs)) = (leg.session.as_mut(), session::demanded(message)) {
                session.granted.secs = session.granted.secs.max(secs);
            }
        }
        _ => {}
    }
    postpone(core, ctx, call, side);
}

/// Tries a refresh once more a little later.
//= https://www.rfc-editor.org/rfc/rfc3261#section-14.1
//# If a UAC receives a 491 response to a re-INVITE, it SHOULD start a
//# timer with a value T chosen as follows:
fn postpone(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side) {
    let at = call.at;
    // We made the Call-ID of the B-leg.
    let millis = match side {
        Side::A => ctx.entropy.next_u64() % 200 * 10,
        Side::B => 2100 + ctx.entropy.next_u64() % 190 * 10,
    };
    let Some(session) = call.leg_mut(side).and_then(|l| l.session.as_mut()) else {
        return;
    };
    core.disarm(&mut session.timer);
    let left = session.expires.saturating_since(ctx.now);
    let after = Duration::from_millis(millis).min(left);
    session.timer = core.arm(ctx, after, Timer::Call(at, CallTimer::Session(side)));
}

fn accepted(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side, message: &Message<'_>) {
    let plan = Arc::clone(&call.plan);
    let is_ending = call.phase == CallPhase::Ending;
    let Some(leg) = call.leg_mut(side) else { return };
    if let Some(dialog) = leg.dialog.as_mut() {
        dialog.refresh_target(message);
    }
    credentials::accepted(leg);
    if message.method() == Method::Invite {
        ack::send(core, ctx, leg, plan.trunk(leg.trunk), None);
    }
    if !is_ending {
        start(core, ctx, call, side, Granted::by_response(message));
    }
}

/// No response came to a refresh.
pub(crate) fn on_timeout(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, client: ClientKey) {
    if call.refresh.take_if(|r| r.client == client).is_some() && call.phase != CallPhase::Ending {
        end(core, ctx, call, "the other side is gone");
    }
}

/// An UPDATE of a peer that only says that it lives.
pub(crate) fn on_update(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    side: Side,
    asked: &Asked<'_, '_>,
) {
    let Some(trunk) = call.trunk(side) else { return };
    let granted = Granted::to_request(trunk.sip.session, asked.message);
    let Some(leg) = call.leg_mut(side) else { return };
    if let Some(dialog) = leg.dialog.as_mut() {
        dialog.refresh_target(asked.message);
    }
    let leg = &*leg;
    core.count_response(leg.path.zone, Method::Update, Status::OK);
    core.respond(ctx, asked.key, Status::OK, |buffer| {
        let source = asked.path.remote;
        let mut writer = trunkline_sip::write::response(asked.message, source, Status::OK, b"", None, buffer);
        invite::dialog_fields(&mut writer, asked.message, leg);
        if let Some(granted) = &granted {
            granted.write_answer(&mut writer);
        }
        finish(&mut writer, b"Server", None)
    });
    start(core, ctx, call, side, granted);
}

/// Learns from a message of the peer whether it takes UPDATE.
pub(crate) fn note_allow(leg: &mut Leg, message: &Message<'_>) {
    if message.header(Name::Allow).is_some() {
        leg.takes_update = message.lists(Name::Allow, b"UPDATE");
    }
}
