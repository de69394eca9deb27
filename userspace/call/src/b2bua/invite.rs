//! A new INVITE: whether it becomes a call.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use trunkline_sip::dialog::Dialog;
use trunkline_sip::sdp::SessionDescription;
use trunkline_sip::token::{self, Token};
use trunkline_sip::{Message, Name, Scheme, Status, Uri};

use super::refusal::Refusal;
use super::{Asked, Core, User, failover, record, refusal};
use crate::action::CallRef;
use crate::admission;
use crate::call::reliable::Reliable;
use crate::call::{Call, Facts, Failure};
use crate::ctx::Ctx;
use crate::header_policy::Secrets;
use crate::leg::{ALLOW, Leg, SUPPORTED};
use crate::media_plan::MediaPlan;
use crate::number::{self, E164};
use crate::plan::{Trunk, TrunkId};
use crate::report::CallPhase;
use crate::route::{self, Selection};
use crate::session;
use crate::trunk::Direction;

/// What routing found out about an INVITE.
struct Routed {
    from: TrunkId,
    facts: Facts,
    selection: Selection,
    bandwidth_bps: u64,
}

/// Makes a call of an INVITE, or refuses it. Returns the call if one lives.
pub(crate) fn on_invite(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    asked: &Asked<'_, '_>,
    from: TrunkId,
    at: CallRef,
) -> Option<Box<Call>> {
    let plan = Arc::clone(ctx.plan);
    let trunk = plan.trunk(from)?;
    let mut facts = facts_of(ctx, asked.message);
    let routed = check(core, asked, trunk)
        .and_then(|()| route_call(core, ctx, asked, from, trunk, &mut facts))
        .and_then(|(selection, bps)| admit(core, ctx, trunk, bps).map(|()| (selection, bps)));
    let (selection, bandwidth_bps) = match routed {
        Ok(found) => found,
        Err(refusal) => {
            refusal::refuse(core, ctx, asked, &refusal);
            record::refused(core, ctx, asked, from, &facts, &refusal::failure_of(&refusal));
            return None;
        }
    };
    let routed = Routed {
        from,
        facts,
        selection,
        bandwidth_bps,
    };
    let Some(call) = begin(core, ctx, asked, trunk, at, routed) else {
        trunk.state.release(Direction::In, bandwidth_bps);
        refusal::refuse(core, ctx, asked, &Refusal::new(Status::BAD_REQUEST));
        return None;
    };
    let mut call = Box::new(call);
    core.layer.set_user(asked.key, User::Attempt(at, 0).pack());
    core.counters.calls_started += 1;
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.2.1
    //# The server transaction MUST generate a 100
    //# (Trying) response unless it knows that the TU will generate a
    //# provisional or final response within 200 ms, in which case it MAY
    //# generate a 100 (Trying) response.
    core.respond_trying(ctx, asked);
    failover::next_attempt(core, ctx, &mut call);
    Some(call)
}

/// What can be refused without knowing the number.
fn check(core: &mut Core, asked: &Asked<'_, '_>, trunk: &Trunk) -> Result<(), Refusal> {
    let message = asked.message;
    if is_loop(message, asked) {
        core.counters.loops += 1;
        return Err(Refusal::new(Status::LOOP_DETECTED));
    }
    if message.max_forwards() == Some(0) {
        core.counters.max_forwards += 1;
        return Err(Refusal::new(Status::TOO_MANY_HOPS));
    }
    if refusal::unsupported(message).next().is_some() {
        core.counters.bad_extension += 1;
        return Err(Refusal::new(Status::BAD_EXTENSION));
    }
    let session = trunk.sip.session;
    if session::is_too_short(session, message) {
        return Err(Refusal::too_short(session.min_secs));
    }
    if message.contact().is_none() {
        return Err(Refusal::new(Status::BAD_REQUEST));
    }
    if !message.body().is_empty() && message.sdp().is_none() {
        core.counters.bad_body += 1;
        return Err(Refusal::new(Status::UNSUPPORTED_MEDIA_TYPE));
    }
    Ok(())
}

/// Whether a request that we sent came back: a Via with a branch of ours and our own address.
fn is_loop(message: &Message<'_>, asked: &Asked<'_, '_>) -> bool {
    let ours = asked.path.local;
    message.values(Name::Via).any(|value| {
        trunkline_sip::Via::parse(value).is_ok_and(|via| {
            via.branch().and_then(token::owner_of_branch).is_some()
                && trunkline_sip::uri::ip_of_host(via.sent_by_host()) == Some(ours.ip())
                && via.sent_by_port().unwrap_or(5060) == ours.port()
        })
    })
}

fn route_call(
    core: &mut Core,
    ctx: &Ctx<'_>,
    asked: &Asked<'_, '_>,
    from: TrunkId,
    trunk: &Trunk,
    facts: &mut Facts,
) -> Result<(Selection, u64), Refusal> {
    let message = asked.message;
    match Uri::parse(message.request_uri()).map(|uri| uri.scheme()) {
        Ok(Scheme::Sip | Scheme::Sips | Scheme::Tel) => {}
        Ok(Scheme::Other) => return Err(Refusal::new(Status::UNSUPPORTED_URI_SCHEME)),
        Err(_) => return Err(Refusal::new(Status::BAD_REQUEST)),
    }
    let offer = parsed_offer(message).inspect_err(|_| core.counters.bad_body += 1)?;
    let bps = admission::bandwidth_bps(offer.as_ref());
    let number = number::normalise(&trunk.numbers, &facts.called);
    let selection = number.as_ref().and_then(|n| route::select(ctx.plan, from, n));
    if let Some(number) = &number {
        note_number(facts, number);
    }
    let Some(selection) = selection else {
        core.counters.unroutable += 1;
        return Err(Refusal::new(Status::NOT_FOUND));
    };
    Ok((selection, bps))
}

fn note_number(facts: &mut Facts, number: &E164) {
    facts.normalised = String::from(number.as_str());
    facts.emergency = number.is_emergency();
}

fn parsed_offer<'a>(message: &Message<'a>) -> Result<Option<SessionDescription<'a>>, Refusal> {
    let parsed = message.sdp().map(SessionDescription::parse).transpose();
    parsed.map_err(|_| Refusal::new(Status::NOT_ACCEPTABLE_HERE))
}

fn admit(core: &mut Core, ctx: &Ctx<'_>, trunk: &Trunk, bps: u64) -> Result<(), Refusal> {
    if !ctx.cdr_room {
        core.counters.limit_cdr += 1;
        return Err(Refusal::later("records queue full"));
    }
    admission::admit(trunk, ctx.now, Direction::In, bps).map_err(|limit| {
        core.count_limit(limit);
        Refusal::later(refusal::limit_text(limit))
    })
}

fn facts_of(ctx: &Ctx<'_>, message: &Message<'_>) -> Facts {
    let called = Uri::parse(message.request_uri())
        .ok()
        .map(|uri| dialled(&uri))
        .unwrap_or_default();
    let caller = message
        .from()
        .uri()
        .ok()
        .map(|uri| dialled(&uri))
        .unwrap_or_default();
    Facts {
        normalised: called.clone(),
        caller,
        called,
        start: ctx.now,
        ..Facts::default()
    }
}

/// The number or name in a URI: the user part of sip, the number of tel.
pub(crate) fn dialled(uri: &Uri<'_>) -> String {
    String::from_utf8_lossy(uri.user().unwrap_or_default()).into_owned()
}

fn begin(
    core: &Core,
    ctx: &mut Ctx<'_>,
    asked: &Asked<'_, '_>,
    trunk: &Trunk,
    at: CallRef,
    routed: Routed,
) -> Option<Call> {
    let token = Token {
        owner: core.config.owner,
        index: at.index,
        generation: at.generation,
    };
    let a = leg_a(ctx, asked, trunk, token, routed.from)?;
    let targets = routed.selection.targets(ctx.plan, ctx.now, ctx.entropy);
    Some(Call {
        at,
        token,
        id: token::call_id(token, ctx.entropy.next_u64()),
        plan: Arc::clone(ctx.plan),
        phase: CallPhase::Trying,
        facts: routed.facts,
        request: asked.message.bytes().into(),
        invite: Some(asked.key),
        a,
        attempt: None,
        former: Vec::new(),
        targets,
        next_target: 0,
        attempts_made: 0,
        failover_on: routed.selection.failover_on,
        bandwidth_bps: routed.bandwidth_bps,
        media: MediaPlan::new(
            User::Relay(at).pack(),
            ctx.plan,
            routed.from,
            asked.path,
            ctx.entropy.next_u64(),
        ),
        early_answer: None,
        is_agreed: false,
        reliable: Reliable::new(asked.message.cseq().number),
        held_success: None,
        relays: Vec::new(),
        refresh: None,
        byes: 0,
        admitted: true,
        failure: Failure {
            status: 480,
            reason: "",
            retry_after: false,
        },
    })
}

fn leg_a(ctx: &mut Ctx<'_>, asked: &Asked<'_, '_>, trunk: &Trunk, token: Token, id: TrunkId) -> Option<Leg> {
    let message = asked.message;
    let local_tag = token::tag(token, ctx.entropy.next_u64());
    let dialog = Dialog::from_request(message, local_tag.as_bytes(), asked.path.transport).ok()?;
    Some(Leg {
        trunk: id,
        path: *asked.path,
        call_id: message.call_id().into(),
        local_tag,
        request_uri: Box::default(),
        dialog: Some(dialog),
        invite_cseq: 0,
        ack: None,
        owes_ack: false,
        unacked: None,
        owed_bye: None,
        client: None,
        session: None,
        met: None,
        takes_update: message.lists(Name::Allow, b"UPDATE"),
        secrets: Secrets::of(message, trunk, asked.path.local.ip(), asked.path.remote.ip()),
    })
}

/// Writes the fields that every 2xx and 18x to an INVITE of ours has: Record-Route, Contact, Allow, Supported.
pub(crate) fn dialog_fields(writer: &mut trunkline_sip::write::Writer<'_>, request: &Message<'_>, leg: &Leg) {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.1
    //# When a UAS responds to a request with a response that establishes a
    //# dialog (such as a 2xx to INVITE), the UAS MUST copy all Record-Route
    //# header field values from the request into the response (including the
    //# URIs, URI parameters, and any Record-Route header field parameters,
    //# whether they are known or unknown to the UAS) and MUST maintain the
    //# order of those values.
    for value in request.values(Name::RecordRoute) {
        writer.field(b"Record-Route", value);
    }
    writer.field(b"Contact", leg.contact().as_bytes());
    writer.field(b"Allow", ALLOW);
    writer.field(b"Supported", SUPPORTED);
}
