//! Requests inside a dialog, and the relay of those that need no more than that.

use alloc::sync::Arc;

use trunkline_sip::dialog::Order;
use trunkline_sip::transaction::{ClientKey, ServerKey};
use trunkline_sip::write::Writer;
use trunkline_sip::{Message, Method, Status};

use super::record::Ending;
use super::{Asked, Core, User, bye, credentials, finish, invite, prack, refresh, refusal, reinvite};
use crate::call::{Call, RELAYS_MAX, Relay, Side};
use crate::cdr::EndedBy;
use crate::ctx::Ctx;
use crate::header_policy::{self, Crossing, Secrets};
use crate::leg::{ALLOW, Leg};
use crate::report::CallPhase;
use crate::session::Granted;

/// A request of the dialog on `side`; not an ACK.
pub(crate) fn on_request(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    side: Side,
    asked: &Asked<'_, '_>,
) {
    if let Some(leg) = call.leg_mut(side) {
        leg.secrets.learn(asked.message);
        refresh::note_allow(leg, asked.message);
    }
    let order = call
        .leg_mut(side)
        .and_then(|l| l.dialog.as_mut())
        .map(|d| d.on_request(asked.message));
    if order != Some(Order::InOrder) {
        core.answer(ctx, asked, Status::SERVER_INTERNAL_ERROR, None, &[]);
        return;
    }
    if refusal::unsupported(asked.message).next().is_some() {
        core.counters.bad_extension += 1;
        refusal::refuse(core, ctx, asked, &refusal::Refusal::new(Status::BAD_EXTENSION));
        return;
    }
    let method = asked.message.method();
    match method {
        Method::Bye => bye::on_bye(core, ctx, call, side, asked),
        _ if call.phase == CallPhase::Ending => {
            core.counters.no_dialog += 1;
            core.answer(ctx, asked, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST, None, &[]);
        }
        Method::Options => super::options::answer(core, ctx, asked),
        Method::Invite | Method::Update => reinvite::on_request(core, ctx, call, side, asked),
        Method::Prack => prack::on_request(core, ctx, call, side, asked),
        Method::Info | Method::Message | Method::Notify => relay(core, ctx, call, side, asked),
        Method::Ack
        | Method::Cancel
        | Method::Register
        | Method::Subscribe
        | Method::Refer
        | Method::Publish
        | Method::Other => {
            core.counters.bad_method += 1;
            core.answer(ctx, asked, Status::METHOD_NOT_ALLOWED, None, &[(b"Allow", ALLOW)]);
        }
    }
}

/// Relays a request that changes nothing here.
fn relay(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, side: Side, asked: &Asked<'_, '_>) {
    let message = asked.message;
    let may_cross = call
        .leg(side)
        .is_some_and(|leg| header_policy::body_may_cross(message.body(), &leg.secrets));
    if !may_cross {
        core.answer(ctx, asked, Status::FORBIDDEN, None, &[]);
        return;
    }
    let body = match message.content_type() {
        Some(content_type) if !message.body().is_empty() => Some((content_type, message.body())),
        _ => None,
    };
    forward(core, ctx, call, side, asked, body, false);
}

/// Sends the request to the other side and remembers where its answer belongs.
pub(crate) fn forward(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    side: Side,
    asked: &Asked<'_, '_>,
    body: Option<(&[u8], &[u8])>,
    has_offer: bool,
) -> Option<ClientKey> {
    let method = asked.message.method();
    if call.relays.len() >= RELAYS_MAX || !call.is_answered() {
        core.answer(
            ctx,
            asked,
            Status::SERVER_INTERNAL_ERROR,
            None,
            &[(b"Retry-After", b"3")],
        );
        return None;
    }
    let client = send(core, ctx, call, side, asked.message, body);
    let Some(client) = client else {
        core.answer(
            ctx,
            asked,
            Status::SERVICE_UNAVAILABLE,
            None,
            &[(b"Retry-After", b"3")],
        );
        return None;
    };
    core.layer.set_user(asked.key, User::Relay(call.at).pack());
    call.relays.push(Relay {
        from: side,
        method,
        server: asked.key,
        client,
        path: *asked.path,
        request: asked.message.bytes().into(),
        has_offer,
    });
    Some(client)
}

fn send(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    side: Side,
    message: &Message<'_>,
    body: Option<(&[u8], &[u8])>,
) -> Option<ClientKey> {
    let plan = Arc::clone(&call.plan);
    let at = call.at;
    let from = plan.trunk(call.leg(side)?.trunk)?;
    let to = plan.trunk(call.leg(side.other())?.trunk)?;
    let secrets = call.leg(side)?.secrets.clone();
    let leg = call.leg_mut(side.other())?;
    let path = leg.next_hop(Some(to));
    let authorization = credentials::in_dialog(ctx, leg, Some(to), message.method_bytes());
    let cseq = leg.dialog.as_mut()?.next_cseq();
    if message.method() == Method::Invite {
        leg.invite_cseq = cseq;
    }
    let host = leg.local_host();
    let crossing = Crossing {
        from: &from.numbers,
        to: &to.numbers,
        host: &host,
    };
    let method = message.method_bytes();
    core.start(ctx, message.method(), &path, User::Relay(at), |branch, buffer| {
        let dialog = leg.dialog.as_ref().ok_or(trunkline_sip::write::Overflow)?;
        let mut writer = dialog.request(method, cseq, &path, branch.as_bytes(), buffer);
        credentials::write(leg, &authorization, &mut writer);
        write_fields(&mut writer, leg, message, &secrets, &crossing);
        finish(&mut writer, b"User-Agent", body)
    })
}

fn write_fields(
    writer: &mut Writer<'_>,
    leg: &Leg,
    message: &Message<'_>,
    secrets: &Secrets,
    crossing: &Crossing<'_>,
) {
    if matches!(message.method(), Method::Invite | Method::Update) {
        writer.field(b"Contact", leg.contact().as_bytes());
        writer.field(b"Allow", ALLOW);
        writer.field(b"Supported", b"timer");
        if let Some(session) = &leg.session {
            session.granted.write_request(writer);
        }
    }
    header_policy::cross(message, secrets, crossing, writer);
}

/// A response to a relayed request.
pub(crate) fn on_response(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    client: ClientKey,
    message: &Message<'_>,
) {
    let Some(status) = message.status() else { return };
    if status.is_provisional() {
        return;
    }
    let Some(place) = call.relays.iter().position(|r| r.client == client) else {
        return;
    };
    let mut relay = call.relays.remove(place);
    if credentials::is_challenge(status) && sent_again(core, ctx, call, &mut relay, message) {
        core.counters.challenges_met += 1;
        call.relays.push(relay);
        return;
    }
    if status.is_success()
        && let Some(leg) = call.leg_mut(relay.from.other())
    {
        credentials::accepted(leg);
    }
    match relay.method {
        Method::Invite | Method::Update => reinvite::on_response(core, ctx, call, &relay, status, message),
        Method::Prack => prack::on_response(core, ctx, call, &relay, status, message),
        _ => {
            let body = match message.content_type() {
                Some(content_type) if !message.body().is_empty() => Some((content_type, message.body())),
                _ => None,
            };
            answer_relayed(core, ctx, call, &relay, towards(status), Some(message), body);
        }
    }
    after_response(core, ctx, call, status);
}

/// Sends a challenged request once more with credentials. False if that cannot be.
fn sent_again(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    relay: &mut Relay,
    challenge: &Message<'_>,
) -> bool {
    let plan = Arc::clone(&call.plan);
    let Ok(request) = trunkline_sip::parse(&relay.request) else {
        return false;
    };
    let other = relay.from.other();
    let is_met = call.leg_mut(other).is_some_and(|leg| {
        plan.trunk(leg.trunk)
            .is_some_and(|trunk| credentials::take(leg, trunk, challenge))
    });
    if !is_met || relay.method == Method::Prack {
        return false;
    }
    let edited = match request.sdp().filter(|_| relay.has_offer) {
        None => None,
        Some(body) => {
            let codecs = call.trunk(other).map(|t| t.codecs.clone()).unwrap_or_default();
            match call.media.offer(ctx, relay.from, body, &codecs) {
                Ok(edited) => Some(edited),
                Err(_) => return false,
            }
        }
    };
    let body = match (&edited, request.content_type()) {
        (Some(edited), _) => Some((&b"application/sdp"[..], edited.as_slice())),
        (None, Some(content_type)) if !request.body().is_empty() => Some((content_type, request.body())),
        (None, _) => None,
    };
    let Some(client) = send(core, ctx, call, relay.from, &request, body) else {
        return false;
    };
    relay.client = client;
    if relay.method == Method::Invite
        && let Some(leg) = call.leg_mut(other)
    {
        leg.client = Some(client);
    }
    true
}

/// No response came to a relayed request.
pub(crate) fn on_timeout(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, client: ClientKey) {
    let Some(place) = call.relays.iter().position(|r| r.client == client) else {
        return;
    };
    let relay = call.relays.remove(place);
    if relay.method == Method::Invite || relay.method == Method::Update {
        reinvite::forget(call, &relay);
    }
    answer_relayed(core, ctx, call, &relay, Status::REQUEST_TIMEOUT, None, None);
    after_response(core, ctx, call, Status::REQUEST_TIMEOUT);
}

fn after_response(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call, status: Status) {
    if bye::ends_dialog(status) && call.is_answered() {
        let ending = Ending {
            status: 200,
            reason: "the other side is gone",
            ended_by: EndedBy::Edge,
        };
        bye::hang_up(core, ctx, call, &[Side::A, Side::B], ending);
    }
}

/// A relayed request waits so long that its sender should know that it was heard.
//= https://www.rfc-editor.org/rfc/rfc4320#section-4.1
//# Without regard to transport, an SIP element MUST respond to a
//# non-INVITE request with a Status-Code of 100 if it has not otherwise
//# responded after the amount of time it takes a client transaction's
//# Timer E to be reset to T2.
pub(crate) fn on_trying_due(core: &mut Core, ctx: &mut Ctx<'_>, call: &Call, server: ServerKey) {
    let Some(relay) = call.relays.iter().find(|r| r.server == server) else {
        return;
    };
    let Ok(request) = trunkline_sip::parse(&relay.request) else {
        return;
    };
    core.respond_trying(
        ctx,
        &Asked {
            path: &relay.path,
            message: &request,
            key: server,
        },
    );
}

/// Answers a relayed request on the side that it came from.
pub(crate) fn answer_relayed(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &Call,
    relay: &Relay,
    status: Status,
    response: Option<&Message<'_>>,
    body: Option<(&[u8], &[u8])>,
) -> bool {
    let Ok(request) = trunkline_sip::parse(&relay.request) else {
        return false;
    };
    let (Some(leg), Some(other)) = (call.leg(relay.from), call.leg(relay.from.other())) else {
        return false;
    };
    let (Some(to), Some(from)) = (call.trunk(relay.from), call.trunk(relay.from.other())) else {
        return false;
    };
    let host = leg.local_host();
    let crossing = Crossing {
        from: &from.numbers,
        to: &to.numbers,
        host: &host,
    };
    core.count_response(leg.path.zone, relay.method, status);
    let source = relay.path.remote;
    core.respond(ctx, relay.server, status, |buffer| {
        let mut writer = trunkline_sip::write::response(&request, source, status, b"", None, buffer);
        if status.is_success() && matches!(relay.method, Method::Invite | Method::Update) {
            invite::dialog_fields(&mut writer, &request, leg);
            if let Some(granted) = Granted::to_request(to.sip.session, &request) {
                granted.write_answer(&mut writer);
            }
        }
        if let Some(response) = response {
            header_policy::cross(response, &other.secrets, &crossing, &mut writer);
        }
        finish(&mut writer, b"Server", body)
    })
}

/// Credentials and redirection do not cross.
fn towards(status: Status) -> Status {
    match status.code() {
        300..=399 | 401 | 407 => Status::SERVER_INTERNAL_ERROR,
        _ => status,
    }
}

/// What was being relayed has nowhere to go any more.
pub(crate) fn drop_relays(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) {
    for relay in core::mem::take(&mut call.relays) {
        let status = match relay.method {
            Method::Invite => Status::REQUEST_TERMINATED,
            _ => Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST,
        };
        let Ok(message) = trunkline_sip::parse(&relay.request) else {
            continue;
        };
        core.answer(
            ctx,
            &Asked {
                path: &relay.path,
                message: &message,
                key: relay.server,
            },
            status,
            None,
            &[],
        );
    }
}
