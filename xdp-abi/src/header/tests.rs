use std::net::IpAddr;
use std::vec;

use super::*;
use crate::fixture::{OUR_MAC, PEER_MAC, PEER4, PEER6, US4, US6, Udp, judge};
use crate::verdict::{DropReason, Verdict};

/// Towards ourselves, so that what is written can be judged.
fn egress(source: Address, destination: Address) -> Egress {
    Egress {
        ttl: TTL,
        dscp: 46,
        source_port: 5070,
        destination_port: 5060,
        source_mac: PEER_MAC,
        destination_mac: OUR_MAC,
        source,
        destination,
        ..Egress::default()
    }
}

#[test]
fn what_is_written_is_what_is_read() {
    let families = [
        (Address::from_ipv4(PEER4), Address::from_ipv4(US4), 1),
        (Address(PEER6), Address(US6), 2),
    ];
    for (source, destination, zone) in families {
        for vlan_count in 0..3 {
            for payload_len in [0, 1, 2, 555, 1400] {
                let egress = Egress {
                    vlan_count,
                    vlan: [0x6064, 0x00c8],
                    ..egress(source, destination)
                };
                let mut buffer = vec![0x5a; HEADERS_LEN_MAX + payload_len + 9];
                let written = write_udp(&mut buffer, HEADERS_LEN_MAX, payload_len, &egress).unwrap();
                assert_eq!(written.start, HEADERS_LEN_MAX - headers_len(&egress));
                assert_eq!(written.len, headers_len(&egress) + payload_len);
                assert!(buffer[..written.start].iter().all(|byte| *byte == 0x5a));
                let frame = &buffer[written.start..written.start + written.len];
                let classified = judge(frame);
                assert_eq!(classified.verdict, Verdict::Sip { zone });
                let layout = classified.layout;
                assert_eq!(usize::from(layout.payload_len), payload_len);
                assert_eq!(usize::from(layout.vlan_len), 4 * usize::from(vlan_count));
                assert_eq!((layout.source, layout.source_port), (source, 5070));
                assert!(verify_udp_checksum(frame, &layout));
                assert!(frame[layout.payload()].iter().all(|byte| *byte == 0x5a));
            }
        }
    }
}

#[test]
fn the_written_header_field_by_field() {
    let mut buffer = vec![0; HEADERS_LEN_MAX + 4];
    let egress = egress(Address::from_ipv4(PEER4), Address::from_ipv4(US4));
    let written = write_udp(&mut buffer, HEADERS_LEN_MAX, 4, &egress).unwrap();
    let frame = &buffer[written.start..];
    assert_eq!(
        (&frame[..6], &frame[6..12], &frame[12..14]),
        (&OUR_MAC[..], &PEER_MAC[..], &[8, 0][..])
    );
    assert_eq!(frame[14..24], [0x45, 46 << 2, 0, 32, 0, 0, 0x40, 0, 64, 17]);
    let v6 = Egress {
        source: Address(PEER6),
        destination: Address(US6),
        ..egress
    };
    let written = write_udp(&mut buffer, HEADERS_LEN_MAX, 4, &v6).unwrap();
    assert_eq!(
        buffer[written.start + 14..][..8],
        [0x6b, 0x80, 0, 0, 0, 12, 17, 64]
    );
}

#[test]
fn limits_of_writing() {
    let egress = Egress {
        mtu: 1500,
        ..egress(Address::from_ipv4(PEER4), Address::from_ipv4(US4))
    };
    let mut buffer = vec![0; 70_000];
    assert!(write_udp(&mut buffer, 70, 1472, &egress).is_ok());
    assert_eq!(
        write_udp(&mut buffer, 70, 1473, &egress),
        Err(DropReason::SipTooBig)
    );
    assert_eq!(
        write_udp(&mut buffer, 41, 10, &egress),
        Err(DropReason::NoHeadroom)
    );
    assert!(write_udp(&mut buffer, 42, 10, &egress).is_ok());
    assert_eq!(
        write_udp(&mut buffer[..100], 70, 31, &egress),
        Err(DropReason::Truncated)
    );
    assert_eq!(
        write_udp(&mut buffer, usize::MAX, 8, &egress),
        Err(DropReason::Truncated)
    );
    let any = Egress { mtu: 0, ..egress };
    assert!(write_udp(&mut buffer, 70, 65_507, &any).is_ok());
    assert_eq!(
        write_udp(&mut buffer, 70, 65_508, &any),
        Err(DropReason::SipTooBig)
    );
}

#[test]
fn a_changed_bit_shows_in_the_udp_checksum() {
    for udp in [Udp::ipv4(5060), Udp::ipv6(5060)] {
        for payload in [&b"even"[..], b"odd"] {
            let mut frame = Udp {
                payload: payload.to_vec(),
                ..udp.clone()
            }
            .build();
            let layout = judge(&frame).layout;
            assert!(verify_udp_checksum(frame.as_slice(), &layout));
            let last = frame.len() - 1;
            frame[last] ^= 1;
            assert!(!verify_udp_checksum(frame.as_slice(), &layout));
            assert!(!verify_udp_checksum(&frame[..last], &layout));
        }
    }
    let none = Udp {
        checksum: Some(0),
        ..Udp::ipv4(5060)
    }
    .build();
    assert!(verify_udp_checksum(none.as_slice(), &judge(&none).layout));
}

#[test]
fn a_partial_checksum_does_not_verify() {
    // What a veth peer with transmit offload leaves in the field: the folded pseudo-header, not complemented.
    let (us, peer) = (Address::from_ipv4(US4), Address::from_ipv4(PEER4));
    let partial = !pseudo_header(&peer, &us, 16).finish();
    let frame = Udp {
        checksum: Some(partial),
        ..Udp::ipv4(5060)
    }
    .build();
    assert!(!verify_udp_checksum(frame.as_slice(), &judge(&frame).layout));
}

#[test]
fn addresses_of_both_families_keep_their_meaning() {
    for text in ["192.0.2.1", "0.0.0.0", "2001:db8::1", "::", "::1"] {
        let ip: IpAddr = text.parse().unwrap();
        let address = Address::from(ip);
        assert_eq!(address.to_ip(), ip);
        assert_eq!(address.is_ipv4(), ip.is_ipv4());
    }
}

#[test]
fn reading_beyond_the_end_is_none() {
    let bytes: &[u8] = &[1, 2, 3, 4];
    assert_eq!((bytes.be32_at(0), bytes.be32_at(1)), (Some(0x0102_0304), None));
    assert_eq!(
        (bytes.be16_at(2), bytes.be16_at(3), bytes.be16_at(usize::MAX)),
        (Some(0x0304), None, None)
    );
    assert_eq!((bytes.u8_at(3), bytes.u8_at(4)), (Some(4), None));
    let mut own = [0; 4];
    assert_eq!((own[..].put(2, [9, 9]), own[..].put(3, [9, 9])), (Some(()), None));
    assert_eq!(own, [0, 0, 9, 9]);
}
