use std::vec;
use std::vec::Vec;

use super::towards;
use crate::fixture::{OUR_MAC, PEER_MAC, PEER4, PEER6, Random, US4, US6, Udp, judge};
use crate::header::{Address, Bytes as _, Egress, TTL, verify_udp_checksum};
use crate::verdict::{DropReason, Verdict};

const HEADROOM: usize = 64;

/// Back to ourselves at `port`, from another address, so that the result can be judged again.
fn egress(is_ipv6: bool, port: u16) -> Egress {
    let (source, destination) = if is_ipv6 {
        (Address(PEER6), Address(US6))
    } else {
        (Address::from_ipv4(PEER4), Address::from_ipv4(US4))
    };
    Egress {
        ttl: TTL,
        dscp: 46,
        source_port: 20_002,
        destination_port: port,
        source_mac: PEER_MAC,
        destination_mac: OUR_MAC,
        source,
        destination,
        ..Egress::default()
    }
}

/// Rewrites `frame` with headroom before and padding behind; what leaves.
fn rewritten(frame: &[u8], egress: &Egress) -> Result<Vec<u8>, DropReason> {
    let layout = judge(frame).layout;
    let mut buffer = vec![0xee; HEADROOM];
    buffer.extend(frame);
    buffer.extend([0xdd; 16]);
    let place = towards(buffer.as_mut_slice(), HEADROOM, &layout, egress)?;
    assert!(
        buffer[..place.start.min(HEADROOM)]
            .iter()
            .all(|byte| *byte == 0xee)
    );
    assert!(buffer[HEADROOM + frame.len()..].iter().all(|byte| *byte == 0xdd));
    Ok(buffer[place.start..place.start + place.len].to_vec())
}

#[test]
fn every_pair_of_families_tags_and_options() {
    let mut random = Random(4);
    for number in 0..5_000 {
        let mut udp = if number % 2 == 0 {
            Udp::ipv4(20_000)
        } else {
            Udp::ipv6(20_000)
        };
        udp.tags = vec![(0x8100, 100); random.below(3)];
        udp.options = if number % 2 == 0 {
            vec![1; 4 * random.below(11)]
        } else {
            Vec::new()
        };
        let len = random.below(400);
        udp.payload = random.bytes(len);
        udp.source_port = random.edge().max(1);
        let vlan_count = random.below(3) as u8;
        let egress = Egress {
            vlan_count,
            vlan: [0x0007, 0x2008],
            dscp: random.below(64) as u8,
            ..egress(random.below(2) == 1, 20_000 + random.below(10_000) as u16)
        };
        let frame = rewritten(&udp.build(), &egress).unwrap();
        // The same datagram sent by the other route: built afresh, with a full checksum.
        let expected = Udp {
            tags: [
                vec![],
                vec![(0x8100, 0x0007)],
                vec![(0x88a8, 0x0007), (0x8100, 0x2008)],
            ][usize::from(vlan_count)]
            .clone(),
            source: egress.source,
            destination: egress.destination,
            source_port: egress.source_port,
            destination_port: egress.destination_port,
            options: Vec::new(),
            ..udp
        };
        let afresh = expected.build();
        assert_eq!(frame.len(), afresh.len());
        let l4 = expected.l3() + if egress.is_ipv6() { 40 } else { 20 };
        assert_eq!(frame[l4..], afresh[l4..], "UDP header and payload");
        assert_eq!(
            frame[..expected.l3()],
            afresh[..expected.l3()],
            "Ethernet and tags"
        );
        let classified = judge(&frame);
        assert!(
            matches!(classified.verdict, Verdict::Rtp { .. }),
            "{:?}",
            classified.verdict
        );
        assert!(verify_udp_checksum(frame.as_slice(), &classified.layout));
    }
}

#[test]
fn checksums_with_awkward_words_stay_equal_to_full_ones() {
    let mut random = Random(5);
    for _ in 0..20_000 {
        let payload = [random.edge(), random.edge(), random.edge()]
            .map(u16::to_be_bytes)
            .concat();
        let udp = Udp {
            payload,
            source_port: random.edge().max(1),
            ..Udp::ipv4(20_000)
        };
        let mut egress = egress(random.below(2) == 1, 20_000);
        egress.source_port = random.edge().max(1);
        if egress.is_ipv6() {
            for at in (2..14).step_by(2) {
                egress.source.0[at..at + 2].copy_from_slice(&random.edge().to_be_bytes());
            }
        }
        let frame = rewritten(&udp.build(), &egress).unwrap();
        let expected = Udp {
            source: egress.source,
            destination: egress.destination,
            source_port: egress.source_port,
            destination_port: egress.destination_port,
            ..udp
        };
        let l4 = if egress.is_ipv6() { 54 } else { 34 };
        assert_eq!(frame[l4..], expected.build()[l4..]);
    }
}

#[test]
fn there_and_back_is_the_same_datagram() {
    let udp = Udp {
        source_port: 20_002,
        ..Udp::ipv4(20_000)
    };
    let original = udp.build();
    let there = rewritten(&original, &egress(true, 20_000)).unwrap();
    let back = rewritten(&there, &egress(false, 20_000)).unwrap();
    assert_eq!(back[34..], original[34..]);
    let again = rewritten(&back, &egress(false, 20_000)).unwrap();
    assert_eq!(again, back, "rewriting to the same place changes nothing");
}

#[test]
fn a_wrong_checksum_stays_wrong() {
    for (udp, is_ipv6) in [
        (Udp::ipv4(20_000), true),
        (Udp::ipv4(20_000), false),
        (Udp::ipv6(20_000), false),
    ] {
        let mut frame = udp.build();
        let last = frame.len() - 1;
        frame[last] ^= 0x10;
        let frame = rewritten(&frame, &egress(is_ipv6, 20_000)).unwrap();
        assert!(!verify_udp_checksum(frame.as_slice(), &judge(&frame).layout));
    }
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-8.1
//= type=test
//# Unlike IPv4, the default behavior when UDP packets are
//# originated by an IPv6 node is that the UDP checksum is not
//# optional.
#[test]
fn no_checksum_stays_none_on_ipv4_and_is_made_for_ipv6() {
    let udp = Udp {
        checksum: Some(0),
        payload: b"odd".to_vec(),
        ..Udp::ipv4(20_000)
    };
    let same = rewritten(&udp.build(), &egress(false, 20_000)).unwrap();
    assert_eq!(same.as_slice().be16_at(40), Some(0));
    let other = rewritten(&udp.build(), &egress(true, 20_000)).unwrap();
    assert_ne!(other.as_slice().be16_at(60), Some(0));
    assert!(verify_udp_checksum(other.as_slice(), &judge(&other).layout));
}

#[test]
fn ttl_and_dscp_are_our_own_and_padding_is_left_behind() {
    let mut frame = Udp {
        payload: b"x".to_vec(),
        ..Udp::ipv4(20_000)
    }
    .build();
    frame.extend([0; 17]);
    let out = rewritten(
        &frame,
        &Egress {
            dscp: 34,
            ..egress(false, 20_000)
        },
    )
    .unwrap();
    assert_eq!((out.len(), out[15], out[22]), (43, 34 << 2, 64));
}

#[test]
fn limits_are_errors() {
    let frame = Udp {
        payload: vec![0; 200],
        ..Udp::ipv4(20_000)
    }
    .build();
    let small = Egress {
        mtu: 247,
        ..egress(true, 20_000)
    };
    assert_eq!(rewritten(&frame, &small), Err(DropReason::RtpTooBig));
    assert!(rewritten(&frame, &Egress { mtu: 248, ..small }).is_ok());
    let layout = judge(&frame).layout;
    let mut tight = frame.clone();
    assert_eq!(
        towards(tight.as_mut_slice(), 0, &layout, &egress(true, 20_000)),
        Err(DropReason::NoHeadroom)
    );
    let mut cut = frame[..36].to_vec();
    assert_eq!(
        towards(cut.as_mut_slice(), 0, &layout, &egress(false, 20_000)),
        Err(DropReason::Truncated)
    );
}
