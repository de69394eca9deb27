//! Saying no to an INVITE.

use alloc::string::String;
use alloc::vec::Vec;

use trunkline_sip::{Message, Name, Status};

use super::{Asked, Core, finish};
use crate::admission;
use crate::call::{Call, Failure};
use crate::ctx::Ctx;
use crate::trunk::Limit;

/// The extensions that a request may require of us.
const REQUIRE_OK: &[&[u8]] = &[b"timer", b"100rel"];

/// Why an INVITE becomes no call.
pub(crate) struct Refusal {
    status: Status,
    /// `text` of a Reason header; empty = none.
    text: &'static str,
    retry_after: bool,
    /// Min-SE; 0 = none.
    min_secs: u32,
}

impl Refusal {
    pub(crate) fn new(status: Status) -> Self {
        Self {
            status,
            text: "",
            retry_after: false,
            min_secs: 0,
        }
    }

    /// 422, with the shortest session interval that we take.
    pub(crate) fn too_short(min_secs: u32) -> Self {
        Self {
            min_secs,
            ..Self::new(Status::SESSION_INTERVAL_TOO_SMALL)
        }
    }

    pub(crate) fn later(text: &'static str) -> Self {
        Self {
            status: Status::SERVICE_UNAVAILABLE,
            text,
            retry_after: true,
            min_secs: 0,
        }
    }
}

/// The extensions in Require that we do not have.
//= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.2.3
//# If a UAS does not understand an
//# option-tag listed in a Require header field, it MUST respond by
//# generating a response with status code 420 (Bad Extension).
pub(crate) fn unsupported<'a>(message: &Message<'a>) -> impl Iterator<Item = &'a [u8]> {
    let known = |tag: &&[u8]| REQUIRE_OK.iter().any(|ok| tag.eq_ignore_ascii_case(ok));
    let required: Vec<&[u8]> = message.values(Name::Require).collect();
    required.into_iter().filter(move |tag| !known(tag))
}

/// The `text` of the Reason of a limit.
pub(crate) fn limit_text(limit: Limit) -> &'static str {
    match limit {
        Limit::Calls => "limit of calls reached",
        Limit::Cps => "limit of calls per second reached",
        Limit::Bandwidth => "limit of bandwidth reached",
    }
}

/// Answers a refused INVITE.
pub(crate) fn refuse(core: &mut Core, ctx: &mut Ctx<'_>, asked: &Asked<'_, '_>, refusal: &Refusal) {
    let reason = reason_value(refusal.status.code(), refusal.text);
    let retry_after = alloc::format!("{}", admission::RETRY_AFTER_SECS);
    let min_secs = alloc::format!("{}", refusal.min_secs);
    let missing: Vec<u8> = unsupported(asked.message).collect::<Vec<_>>().join(&b", "[..]);
    let mut fields: Vec<(&[u8], &[u8])> = Vec::new();
    if !refusal.text.is_empty() {
        fields.push((b"Reason", reason.as_bytes()));
    }
    if refusal.retry_after {
        fields.push((b"Retry-After", retry_after.as_bytes()));
    }
    //= https://www.rfc-editor.org/rfc/rfc4028#section-6
    //# The 422 response MUST contain a Min-SE header field with the minimum
    //# timer for that server.
    if refusal.min_secs != 0 {
        fields.push((b"Min-SE", min_secs.as_bytes()));
    }
    match refusal.status {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.2.3
        //# The UAS MUST add an Unsupported header field, and list in it those
        //# options it does not understand amongst those in the Require header
        //# field of the request.
        Status::BAD_EXTENSION => fields.push((b"Unsupported", &missing)),
        Status::UNSUPPORTED_MEDIA_TYPE => fields.push((b"Accept", b"application/sdp")),
        _ => {}
    }
    core.refuse(ctx, asked, refusal.status, &fields);
}

/// The value of a Reason header field of ours.
pub(crate) fn reason_value(status: u16, text: &str) -> String {
    alloc::format!("SIP;cause={status};text=\"{text}\"")
}

pub(crate) fn failure_of(refusal: &Refusal) -> Failure {
    Failure {
        status: refusal.status.code(),
        reason: refusal.text,
        retry_after: refusal.retry_after,
    }
}

/// Answers the INVITE of the A-leg finally with a failure.
pub(crate) fn reject(
    core: &mut Core,
    ctx: &mut Ctx<'_>,
    call: &mut Call,
    failure: &Failure,
    crossing: &[(Vec<u8>, Vec<u8>)],
) {
    core.disarm(&mut call.reliable.timer);
    call.reliable.clear();
    call.held_success = None;
    let Some(key) = call.invite.take() else { return };
    let Ok(request) = trunkline_sip::parse(&call.request) else {
        return;
    };
    let status = Status::new(failure.status).unwrap_or(Status::SERVER_INTERNAL_ERROR);
    let reason = reason_value(failure.status, failure.reason);
    core.count_response(call.a.path.zone, request.method(), status);
    core.respond(ctx, key, status, |buffer| {
        let source = call.a.path.remote;
        let tag = Some(call.a.local_tag.as_bytes());
        let mut writer = trunkline_sip::write::response(&request, source, status, b"", tag, buffer);
        for (name, value) in crossing {
            writer.field(name, value);
        }
        if !failure.reason.is_empty() {
            writer.field(b"Reason", reason.as_bytes());
        }
        if failure.retry_after {
            writer.field_number(b"Retry-After", u64::from(admission::RETRY_AFTER_SECS));
        }
        finish(&mut writer, b"Server", None)
    });
}

impl Core {
    /// Counts a refusal by a limit of a trunk.
    pub(crate) fn count_limit(&mut self, limit: Limit) {
        match limit {
            Limit::Calls => self.counters.limit_calls += 1,
            Limit::Cps => self.counters.limit_cps += 1,
            Limit::Bandwidth => self.counters.limit_bandwidth += 1,
        }
    }
}
