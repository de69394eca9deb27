//! ACK for a 2xx, both ways.

use alloc::sync::Arc;

use trunkline_sip::Message;
use trunkline_sip::dialog::Repeat;
use trunkline_sip::path::Output;
use trunkline_sip::transaction::TimerValues;

use super::record::Ending;
use super::{CallTimer, Core, Timer, bye, credentials};
use crate::action::CallRef;
use crate::call::{Call, Side};
use crate::cdr::EndedBy;
use crate::ctx::Ctx;
use crate::leg::{Leg, Unacked};
use crate::plan::Trunk;

/// Writes the ACK for the newest 2xx on `leg`, sends it, and keeps it for the case that the 2xx comes again.
pub(crate) fn send(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    leg: &mut Leg,
    trunk: Option<&Trunk>,
    body: Option<&[u8]>,
) {
    let path = leg.next_hop(trunk);
    let Some(branch) = core.layer.next_branch(ctx.entropy.next_u64()) else {
        core.counters.limit_capacity += 1;
        return;
    };
    let authorization = credentials::in_dialog(ctx, leg, trunk, b"ACK");
    let Some(dialog) = &leg.dialog else { return };
    let sent = core.send(ctx, &path, |buffer| {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-13.2.2.4
        //# The sequence number of the CSeq header field MUST be
        //# the same as the INVITE being acknowledged, but the CSeq method MUST
        //# be ACK.
        let mut writer = dialog.request(b"ACK", leg.invite_cseq, &path, branch.as_bytes(), buffer);
        credentials::write(leg, &authorization, &mut writer);
        super::finish(
            &mut writer,
            b"User-Agent",
            body.map(|b| (&b"application/sdp"[..], b)),
        )
    });
    core.count_request(path.zone, trunkline_sip::Method::Ack);
    leg.owes_ack = false;
    leg.ack = sent.map(|bytes| (path, bytes.into_boxed_slice()));
}

/// Sends the newest ACK once more, since its 2xx came once more.
pub(crate) fn resend(core: &mut Core, ctx: &mut Ctx<'_>, leg: &Leg) {
    if let Some((path, bytes)) = &leg.ack {
        core.counters.retransmissions += 1;
        ctx.out.send(path, bytes);
    }
}

/// A 2xx of ours went out on `side`: it is repeated until its ACK comes.
pub(crate) fn expect(core: &mut Core, ctx: &mut Ctx<'_>, at: CallRef, side: Side, unacked: Unacked) {
    let after = unacked.repeat.deadline().saturating_since(ctx.now);
    core.arm(
        ctx,
        after,
        Timer::Call(at, CallTimer::Unacked(side, unacked.cseq)),
    );
}

/// An ACK from `side`.
pub(crate) fn on_ack(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side, message: &Message<'_>) {
    let Some(leg) = call.leg_mut(side) else { return };
    if leg.unacked.is_none_or(|u| u.cseq != message.cseq().number) {
        return;
    }
    leg.unacked = None;
    if let Some(reason) = leg.owed_bye.take() {
        bye::send_owed(core, ctx, call, side, &reason);
        return;
    }
    let owes = call.leg(side.other()).is_some_and(|l| l.owes_ack);
    if !owes {
        return;
    }
    let answer = message.sdp().map(|body| call.media.answer(ctx, side, body));
    call.media.settle();
    let plan = Arc::clone(&call.plan);
    let Some(other) = call.leg_mut(side.other()) else {
        return;
    };
    let trunk = plan.trunk(other.trunk);
    match answer {
        Some(Ok(body)) => send(core, ctx, other, trunk, Some(&body)),
        Some(Err(_)) | None => {
            send(core, ctx, other, trunk, None);
            let ending = Ending {
                status: 200,
                reason: "no answer in the ACK",
                ended_by: EndedBy::Edge,
            };
            bye::hang_up(core, ctx, call, &[Side::A, Side::B], ending);
        }
    }
}

/// Time to repeat a 2xx, or to give up waiting for its ACK.
pub(crate) fn on_unacked(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side, cseq: u32) {
    let values = TimerValues {
        t1: core.config.t1,
        t2: core.config.t2,
        t4: core.config.t4,
    };
    let at = call.at;
    let Some(leg) = call.leg_mut(side) else { return };
    let Some(unacked) = leg.unacked.as_mut().filter(|u| u.cseq == cseq) else {
        return;
    };
    match unacked.repeat.on_deadline(ctx.now, &values) {
        Repeat::Wait => expect(core, ctx, at, side, *unacked),
        Repeat::Send => {
            core.layer.resend(unacked.server, ctx.out);
            expect(core, ctx, at, side, *unacked);
        }
        Repeat::GiveUp => {
            leg.unacked = None;
            core.counters.ack_timeouts += 1;
            if let Some(reason) = leg.owed_bye.take() {
                bye::send_owed(core, ctx, call, side, &reason);
                return;
            }
            let ending = Ending {
                status: 200,
                reason: "no ACK",
                ended_by: EndedBy::Edge,
            };
            bye::hang_up(core, ctx, call, &[Side::A, Side::B], ending);
        }
    }
}
