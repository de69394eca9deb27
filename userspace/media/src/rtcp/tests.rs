use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const BLOCK: [u8; 24] = [
    0, 0, 0, 2, 0x40, 0xff, 0xff, 0xfe, 0, 1, 0, 9, 0, 0, 0, 12, 1, 2, 3, 4, 0, 1, 0, 0,
];

fn receiver_report(blocks: &[[u8; 24]]) -> Vec<u8> {
    let mut packet = vec![
        0x80 | blocks.len() as u8,
        RECEIVER_REPORT,
        0,
        1 + 6 * blocks.len() as u8,
        0,
        0,
        0,
        1,
    ];
    packet.extend(blocks.concat());
    packet
}

fn goodbye() -> Vec<u8> {
    vec![0x81, GOODBYE, 0, 1, 0, 0, 0, 1]
}

#[test]
fn a_compound_is_walked_packet_by_packet() {
    let compound = [receiver_report(&[BLOCK]), goodbye()].concat();
    let view = RtcpView::new_checked(&compound).unwrap();
    assert_eq!((view.packet_type(), view.sender_ssrc()), (RECEIVER_REPORT, 1));
    let types: Vec<_> = view.packets().map(|packet| packet.packet_type()).collect();
    assert_eq!(types, [RECEIVER_REPORT, GOODBYE]);
    let blocks: Vec<_> = view.packets().flat_map(|packet| packet.report_blocks()).collect();
    let expected = ReportBlock {
        ssrc: 2,
        fraction_lost: 64,
        cumulative_lost: -2,
        highest_sequence: 0x1_0009,
        jitter: 12,
        last_sender_report: 0x0102_0304,
        delay_since_last: 65536,
    };
    assert_eq!(blocks, [expected]);
}

#[test]
fn blocks_that_are_counted_must_be_there() {
    let mut packet = receiver_report(&[BLOCK]);
    packet[0] = 0x82;
    assert_eq!(RtcpView::new_checked(&packet).unwrap_err(), Malformed::Length);
    packet[1] = SENDER_REPORT;
    packet[0] = 0x81;
    assert_eq!(RtcpView::new_checked(&packet).unwrap_err(), Malformed::Length);
}

#[test]
fn lengths_and_versions_are_checked_in_every_packet() {
    assert_eq!(
        RtcpView::new_checked(&goodbye()[..7]).unwrap_err(),
        Malformed::Short
    );
    let mut too_long = goodbye();
    too_long[3] = 2;
    assert_eq!(RtcpView::new_checked(&too_long).unwrap_err(), Malformed::Length);
    let mut second_is_old = [receiver_report(&[]), goodbye()].concat();
    second_is_old[8] = 0x41;
    assert_eq!(
        RtcpView::new_checked(&second_is_old).unwrap_err(),
        Malformed::Version
    );
    let cut = [receiver_report(&[]), vec![0x80, 203]].concat();
    assert_eq!(RtcpView::new_checked(&cut).unwrap_err(), Malformed::Short);
}

#[test]
fn only_the_last_packet_is_padded() {
    let mut padded = goodbye();
    padded[0] |= PADDING_BIT;
    padded[3] = 2;
    padded.extend([0, 0, 0, 4]);
    assert!(RtcpView::new_checked(&[receiver_report(&[]), padded.clone()].concat()).is_ok());
    assert_eq!(
        RtcpView::new_checked(&[padded.clone(), goodbye()].concat()).unwrap_err(),
        Malformed::Padding
    );
    for wrong in [0, 3, 12] {
        *padded.last_mut().unwrap() = wrong;
        assert_eq!(
            RtcpView::new_checked(&padded).unwrap_err(),
            Malformed::Padding,
            "{wrong}"
        );
    }
}

#[test]
fn zeros_may_follow_and_nothing_else() {
    let filled = |filling: &[u8]| [&goodbye()[..], filling].concat();
    assert_eq!(
        RtcpView::new_checked(&filled(&[0; 4])).unwrap().packets().count(),
        1
    );
    assert!(RtcpView::new_checked(&filled(&[0; 3])).is_ok());
    assert_eq!(
        RtcpView::new_checked(&filled(&[0, 0, 0, 1])).unwrap_err(),
        Malformed::Version
    );
    assert_eq!(RtcpView::new_checked(&[0; 8]).unwrap_err(), Malformed::Version);
}

#[test]
fn a_compound_has_a_limit() {
    let empty = [0x80, GOODBYE, 0, 0];
    assert!(RtcpView::new_checked(&empty.repeat(RTCP_COMPOUND_MAX)).is_ok());
    assert_eq!(
        RtcpView::new_checked(&empty.repeat(RTCP_COMPOUND_MAX + 1)).unwrap_err(),
        Malformed::TooMany
    );
}

#[test]
fn srtcp_shows_its_first_eight_octets_only() {
    let sealed = [&goodbye()[..], &[0xff; 14]].concat();
    assert!(RtcpView::new_checked(&sealed).is_err());
    assert_eq!(RtcpView::new_encrypted(&sealed).unwrap().sender_ssrc(), 1);
}

proptest! {
    #[test]
    fn what_passes_is_covered_by_its_packets(mut bytes in proptest::collection::vec(any::<u8>(), 0..120), len in 0..4_u8) {
        if let [first, _, high, low, ..] = &mut bytes[..] {
            (*first, *high, *low) = (*first & 0x1f | 0x80, 0, len);
        }
        if let Ok(view) = RtcpView::new_checked(&bytes) {
            let covered: usize = view.packets().map(|packet| 4 + packet.body().len()).sum();
            prop_assert!(bytes[covered..].iter().all(|octet| *octet == 0));
            for packet in view.packets() {
                let counts_blocks = matches!(packet.packet_type(), SENDER_REPORT | RECEIVER_REPORT);
                let expected = if counts_blocks { usize::from(packet.count()) } else { 0 };
                prop_assert_eq!(packet.report_blocks().count(), expected);
            }
        }
    }
}
