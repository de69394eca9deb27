use super::Sum;
use crate::fixture::Random;

/// The definition, the slow way: one word at a time, the carry added at once.
fn reference(bytes: &[u8]) -> u16 {
    let mut sum = 0u16;
    for pair in bytes.chunks(2) {
        let word = u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]);
        let (added, carry) = sum.overflowing_add(word);
        sum = added + u16::from(carry);
    }
    !sum
}

#[test]
fn the_example_of_rfc_1071() {
    let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
    assert_eq!(Sum::new().add_bytes(&bytes).finish(), !0xddf2);
}

//= https://www.rfc-editor.org/rfc/rfc1624#section-3
//= type=test
//# HC' = ~(C + (-m) + m')    --    [Eqn. 3]
//#     = ~(~HC + ~m + m')
#[test]
fn the_example_of_rfc_1624() {
    // Section 4: the header sums up to 0xdd2f, a word changes from 0x5555 to 0x3285.
    assert_eq!(Sum::resume(0xdd2f).subtract(0x5555).add(0x3285).finish(), 0x0000);
}

#[test]
fn sums_of_any_length_equal_the_definition() {
    let mut random = Random(1);
    for len in 0..300 {
        let bytes = random.bytes(len);
        assert_eq!(Sum::new().add_bytes(&bytes).finish(), reference(&bytes));
        assert_eq!(
            Sum::new().add_range(bytes.as_slice(), 0, len).unwrap().finish(),
            reference(&bytes)
        );
        assert!(Sum::new().add_range(bytes.as_slice(), 1, len + 1).is_none());
    }
    let full = std::vec![0xff; 65_535];
    assert_eq!(Sum::new().add_bytes(&full).finish(), reference(&full));
}

#[test]
fn exchanging_words_equals_summing_anew() {
    let mut random = Random(2);
    for _ in 0..10_000 {
        let mut bytes = random.bytes(40);
        let before = Sum::new().add_bytes(&bytes).finish_udp();
        let at = random.below(20) * 2;
        let (old, new) = (u16::from_be_bytes([bytes[at], bytes[at + 1]]), random.edge());
        bytes[at..at + 2].copy_from_slice(&new.to_be_bytes());
        let after = Sum::resume(before).subtract(old).add(new).finish_udp();
        assert_eq!(after, Sum::new().add_bytes(&bytes).finish_udp());
    }
}

#[test]
fn a_udp_checksum_of_zero_is_sent_as_all_ones() {
    assert_eq!(Sum::new().add(0xffff).finish(), 0);
    assert_eq!(Sum::new().add(0xffff).finish_udp(), 0xffff);
}
