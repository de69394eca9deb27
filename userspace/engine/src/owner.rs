//! Which worker a message or packet belongs to.
//!
//! Whatever we mint says who owns it: a response carries our branch, a request inside a dialog our To tag, media our
//! port. A request that carries nothing of ours is owned by the hash of its Call-ID and From tag, which an INVITE shares
//! with its CANCEL and its retransmissions.

use trunkline_sip::Message;
use trunkline_sip::token::{owner_of_branch, owner_of_tag};

/// The worker that owns `message`, below `workers`.
#[must_use]
pub fn of(message: &Message<'_>, workers: u8) -> u8 {
    let minted = if message.is_request() {
        message.to().tag().and_then(owner_of_tag)
    } else {
        message.top_via().branch().and_then(owner_of_branch)
    };
    match minted {
        Some(token) if token.owner < workers => token.owner,
        _ => by_hash(
            message.call_id(),
            message.from().tag().unwrap_or_default(),
            workers,
        ),
    }
}

/// FNV-1a over both texts: stable over restarts, and good enough to spread calls.
fn by_hash(call_id: &[u8], from_tag: &[u8], workers: u8) -> u8 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in call_id.iter().chain(&[0]).chain(from_tag) {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    ((hash >> 32) % u64::from(workers.max(1))) as u8
}

#[cfg(test)]
mod tests {
    use super::by_hash;

    #[test]
    fn new_calls_spread_over_all_workers() {
        let mut hits = [0_u32; 4];
        for i in 0..4000_u32 {
            hits[usize::from(by_hash(format!("{i}@192.0.2.1").as_bytes(), b"1928301774", 4))] += 1;
        }
        assert!(hits.iter().all(|&n| (800..1200).contains(&n)), "{hits:?}");
    }

    #[test]
    fn both_texts_count_and_their_border_does() {
        let owners = |call_id: &[u8], tag: &[u8]| by_hash(call_id, tag, 255);
        assert_ne!(owners(b"abc", b"d"), owners(b"ab", b"cd"));
    }
}
