//! RTP packets whose every byte follows from their stream and number, so that a receiver can check all of them.

/// 20 ms of G.711: a 12-byte header and 160 bytes of payload.
pub const PACKET_LEN: usize = 172;

/// Which packet it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The sender, as the SSRC.
    pub ssrc: u32,
    /// The number of the packet in its stream, from 0.
    pub number: u32,
}

/// The bytes of packet `number` of stream `ssrc`.
#[must_use]
pub fn packet(identity: Identity) -> [u8; PACKET_LEN] {
    let mut bytes = [0; PACKET_LEN];
    bytes[0] = 0x80;
    bytes[2..4].copy_from_slice(&(identity.number as u16).to_be_bytes());
    bytes[4..8].copy_from_slice(&identity.number.wrapping_mul(160).to_be_bytes());
    bytes[8..12].copy_from_slice(&identity.ssrc.to_be_bytes());
    bytes[12..16].copy_from_slice(&identity.number.to_be_bytes());
    let mut state = u64::from(identity.ssrc) << 32 | u64::from(identity.number);
    for chunk in bytes[16..].chunks_mut(8) {
        chunk.copy_from_slice(&next_random(&mut state).to_be_bytes()[..chunk.len()]);
    }
    bytes
}

/// Which packet these bytes are, if they are one of ours to the last byte.
#[must_use]
pub fn identify(bytes: &[u8]) -> Option<Identity> {
    let word = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let identity = Identity {
        ssrc: word(8)?,
        number: word(12)?,
    };
    (bytes == packet(identity)).then_some(identity)
}

/// splitmix64.
fn next_random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_changed_byte_is_noticed() {
        let identity = Identity {
            ssrc: 0xdead_beef,
            number: 70_000,
        };
        let good = packet(identity);
        assert_eq!(identify(&good), Some(identity));
        for at in 0..PACKET_LEN {
            let mut bad = good;
            bad[at] ^= 1;
            assert_ne!(identify(&bad), Some(identity), "byte {at}");
        }
        assert_eq!(identify(&good[..PACKET_LEN - 1]), None);
        assert_eq!(identify(&[]), None);
    }
}
