//! One attempt: the INVITE towards one peer.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use trunkline_sip::path::Path;
use trunkline_sip::token::{self, TokenText};
use trunkline_sip::transaction::ClientKey;
use trunkline_sip::write::{Overflow, Writer};
use trunkline_sip::{Message, Method, Name};
use trunkline_time::TimerKey;

use super::{CallTimer, Core, Timer, User, credentials, finish, prack};
use crate::call::{Attempt, AttemptState, Call, Failure, Side, Terms};
use crate::ctx::Ctx;
use crate::header_policy::{self, Crossing, Secrets};
use crate::leg::{ALLOW, Leg, MAX_FORWARDS};
use crate::media_plan::MediaError;
use crate::number;
use crate::plan::{Reliability, SessionPolicy, Trunk};
use crate::probe;
use crate::route::Target;
use crate::session;

const NO_ROOM: Failure = Failure {
    status: 503,
    reason: "no room",
    retry_after: true,
};

/// Sends an INVITE to `target`.
///
/// # Errors
/// The [`Failure`] that the caller is told if nothing else is tried; nothing was sent then.
pub(crate) fn launch(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    target: Target,
    trunk: &Trunk,
) -> Result<(), Failure> {
    let peer = trunk.peers.get(target.peer).copied().ok_or(NO_ROOM)?;
    let path = probe::path_to(&call.plan, trunk, &peer).ok_or(Failure {
        reason: "no local address",
        ..NO_ROOM
    })?;
    let request = core::mem::take(&mut call.request);
    let result = match trunkline_sip::parse(&request) {
        Ok(message) => send_invite(core, ctx, call, target, trunk, path, &message),
        Err(_) => Err(Failure {
            status: 400,
            reason: "",
            retry_after: false,
        }),
    };
    call.request = request;
    result
}

fn send_invite(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    target: Target,
    trunk: &Trunk,
    path: Path,
    message: &Message<'_>,
) -> Result<(), Failure> {
    call.media
        .aim_b(&call.plan, target.trunk, &path, ctx.entropy.next_u64());
    let offer = match offer_of(ctx, call, trunk, message) {
        Ok(offer) => offer,
        Err(error) => {
            call.media.close_side_b(ctx);
            return Err(refusal_of(core, error));
        }
    };
    let leg = leg_b(ctx, call, target, trunk, path);
    let number = call.attempts_made + 1;
    let reliable = prack::mode(trunk.sip.reliable, message);
    let terms = Terms {
        number,
        reliable,
        min_secs: 0,
    };
    let client = start(
        core,
        ctx,
        call,
        &leg,
        trunk,
        &terms,
        message,
        offer.as_deref(),
        &[],
    );
    let Some(client) = client else {
        call.media.close_side_b(ctx);
        return Err(NO_ROOM);
    };
    core.counters.attempts += 1;
    call.attempts_made = number;
    let timer = arm(core, ctx, call, number);
    call.attempt = Some(Attempt {
        number,
        target,
        leg: Leg {
            client: Some(client),
            ..leg
        },
        state: AttemptState::Calling,
        started: if number == 1 { call.facts.start } else { ctx.now },
        ring: None,
        timer,
        settled: false,
        forks: Vec::new(),
        terms,
        early: Vec::new(),
    });
    Ok(())
}

/// Where nothing else could be tried, only timer B ends the wait for a first response.
fn arm(core: &mut Core, ctx: &Ctx<'_>, call: &Call, number: u32) -> Option<TimerKey> {
    let may_go_on = call.failover_on.timeout && call.next_target < call.targets.len();
    let timer = Timer::Call(call.at, CallTimer::Attempt(number));
    may_go_on
        .then(|| core.arm(ctx, call.plan.attempt_timeout, timer))
        .flatten()
}

#[expect(clippy::too_many_arguments, reason = "plain facts of one request")]
fn start(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &Call,
    leg: &Leg,
    trunk: &Trunk,
    terms: &Terms,
    message: &Message<'_>,
    offer: Option<&[u8]>,
    authorization: &[u8],
) -> Option<ClientKey> {
    let user = User::Attempt(call.at, terms.number);
    core.start(ctx, Method::Invite, &leg.path, user, |branch, buffer| {
        let mut writer = Writer::new(buffer);
        begin_invite(call, leg, trunk, branch, message, &mut writer);
        credentials::write(leg, authorization, &mut writer);
        write_extensions(message, terms, trunk.sip.session, &mut writer);
        end_invite(call, leg, trunk, message, offer, &mut writer)
    })
}

/// Sends the INVITE of the present attempt once more, with what the peer has asked for. False if that cannot be.
//= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.3.5
//# This new request constitutes a new transaction and
//# SHOULD have the same value of the Call-ID, To, and From of the
//# previous request, but the CSeq should contain a new sequence number
//# that is one higher than the previous.
pub(crate) fn again(core: &mut Core, ctx: &mut Ctx<'_>, call: &mut Call) -> bool {
    let Some(mut attempt) = call.attempt.take() else {
        return false;
    };
    let plan = Arc::clone(&call.plan);
    let request = core::mem::take(&mut call.request);
    let client = match (trunkline_sip::parse(&request), plan.trunk(attempt.target.trunk)) {
        (Ok(message), Some(trunk)) => {
            attempt.leg.invite_cseq += 1;
            offer_of(ctx, call, trunk, &message).ok().and_then(|offer| {
                let uri = attempt.leg.request_uri.clone();
                let value = credentials::value(ctx, &mut attempt.leg, Some(trunk), b"INVITE", &uri);
                let (leg, terms, offer) = (&attempt.leg, &attempt.terms, offer.as_deref());
                start(core, ctx, call, leg, trunk, terms, &message, offer, &value)
            })
        }
        _ => None,
    };
    call.request = request;
    if client.is_some() {
        core.disarm(&mut attempt.timer);
        attempt.timer = arm(core, ctx, call, attempt.terms.number);
        attempt.leg.client = client;
        attempt.state = AttemptState::Calling;
        attempt.early.clear();
    }
    call.attempt = Some(attempt);
    client.is_some()
}

fn offer_of(
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    trunk: &Trunk,
    message: &Message<'_>,
) -> Result<Option<Vec<u8>>, MediaError> {
    let offered = message.sdp();
    offered
        .map(|body| call.media.offer(ctx, Side::A, body, &trunk.codecs))
        .transpose()
}

fn refusal_of(core: &mut Core, error: MediaError) -> Failure {
    match error {
        MediaError::Body => {
            core.counters.bad_body += 1;
            Failure {
                status: 488,
                reason: "",
                retry_after: false,
            }
        }
        MediaError::Ports => {
            core.counters.limit_ports += 1;
            Failure {
                reason: "no media port",
                ..NO_ROOM
            }
        }
    }
}

fn leg_b(ctx: &mut Ctx<'_>, call: &Call, target: Target, trunk: &Trunk, path: Path) -> Leg {
    let called = called_number(call, trunk);
    let host = probe::peer_host(&path);
    Leg {
        trunk: target.trunk,
        path,
        call_id: token::call_id(call.token, ctx.entropy.next_u64())
            .as_bytes()
            .into(),
        local_tag: token::tag(call.token, ctx.entropy.next_u64()),
        request_uri: alloc::format!("sip:{called}@{host}").into_bytes().into(),
        dialog: None,
        invite_cseq: 1,
        ack: None,
        owes_ack: false,
        unacked: None,
        owed_bye: None,
        client: None,
        session: None,
        met: None,
        takes_update: false,
        secrets: Secrets::of_peer(trunk, path.local.ip(), path.remote.ip()),
    }
}

fn called_number(call: &Call, trunk: &Trunk) -> String {
    let from_rules = call.plan.trunk(call.a.trunk).map(|t| &t.numbers);
    match from_rules.and_then(|rules| number::normalise(rules, &call.facts.called)) {
        Some(number) => number::write(&trunk.numbers, &number),
        None => call.facts.called.clone(),
    }
}

/// Our From: the caller's number as this trunk wants it, at our address.
fn from_value(call: &Call, trunk: &Trunk, message: &Message<'_>, own_host: &str) -> String {
    let host = message.from().uri().map(|u| u.host()).unwrap_or_default();
    if host.eq_ignore_ascii_case(b"anonymous.invalid") {
        return String::from("\"Anonymous\" <sip:anonymous@anonymous.invalid>");
    }
    let from = call
        .plan
        .trunk(call.a.trunk)
        .map_or(&trunk.numbers, |t| &t.numbers);
    let crossing = Crossing {
        from,
        to: &trunk.numbers,
        host: own_host,
    };
    header_policy::identity(
        message.header(Name::From).unwrap_or_default(),
        &call.a.secrets,
        &crossing,
    )
}

fn begin_invite(
    call: &Call,
    leg: &Leg,
    trunk: &Trunk,
    branch: &TokenText,
    message: &Message<'_>,
    writer: &mut Writer<'_>,
) {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-16.6
    //# If the copy contains a Max-Forwards header field, the proxy
    //# MUST decrement its value by one (1).
    let hops = message.max_forwards().unwrap_or(MAX_FORWARDS).saturating_sub(1);
    let own_host = leg.local_host();
    let from = from_value(call, trunk, message, &own_host);
    writer.request_line(b"INVITE", &leg.request_uri);
    leg.path.write_via(branch.as_bytes(), writer);
    writer.field_number(b"Max-Forwards", u64::from(hops));
    writer.field_parts(b"From", &[from.as_bytes(), b";tag=", leg.local_tag.as_bytes()]);
    writer.field_parts(b"To", &[b"<", &leg.request_uri, b">"]);
    writer.field(b"Call-ID", &leg.call_id);
    writer
        .raw(b"CSeq: ")
        .number(u64::from(leg.invite_cseq))
        .raw(b" INVITE\r\n");
    writer.field(b"Contact", leg.contact().as_bytes());
    writer.field(b"Allow", ALLOW);
}

fn write_extensions(message: &Message<'_>, terms: &Terms, policy: SessionPolicy, writer: &mut Writer<'_>) {
    let reliable = terms.reliable;
    match (policy.expires_secs != 0, reliable != Reliability::Off) {
        (true, true) => writer.field(b"Supported", b"timer, 100rel"),
        (true, false) => writer.field(b"Supported", b"timer"),
        (false, true) => writer.field(b"Supported", b"100rel"),
        (false, false) => writer,
    };
    session::write_invite(policy, terms.min_secs, writer);
    if reliable == Reliability::Relayed && prack::is_listed(message, Name::Require) {
        writer.field(b"Require", b"100rel");
    }
}

fn end_invite(
    call: &Call,
    leg: &Leg,
    trunk: &Trunk,
    message: &Message<'_>,
    offer: Option<&[u8]>,
    writer: &mut Writer<'_>,
) -> Result<usize, Overflow> {
    let own_host = leg.local_host();
    let from = call
        .plan
        .trunk(call.a.trunk)
        .map_or(&trunk.numbers, |t| &t.numbers);
    let crossing = Crossing {
        from,
        to: &trunk.numbers,
        host: &own_host,
    };
    header_policy::cross(message, &call.a.secrets, &crossing, writer);
    finish(
        writer,
        b"User-Agent",
        offer.map(|body| (&b"application/sdp"[..], body)),
    )
}
