use std::collections::HashSet;
use std::vec::Vec;

use core::time::Duration;

use proptest::prelude::*;

use super::*;

fn packet(ssrc: u32, sequence_number: u16, timestamp: u32) -> [u8; 12] {
    let mut bytes = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes[2..4].copy_from_slice(&sequence_number.to_be_bytes());
    bytes[4..8].copy_from_slice(&timestamp.to_be_bytes());
    bytes[8..].copy_from_slice(&ssrc.to_be_bytes());
    bytes
}

/// Feeds packets of 20 ms that arrive when they should, with these sequence numbers.
fn measure(arrivals: &[(u32, u16)]) -> Quality {
    let (mut stream, mut history) = (Stream::new(8000), History::default());
    for (index, (ssrc, sequence_number)) in arrivals.iter().enumerate() {
        let now = Timestamp::from_millis(20 * index as u64);
        let bytes = packet(*ssrc, *sequence_number, 160 * index as u32);
        stream.on_rtp(&mut history, now, &RtpView::new_checked(&bytes).unwrap());
    }
    stream.quality(&history)
}

fn in_order(ssrc: u32, sequence_numbers: impl IntoIterator<Item = u16>) -> Vec<(u32, u16)> {
    sequence_numbers
        .into_iter()
        .map(|number| (ssrc, number))
        .collect()
}

#[test]
fn a_clean_stream_loses_nothing_across_the_wrap() {
    let numbers = (0..300_u32).map(|index| (65_400 + index) as u16);
    let quality = measure(&in_order(1, numbers));
    let expected = Quality {
        received: 300,
        expected: 300,
        ssrc: Some(1),
        ..Quality::default()
    };
    assert_eq!(quality, expected);
}

#[test]
fn nothing_received_is_nothing_expected() {
    assert_eq!(measure(&[]), Quality::default());
}

#[test]
fn a_gap_is_loss_until_the_packets_come_late() {
    assert_eq!(measure(&in_order(1, [1, 2, 5, 6])).lost, 2);
    let late = measure(&in_order(1, [1, 2, 5, 3, 6, 4]));
    assert_eq!((late.lost, late.reordered, late.duplicates), (0, 2, 0));
}

#[test]
fn duplicates_do_not_make_up_for_losses() {
    let quality = measure(&in_order(1, [1, 1, 2, 4, 2, 5]));
    assert_eq!((quality.lost, quality.duplicates, quality.reordered), (1, 2, 0));
    assert_eq!((quality.expected, quality.received), (5, 6));
}

#[test]
fn a_first_packet_that_came_too_early_moves_the_beginning() {
    let quality = measure(&in_order(1, [11, 10, 12]));
    assert_eq!((quality.expected, quality.lost, quality.reordered), (3, 0, 1));
}

#[test]
fn another_ssrc_starts_again_and_keeps_the_books() {
    let arrivals = [
        in_order(1, [1, 2, 4]),
        in_order(2, [40_000, 40_003]),
        in_order(1, [9, 10]),
    ]
    .concat();
    let quality = measure(&arrivals);
    assert_eq!(
        (quality.restarts, quality.lost, quality.expected, quality.received),
        (2, 3, 10, 7)
    );
    assert_eq!(quality.ssrc, Some(1));
}

#[test]
fn a_jump_counts_only_when_confirmed() {
    let single = measure(&in_order(1, [1, 2, 30_000, 3, 4]));
    assert_eq!(
        (single.restarts, single.lost, single.expected, single.received),
        (0, 0, 4, 5)
    );
    let confirmed = measure(&in_order(1, [1, 2, 30_000, 30_001, 30_002]));
    assert_eq!(
        (
            confirmed.restarts,
            confirmed.lost,
            confirmed.expected,
            confirmed.received
        ),
        (1, 0, 5, 5)
    );
    let to_zero = measure(&in_order(1, [30_000, 65_535, 0, 1]));
    assert_eq!((to_zero.restarts, to_zero.lost, to_zero.expected), (1, 0, 4));
}

#[test]
fn jitter_is_that_of_the_sample_implementation() {
    let delays = [0_u64, 7, 3, 11, 0, 40, 2, 2, 9, 1, 65, 0];
    let (mut stream, mut history) = (Stream::new(8000), History::default());
    let (mut jitter, mut last_transit) = (0_i64, None);
    for (index, delay) in delays.iter().enumerate() {
        // Late enough that nanoseconds times the clock rate would overflow 64 bits.
        let arrival_ms = 3_000_000_000 + 20 * index as u64 + delay;
        let timestamp = 4_294_967_000_u64 + 160 * index as u64;
        let bytes = packet(1, index as u16, timestamp as u32);
        stream.on_rtp(
            &mut history,
            Timestamp::from_millis(arrival_ms),
            &RtpView::new_checked(&bytes).unwrap(),
        );
        let transit = arrival_ms as i64 * 8 - timestamp as i64;
        if let Some(last) = last_transit {
            let difference: i64 = transit - last;
            jitter += difference.abs() - ((jitter + 8) >> 4);
        }
        last_transit = Some(transit);
    }
    assert_eq!(stream.quality(&history).jitter_ns, jitter as u64 * 125_000 / 16);
}

#[test]
fn a_telephone_event_is_no_jitter() {
    let (mut stream, mut history) = (Stream::new(8000), History::default());
    for (index, (millis, timestamp)) in [(0, 0), (20, 160), (40, 160), (60, 160), (61, 160), (80, 640)]
        .iter()
        .enumerate()
    {
        let bytes = packet(1, index as u16, *timestamp);
        let now = Timestamp::from_millis(*millis);
        stream.on_rtp(&mut history, now, &RtpView::new_checked(&bytes).unwrap());
    }
    assert_eq!(stream.quality(&history).jitter_ns, 0);
}

#[test]
fn a_clock_that_starts_anew_is_no_jitter() {
    let (mut stream, mut history) = (Stream::new(8000), History::default());
    for (index, timestamp) in [0, 160, 90_000_000, 90_000_160].into_iter().enumerate() {
        let now = Timestamp::ZERO + Duration::from_millis(20) * index as u32;
        let bytes = packet(1, index as u16, timestamp);
        stream.on_rtp(&mut history, now, &RtpView::new_checked(&bytes).unwrap());
    }
    assert_eq!(stream.quality(&history).jitter_ns, 0);
}

#[test]
fn another_clock_rate_keeps_jitter_in_time() {
    let (mut stream, mut history) = (Stream::new(8000), History::default());
    for (index, millis) in [0, 25, 40, 65].into_iter().enumerate() {
        let bytes = packet(1, index as u16, 160 * index as u32);
        stream.on_rtp(
            &mut history,
            Timestamp::from_millis(millis),
            &RtpView::new_checked(&bytes).unwrap(),
        );
    }
    let before = stream.quality(&history).jitter_ns;
    stream.set_clock_rate(48_000);
    assert_eq!(stream.quality(&history).jitter_ns, before);
    assert!(before > 0);
}

proptest! {
    /// Whatever is lost, doubled or swapped within reach, the counts are those of the set of sequence numbers.
    #[test]
    fn counts_agree_with_the_set_of_sequence_numbers(
        first: u16,
        fates in proptest::collection::vec((0..10_u8, 0..12_u32), 1..400),
    ) {
        let mut arrivals: Vec<(u32, u16)> = Vec::new();
        for (index, (fate, delay)) in fates.iter().enumerate() {
            let number = first.wrapping_add(index as u16);
            let due = index as u32 + delay;
            match fate {
                0 => {}
                1 => arrivals.extend([(due, number), (due + 1, number)]),
                _ => arrivals.push((due, number)),
            }
        }
        arrivals.sort_by_key(|(due, _)| *due);
        let quality = measure(&in_order(1, arrivals.iter().map(|(_, number)| *number)));
        let distinct: HashSet<u16> = arrivals.iter().map(|(_, number)| *number).collect();
        let offsets = || distinct.iter().map(|number| u64::from(number.wrapping_sub(first)));
        let expected = match (offsets().min(), offsets().max()) {
            (Some(lowest), Some(highest)) => highest - lowest + 1,
            _ => 0,
        };
        prop_assert_eq!(quality.received, arrivals.len() as u64);
        prop_assert_eq!(quality.expected, expected);
        prop_assert_eq!(quality.duplicates, (arrivals.len() - distinct.len()) as u64);
        prop_assert_eq!(quality.lost, expected - distinct.len() as u64);
        prop_assert_eq!(quality.restarts, 0);
    }
}
