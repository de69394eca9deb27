//! Which worker a message belongs to.
//!
//! What we minted says so itself. A request that starts something carries nothing of ours: it goes by Call-ID
//! and From tag, so that its CANCEL and its retransmissions follow it.

use trunkline_sip::Message;
use trunkline_sip::token;

/// The worker that `message` belongs to, of `workers` in all. Constant time, no allocation.
///
/// A token of ours that names a worker that is not there (from before a restart with fewer workers) is
/// treated as foreign.
#[must_use]
pub fn owner_of(message: &Message<'_>, workers: u8) -> u8 {
    let workers = workers.max(1);
    let minted = if message.is_request() {
        message.to().tag().and_then(token::owner_of_tag)
    } else {
        message.top_via().branch().and_then(token::owner_of_branch)
    };
    match minted {
        Some(token) if token.owner < workers => token.owner,
        _ => (hash(message) % u32::from(workers)) as u8,
    }
}

/// FNV-1a over Call-ID and From tag. Only spreads load, so it need not resist an attacker.
fn hash(message: &Message<'_>) -> u32 {
    let tag = message.from().tag().unwrap_or_default();
    message
        .call_id()
        .iter()
        .chain(tag)
        .fold(0x811c_9dc5, |h: u32, b| {
            (h ^ u32::from(*b)).wrapping_mul(0x0100_0193)
        })
}
