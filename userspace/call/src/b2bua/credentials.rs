//! Challenges of a trunk, met with the credentials that are configured for it: RFC 3261 section 22.

use alloc::vec::Vec;

use trunkline_sip::digest::{Challenge, Identity, Session};
use trunkline_sip::write::Writer;
use trunkline_sip::{Message, Name, Status};

use crate::ctx::Ctx;
use crate::leg::Leg;
use crate::plan::Trunk;

/// What a peer has challenged us with, and how it is answered.
#[derive(Debug)]
pub(crate) struct Met {
    field: &'static [u8],
    session: Session,
    /// How many challenges were answered since the peer last accepted an answer.
    tries: u8,
    /// The value that our newest INVITE had, which its ACK repeats.
    invite: Vec<u8>,
}

/// Whether a response asks for credentials.
pub(crate) fn is_challenge(status: Status) -> bool {
    matches!(status.code(), 401 | 407)
}

/// Takes the challenge of a 401 or 407. False if it cannot be met: the trunk has no credentials, no challenge is one that
/// we know, or the credentials were refused already.
//= https://www.rfc-editor.org/rfc/rfc8760#section-2.4
//# When the UAC receives a response with multiple WWW-Authenticate/Proxy-
//# Authenticate header fields with the same realm, it SHOULD use the
//# topmost header field that it supports unless a local policy dictates
//# otherwise.
pub(crate) fn take(leg: &mut Leg, trunk: &Trunk, response: &Message<'_>) -> bool {
    let (wanted, field): (Name, &'static [u8]) = match response.status().map(Status::code) {
        Some(401) => (Name::WwwAuthenticate, b"Authorization"),
        Some(407) => (Name::ProxyAuthenticate, b"Proxy-Authorization"),
        _ => return false,
    };
    let challenge = response
        .fields()
        .filter(|f| f.name == wanted)
        .find_map(|f| Challenge::parse(f.value));
    let Some(challenge) = challenge.filter(|_| trunk.sip.auth.is_some()) else {
        return false;
    };
    //= https://www.rfc-editor.org/rfc/rfc3261#section-22.1
    //# A UAC MUST NOT re-attempt requests with the credentials that have just
    //# been rejected (though the request may be retried if the nonce was
    //# stale).
    let tries = leg.met.as_ref().map_or(0, |met| met.tries);
    let may_try = tries == 0 || tries == 1 && challenge.is_stale;
    if !may_try {
        return false;
    }
    leg.met = Some(Met {
        field,
        session: Session::new(&challenge),
        tries: tries + 1,
        invite: Vec::new(),
    });
    true
}

/// The peer took what it was sent: it may challenge us once more.
pub(crate) fn accepted(leg: &mut Leg) {
    if let Some(met) = leg.met.as_mut() {
        met.tries = 0;
    }
}

/// The value of the credentials for one request, empty if none are wanted. An ACK has those of its INVITE.
//= https://www.rfc-editor.org/rfc/rfc3261#section-22.1
//# For this
//# reason, any credentials in the INVITE that were accepted by a server
//# MUST be accepted by that server for the ACK.
pub(crate) fn value(
    ctx: &mut Ctx<'_>,
    leg: &mut Leg,
    trunk: Option<&Trunk>,
    method: &[u8],
    uri: &[u8],
) -> Vec<u8> {
    let who = trunk.and_then(|t| t.sip.auth.as_deref());
    let (Some(met), Some(who)) = (leg.met.as_mut(), who) else {
        return Vec::new();
    };
    if method == b"ACK" {
        return met.invite.clone();
    }
    let identity = Identity {
        username: who.username.as_bytes(),
        password: who.password.as_bytes(),
    };
    let value = met.session.answer(&identity, method, uri, ctx.entropy.next_u64());
    if method == b"INVITE" {
        met.invite.clone_from(&value);
    }
    value
}

/// The value for a request inside the dialog of `leg`.
pub(crate) fn in_dialog(ctx: &mut Ctx<'_>, leg: &mut Leg, trunk: Option<&Trunk>, method: &[u8]) -> Vec<u8> {
    if leg.met.is_none() {
        return Vec::new();
    }
    let uri = leg.dialog.as_ref().map(|d| d.remote_target().to_vec());
    value(ctx, leg, trunk, method, &uri.unwrap_or_default())
}

/// Writes the credentials, if there are any.
pub(crate) fn write(leg: &Leg, value: &[u8], writer: &mut Writer<'_>) {
    if let Some(met) = leg.met.as_ref().filter(|_| !value.is_empty()) {
        writer.field(met.field, value);
    }
}
