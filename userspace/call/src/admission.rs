//! Whether a call may be set up: bandwidth by estimate, and the limits of both trunks.

use trunkline_sip::sdp::SessionDescription;
use trunkline_time::Timestamp;

use crate::plan::Trunk;
use crate::trunk::{Direction, Limit};

/// Bit/s of one direction of G.711 at 50 packets a second, with RTP, UDP, IPv4 and Ethernet headers.
pub const G711_BPS: u64 = 87_200;

/// Seconds after which a refused caller may try again.
pub const RETRY_AFTER_SECS: u32 = 5;

/// Headers of 50 packets a second: RTP 12, UDP 8, IPv4 20, Ethernet 18 bytes.
const HEADERS_BPS: u64 = 58 * 8 * 50;

/// Bandwidth of one direction of the offer by estimate, bit/s: the costliest codec of each media description.
#[must_use]
pub fn bandwidth_bps(offer: Option<&SessionDescription<'_>>) -> u64 {
    let Some(offer) = offer else { return G711_BPS };
    offer
        .media()
        .iter()
        .filter(|m| m.port() != 0)
        .map(|m| codec_bps(m.kind()))
        .sum::<u64>()
        .max(1)
}

fn codec_bps(kind: &[u8]) -> u64 {
    match kind {
        b"audio" => G711_BPS,
        b"video" => 1_000_000 + HEADERS_BPS,
        _ => HEADERS_BPS,
    }
}

/// Takes room on a trunk for one call.
///
/// # Errors
/// The [`Limit`] that is reached.
pub fn admit(trunk: &Trunk, now: Timestamp, direction: Direction, bps: u64) -> Result<(), Limit> {
    trunk.state.admit(now, direction, bps)
}
