//! BYE, both ways, and all other ends of an answered call.

use alloc::string::String;
use alloc::sync::Arc;

use trunkline_sip::dialog::Dialog;
use trunkline_sip::write::Overflow;
use trunkline_sip::{Message, Method, Name, Status};

use super::record::{self, Ending};
use super::{Asked, Core, User, cancel, credentials, failover, finish, refusal};
use crate::action::CallRef;
use crate::call::{Call, Side};
use crate::cdr::EndedBy;
use crate::ctx::Ctx;
use crate::leg::Leg;
use crate::plan::Trunk;
use crate::report::CallPhase;

/// A BYE from `side`.
pub(crate) fn on_bye(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side, asked: &Asked<'_, '_>) {
    core.answer(ctx, asked, Status::OK, None, &[]);
    if call.phase == CallPhase::Ending {
        return;
    }
    if !call.is_answered() {
        cancel::by_caller(core, ctx, call);
        return;
    }
    let theirs = asked.message.header(Name::Reason).unwrap_or_default();
    let other_secrets = call.leg(side).map(|l| l.secrets.occur_in(theirs));
    let reason = match core::str::from_utf8(theirs) {
        Ok(text) if other_secrets == Some(false) && !text.is_empty() && !text.contains(['\r', '\n']) => {
            String::from(text)
        }
        _ => String::new(),
    };
    let ending = Ending {
        status: 200,
        reason: "",
        ended_by: side.ended_by(),
    };
    close(core, ctx, call, &[side.other()], &reason, ending);
}

/// Ends an answered call from here.
pub(crate) fn hang_up(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, sides: &[Side], ending: Ending) {
    let reason = match ending.reason {
        "" => String::new(),
        text => alloc::format!("SIP;cause=480;text=\"{text}\""),
    };
    close(core, ctx, call, sides, &reason, ending);
}

/// Ends a call from here, whatever it is doing.
pub(crate) fn hang_up_any(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, reason: &'static str) {
    if call.phase == CallPhase::Ending {
        return;
    }
    let ending = Ending {
        status: 480,
        reason,
        ended_by: EndedBy::Edge,
    };
    if call.is_answered() {
        hang_up(
            core,
            ctx,
            call,
            &[Side::A, Side::B],
            Ending {
                status: 200,
                ..ending
            },
        );
    } else {
        cancel::unanswered(core, ctx, call, ending);
    }
}

fn close(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, sides: &[Side], reason: &str, ending: Ending) {
    if call.phase == CallPhase::Ending {
        return;
    }
    for side in sides {
        bye_on(core, ctx, call, *side, reason);
    }
    if let Some(mut attempt) = call.attempt.take() {
        record::attempt(core, ctx, call, &mut attempt, ending, true);
        call.attempt = Some(attempt);
    }
    failover::end(core, ctx, call);
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-15
//# However,
//# the callee's UA MUST NOT send a BYE on a confirmed dialog until it
//# has received an ACK for its 2xx response or until the server
//# transaction times out.
fn bye_on(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side, reason: &str) {
    let plan = Arc::clone(&call.plan);
    let at = call.at;
    let Some(leg) = call.leg_mut(side) else { return };
    if leg.unacked.is_some() {
        leg.owed_bye = Some(String::from(reason));
        call.byes += 1;
        return;
    }
    let trunk = plan.trunk(leg.trunk);
    if leg.owes_ack {
        super::ack::send(core, ctx, leg, trunk, None);
    }
    if send(core, ctx, at, leg, trunk, reason) {
        call.byes += 1;
    }
}

/// The BYE that had to wait for an ACK.
pub(crate) fn send_owed(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side, reason: &str) {
    call.byes = call.byes.saturating_sub(1);
    bye_on(core, ctx, call, side, reason);
}

/// Sends a BYE on `leg`. False if there is no dialog or no room.
pub(crate) fn send(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    at: CallRef,
    leg: &mut Leg,
    trunk: Option<&Trunk>,
    reason: &str,
) -> bool {
    let path = leg.next_hop(trunk);
    let authorization = credentials::in_dialog(ctx, leg, trunk, b"BYE");
    let Some(cseq) = leg.dialog.as_mut().map(Dialog::next_cseq) else {
        return false;
    };
    let leg = &*leg;
    core.start(ctx, Method::Bye, &path, User::Bye(at), |branch, buffer| {
        let dialog = leg.dialog.as_ref().ok_or(Overflow)?;
        let mut writer = dialog.request(b"BYE", cseq, &path, branch.as_bytes(), buffer);
        credentials::write(leg, &authorization, &mut writer);
        if !reason.is_empty() {
            writer.field(b"Reason", reason.as_bytes());
        }
        finish(&mut writer, b"User-Agent", None)
    })
    .is_some()
}

/// The final response to a BYE of ours: a challenge is met, anything else ends it.
pub(crate) fn on_response(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, message: &Message<'_>) {
    let plan = Arc::clone(&call.plan);
    let at = call.at;
    let leg = [Side::A, Side::B]
        .into_iter()
        .find(|side| call.leg(*side).is_some_and(|l| *l.call_id == *message.call_id()))
        .and_then(|side| call.leg_mut(side));
    if let Some(leg) = leg
        && let Some(trunk) = plan.trunk(leg.trunk)
        && credentials::take(leg, trunk, message)
        && send(core, ctx, at, leg, Some(trunk), "")
    {
        core.counters.challenges_met += 1;
        return;
    }
    on_ended(call);
}

/// A BYE of ours was answered, or never will be.
pub(crate) fn on_ended(call: &mut Call) {
    call.byes = call.byes.saturating_sub(1);
}

/// Whether a final response or timeout of a relayed request means that the dialog is gone.
//= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.2
//# If the response for a request within a dialog is a 481
//# (Call/Transaction Does Not Exist) or a 408 (Request Timeout), the UAC
//# SHOULD terminate the dialog.
pub(crate) fn ends_dialog(status: Status) -> bool {
    matches!(status.code(), 408 | 481)
}

/// The text of a SIP Reason of ours.
pub(crate) fn reason_of(status: u16, text: &str) -> String {
    refusal::reason_value(status, text)
}
