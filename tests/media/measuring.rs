//! Loss, order and jitter of captures whose faults are known, against counts made in the plainest way.

use std::collections::HashSet;

use trunkline_media::{FlowSpec, Quality};

use crate::bridge::{rtp_flow, stats_of};
use crate::capture;

/// Sequence number, timestamp and arrival in nanoseconds of each packet of a plain IPv4 capture.
fn packets(name: &str) -> Vec<(u16, u32, u64)> {
    let read = |captured: capture::Captured| {
        let rtp = &captured.bytes[42..];
        let timestamp = u32::from_be_bytes(rtp[4..8].try_into().unwrap());
        (
            u16::from_be_bytes([rtp[2], rtp[3]]),
            timestamp,
            captured.at.as_nanos(),
        )
    };
    capture::frames(name).into_iter().map(read).collect()
}

/// The counts of one stream of fewer than 30,000 packets, from the set of its sequence numbers.
fn plain_counts(name: &str) -> Quality {
    let numbers: Vec<u16> = packets(name).into_iter().map(|packet| packet.0).collect();
    let offset = |number: u16| i32::from(number.wrapping_sub(numbers[0]).cast_signed());
    let (mut seen, mut highest, mut reordered) = (HashSet::new(), i32::MIN, 0);
    for number in &numbers {
        if seen.insert(offset(*number)) && offset(*number) < highest {
            reordered += 1;
        }
        highest = highest.max(offset(*number));
    }
    let expected = (highest - seen.iter().min().unwrap() + 1) as u64;
    Quality {
        received: numbers.len() as u64,
        expected,
        lost: expected - seen.len() as u64,
        duplicates: (numbers.len() - seen.len()) as u64,
        reordered,
        ..Quality::default()
    }
}

/// RFC 3550 section 6.4.1 in floating point: nanoseconds.
fn plain_jitter(name: &str) -> f64 {
    let (mut jitter, mut last) = (0.0_f64, None::<(f64, u32)>);
    for (_, timestamp, arrival) in packets(name) {
        let transit = arrival as f64 / 125_000.0 - f64::from(timestamp);
        let transit = if timestamp < 1 << 31 {
            transit
        } else {
            transit + 4_294_967_296.0
        };
        match last {
            Some((_, last_timestamp)) if last_timestamp == timestamp => continue,
            Some((last_transit, _)) => jitter += ((transit - last_transit).abs() - jitter) / 16.0,
            None => {}
        }
        last = Some((transit, timestamp));
    }
    jitter * 125_000.0
}

fn quality(name: &str) -> Quality {
    stats_of(name, &rtp_flow()).0.quality
}

#[test]
fn counts_are_those_of_the_captures() {
    let captures = [
        "rtp-pcmu-20ms",
        "rtp-dtmf-4733",
        "rtp-dtmf-long-event",
        "rtp-cn-dtx",
        "rtp-loss-5pct",
        "rtp-loss-burst",
        "rtp-reorder-jitter",
        "rtp-duplicates",
        "rtp-ptime-mix",
    ];
    for name in captures {
        let measured = quality(name);
        let plain = Quality {
            jitter_ns: measured.jitter_ns,
            ssrc: measured.ssrc,
            ..plain_counts(name)
        };
        assert_eq!(measured, plain, "{name}");
    }
}

#[test]
fn faults_that_were_put_in_are_found() {
    let five_percent = quality("rtp-loss-5pct");
    assert_eq!(
        (five_percent.received, five_percent.expected, five_percent.lost),
        (284, 300, 16)
    );
    let bursts = quality("rtp-loss-burst");
    assert_eq!((bursts.lost, bursts.restarts), (12 + 40, 0));
    let duplicates = quality("rtp-duplicates");
    assert_eq!((duplicates.lost, duplicates.duplicates), (0, 43));
    let reordered = quality("rtp-reorder-jitter");
    assert_eq!((reordered.lost, reordered.duplicates), (0, 0));
    assert!(reordered.reordered > 50, "{reordered:?}");
    let switched = quality("rtp-ssrc-pt-switch");
    assert_eq!((switched.restarts, switched.lost, switched.received), (2, 0, 180));
    assert_eq!(switched.ssrc, Some(0x1122_3344));
}

#[test]
fn jitter_is_that_of_the_formula() {
    for name in [
        "rtp-pcmu-20ms",
        "rtp-dtmf-4733",
        "rtp-cn-dtx",
        "rtp-loss-burst",
        "rtp-reorder-jitter",
        "rtp-duplicates",
    ] {
        let (measured, plain) = (quality(name).jitter_ns as f64, plain_jitter(name));
        // The arrival is rounded to the media clock's tick of 125 microseconds, as the RFC's sample does.
        assert!(
            (measured - plain).abs() < 125_000.0,
            "{name}: {measured} against {plain}"
        );
    }
    assert_eq!(quality("rtp-pcmu-20ms").jitter_ns, 0);
    assert!(quality("rtp-reorder-jitter").jitter_ns > 10_000_000);
}

#[test]
fn the_media_clock_matters() {
    let wide = FlowSpec {
        clock_rate: 16_000,
        ..rtp_flow()
    };
    // At 16 kHz the same timestamps say that packets were sent every 10 ms, so each comes 10 ms late.
    let jitter_ns = stats_of("rtp-pcmu-20ms", &wide).0.jitter_ns;
    assert!((9_900_000..=10_000_000).contains(&jitter_ns), "{jitter_ns}");
}

#[test]
fn packets_and_bytes_are_those_of_the_capture() {
    let (stats, sent_count) = stats_of("rtp-pcmu-20ms", &rtp_flow());
    let captured = capture::frames("rtp-pcmu-20ms");
    assert_eq!((stats.packets, sent_count), (250, 250));
    assert_eq!(stats.bytes, 250 * 172);
    assert_eq!(stats.first_packet, Some(captured[0].at));
    assert_eq!(stats.last_packet, Some(captured[249].at));
}
