//! OPTIONS to us: what we take.

use trunkline_sip::Status;

use super::{Asked, Core};
use crate::ctx::Ctx;
use crate::leg::{ALLOW, SUPPORTED};

/// Answers an OPTIONS inside a dialog or outside of one.
//= https://www.rfc-editor.org/rfc/rfc3261#section-11.2
//# Allow, Accept, Accept-Encoding, Accept-Language, and Supported header
//# fields SHOULD be present in a 200 (OK) response to an OPTIONS
//# request.
pub(crate) fn answer(core: &mut Core, ctx: &mut Ctx<'_>, asked: &Asked<'_, '_>) {
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
