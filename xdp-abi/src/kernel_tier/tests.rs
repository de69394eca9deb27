use crate::fixture::{PEER4, Udp, judge};
use crate::flow::{Counts, IN_KERNEL, Rules};
use crate::header::Address;
use crate::verdict::DropReason;

use super::{Decision, decide};

/// An RTP packet of payload type 8 to one of our media ports.
fn packet(sequence: u16, timestamp: u32) -> Udp {
    let mut udp = Udp::ipv4(20_000);
    udp.payload = [0x80, 8]
        .into_iter()
        .chain(sequence.to_be_bytes())
        .chain(timestamp.to_be_bytes())
        .chain([1, 2, 3, 4])
        .chain([0xd5; 160])
        .collect();
    udp
}

fn rules() -> Rules {
    Rules {
        head: Rules::head(IN_KERNEL, 5070),
        remote: Address::from_ipv4(PEER4),
        payload_types: [1 << 8, 0],
        clock_rate: 8000,
        ..Rules::NONE
    }
}

fn decision(udp: &Udp, rules: &Rules, counts: &mut Counts, now_ns: u64) -> Decision {
    let frame = udp.build();
    decide(frame.as_slice(), &judge(&frame).layout, rules, counts, now_ns)
}

#[test]
fn what_is_not_agreed_does_not_pass_and_is_counted() {
    let mut counts = Counts::default();
    let good = packet(1, 0);
    assert_eq!(decision(&good, &Rules::NONE, &mut counts, 9), Decision::Worker);
    let half_written = Rules {
        head: rules().head | 1,
        ..rules()
    };
    assert_eq!(decision(&good, &half_written, &mut counts, 9), Decision::Worker);
    assert_eq!(counts, Counts::default());

    assert_eq!(
        decision(&good, &rules(), &mut counts, 9),
        Decision::Relay(Some(8))
    );
    let mut stranger = packet(2, 160);
    stranger.source_port = 5072;
    let refused = Decision::Drop(DropReason::RtpWrongSource);
    assert_eq!(decision(&stranger, &rules(), &mut counts, 9), refused);
    let mut other_type = packet(2, 160);
    other_type.payload[1] = 0;
    let refused = Decision::Drop(DropReason::RtpWrongPayloadType);
    assert_eq!(decision(&other_type, &rules(), &mut counts, 9), refused);
    for first in [0x00, 0x16, 0x40, 0xc0] {
        let mut other = packet(2, 160);
        other.payload[0] = first;
        assert_eq!(decision(&other, &rules(), &mut counts, 9), Decision::Worker);
    }
    let mut rtcp = packet(2, 160);
    rtcp.payload[1] = 200;
    assert_eq!(decision(&rtcp, &rules(), &mut counts, 9), Decision::Worker);
    let short = Rules {
        payload_len_max: 171,
        ..rules()
    };
    let refused = Decision::Drop(DropReason::RtpTooBig);
    assert_eq!(decision(&good, &short, &mut counts, 9), refused);
    assert_eq!(
        (
            counts.packets,
            counts.bytes,
            counts.last_ns,
            counts.wrong_source,
            counts.wrong_payload_type
        ),
        (1, 42 + 172, 9, 1, 1)
    );
    assert_eq!((counts.to_worker, counts.too_big), (5, 1));
}

#[test]
fn a_burst_passes_and_then_the_rate() {
    let mut counts = Counts::default();
    let policed = Rules {
        interval_ns: 20,
        burst_ns: 40,
        ..rules()
    };
    let mut passed = 0;
    for time_ns in 1000..1200 {
        let is_relayed = decision(&packet(1, 0), &policed, &mut counts, time_ns) == Decision::Relay(Some(8));
        passed += u64::from(is_relayed);
    }
    assert_eq!((passed, counts.over_rate), (12, 188));
}

#[test]
fn gaps_late_packets_and_jitter() {
    let mut counts = Counts::default();
    let ms = 1_000_000;
    let packets = [
        (65_534, 0, 0),
        (65_535, 160, 20),
        (2, 640, 80),
        (1, 480, 81),
        (3, 800, 105),
    ];
    for (sequence, timestamp, at_ms) in packets {
        let at = 1_000_000 * ms + at_ms * ms;
        assert_eq!(
            decision(&packet(sequence, timestamp), &rules(), &mut counts, at),
            Decision::Relay(Some(8))
        );
    }
    // 0 is missing. In ticks of 1/8000 s the transit went 0, 0, 0, 168, 40.
    assert_eq!((counts.missing, counts.sequence), (1, 3));
    let after_late = 168;
    assert_eq!(counts.jitter_x16, after_late + 128 - ((after_late + 8) >> 4));
    let next_call = Rules {
        generation: 1,
        ..rules()
    };
    decision(&packet(9000, 0), &next_call, &mut counts, 2_000_000 * ms);
    assert_eq!((counts.missing, counts.sequence, counts.jitter_x16), (1, 9000, 0));
}
