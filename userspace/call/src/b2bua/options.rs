//! OPTIONS to us: what we take.

use trunkline_sip::Status;
use trunkline_sip::uri::{Scheme, Uri};

use super::{Asked, Core, refusal};
use crate::ctx::Ctx;
use crate::leg::{ALLOW, SUPPORTED};

/// Answers an OPTIONS inside a dialog or outside of one.
//= https://www.rfc-editor.org/rfc/rfc3261#section-11.2
//# Allow, Accept, Accept-Encoding, Accept-Language, and Supported header
//# fields SHOULD be present in a 200 (OK) response to an OPTIONS
//# request.
pub(crate) fn answer(core: &mut Core, ctx: &mut Ctx<'_>, asked: &Asked<'_, '_>) {
    if let Some(status) = obstacle(asked) {
        core.counters.bad_extension += u64::from(status == Status::BAD_EXTENSION);
        refusal::refuse(core, ctx, asked, &refusal::Refusal::new(status));
        return;
    }
    core.refuse(
        ctx,
        asked,
        Status::OK,
        &[
            (b"Allow", ALLOW),
            (b"Accept", b"application/sdp"),
            (b"Accept-Encoding", b"identity"),
            (b"Accept-Language", b"en"),
            (b"Supported", SUPPORTED),
        ],
    );
}

/// What stands against taking the request at all, in the order of RFC 3261 section 8.2.
fn obstacle(asked: &Asked<'_, '_>) -> Option<Status> {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.2.1
    //# If the Request-URI uses a scheme not supported by the
    //# UAS, it SHOULD reject the request with a 416 (Unsupported URI Scheme)
    //# response.
    if let Ok(uri) = Uri::parse(asked.message.request_uri())
        && uri.scheme() == Scheme::Other
    {
        return Some(Status::UNSUPPORTED_URI_SCHEME);
    }
    let missing = refusal::unsupported(asked.message).next().is_some();
    missing.then_some(Status::BAD_EXTENSION)
}
