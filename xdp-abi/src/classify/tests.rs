use std::vec;
use std::vec::Vec;

use super::{Steering, Tables};
use crate::fixture::{PEER4, PEER6, Random, US4, US6, Udp, judge, mend};
use crate::header::Address;
use crate::map::{Local, SourceKey, ZONE_UNKNOWN};
use crate::{DropReason, PassReason, Verdict, classify};

fn verdict(frame: &[u8]) -> Verdict {
    judge(frame).verdict
}

/// A valid SIP frame with `change` done to it after it was built; the IPv4 checksum fits again.
fn changed(udp: &Udp, change: impl FnOnce(&mut Vec<u8>)) -> Verdict {
    let mut frame = udp.build();
    change(&mut frame);
    if udp.destination.is_ipv4() && frame[udp.l3()] >> 4 == 4 && frame[udp.l3()] & 0x0f == 5 {
        mend(&mut frame, udp.l3());
    }
    verdict(&frame)
}

const DROP_LENGTH: Verdict = Verdict::Drop(DropReason::BadUdpLength);
const DROP_HEADER: Verdict = Verdict::Drop(DropReason::BadIpHeader);
const DROP_TRUNCATED: Verdict = Verdict::Drop(DropReason::Truncated);
const DROP_SOURCE: Verdict = Verdict::Drop(DropReason::BadSource);

#[test]
fn sip_and_media_for_us_are_ours_in_both_families_and_under_tags() {
    for tags in [
        vec![],
        vec![(0x8100, 100)],
        vec![(0x88a8, 100), (0x8100, 200)],
        vec![(0x8100, 0), (0x8100, 5)],
    ] {
        for (base, zone) in [(Udp::ipv4(5060), 1), (Udp::ipv6(5060), 2)] {
            let sip = Udp {
                tags: tags.clone(),
                ..base
            };
            assert_eq!(verdict(&sip.build()), Verdict::Sip { zone });
            let rtp = Udp {
                destination_port: 20_001,
                ..sip
            };
            assert_eq!(verdict(&rtp.build()), Verdict::Rtp { zone });
        }
    }
}

#[test]
fn the_layout_says_where_everything_is() {
    let udp = Udp {
        tags: vec![(0x88a8, 0x2064), (0x8100, 0x00c8)],
        options: vec![1; 8],
        ..Udp::ipv4(20_000)
    };
    let frame = udp.build();
    let layout = judge(&frame).layout;
    assert_eq!(
        (layout.vlan_len, layout.vlan, layout.is_ipv6),
        (8, [0x2064, 0x00c8], false)
    );
    assert_eq!(
        (layout.l3_offset, layout.l4_offset, layout.payload_offset),
        (22, 50, 58)
    );
    assert_eq!((layout.source_port, layout.destination_port), (5070, 20_000));
    assert_eq!((layout.source, layout.destination), (udp.source, udp.destination));
    assert_eq!(&frame[layout.payload()], b"datagram");
    assert_eq!(judge(&frame).zone, 1);
}

#[test]
fn padding_is_accepted_and_is_not_payload() {
    for udp in [Udp::ipv4(5060), Udp::ipv6(5060)] {
        let mut frame = udp.build();
        frame.extend([0xaa; 30]);
        let classified = judge(&frame);
        assert!(matches!(classified.verdict, Verdict::Sip { .. }));
        assert_eq!(&frame[classified.layout.payload()], b"datagram");
    }
}

#[test]
fn every_truncation_is_noticed() {
    for udp in [
        Udp::ipv4(5060),
        Udp::ipv6(5060),
        Udp {
            tags: vec![(0x8100, 7)],
            ..Udp::ipv4(5060)
        },
    ] {
        let frame = udp.build();
        for len in 0..frame.len() {
            let addresses_end = udp.l3() + if udp.destination.is_ipv4() { 20 } else { 40 };
            let expected = if len < addresses_end {
                Verdict::Kernel(PassReason::Unreadable)
            } else {
                DROP_TRUNCATED
            };
            assert_eq!(verdict(&frame[..len]), expected, "{len} bytes");
        }
    }
}

#[test]
fn lying_lengths_are_dropped_if_the_frame_is_for_us() {
    let udp = Udp::ipv4(5060);
    let total = |value: u16| changed(&udp, |f| f[16..18].copy_from_slice(&value.to_be_bytes()));
    for value in [0, 19, 20, 27] {
        assert_eq!(total(value), DROP_HEADER, "{value}");
    }
    assert_eq!(total(28), DROP_LENGTH);
    assert_eq!(total(35), DROP_LENGTH);
    assert_eq!(total(36), Verdict::Sip { zone: 1 });
    assert_eq!(total(37), DROP_TRUNCATED);
    assert_eq!(total(65_535), DROP_TRUNCATED);
    let length = |value: u16| changed(&udp, |f| f[38..40].copy_from_slice(&value.to_be_bytes()));
    for value in [0, 1, 7, 17, 65_535] {
        assert_eq!(length(value), DROP_LENGTH, "{value}");
    }
    for value in [8, 9, 16] {
        assert_eq!(length(value), Verdict::Sip { zone: 1 }, "{value}");
    }
    let udp = Udp::ipv6(5060);
    let payload = |value: u16| changed(&udp, |f| f[18..20].copy_from_slice(&value.to_be_bytes()));
    assert_eq!(
        (payload(0), payload(7), payload(8)),
        (DROP_HEADER, DROP_HEADER, DROP_LENGTH)
    );
    assert_eq!(
        (payload(16), payload(17)),
        (Verdict::Sip { zone: 2 }, DROP_TRUNCATED)
    );
}

#[test]
fn broken_packets_for_others_are_the_kernels() {
    let other = Udp {
        destination: Address::from_ipv4([203, 0, 113, 1]),
        ..Udp::ipv4(5060)
    };
    let not_local = Verdict::Kernel(PassReason::NotLocal);
    assert_eq!(changed(&other, |f| f[16..18].fill(0)), not_local);
    assert_eq!(changed(&other, |f| f[14] = 0x41), not_local);
    let other_port = Verdict::Kernel(PassReason::OtherPort);
    assert_eq!(changed(&Udp::ipv4(9), |f| f[38..40].fill(0)), other_port);
    assert_eq!(verdict(&Udp::ipv4(0).build()), other_port);
}

#[test]
fn header_lengths_and_versions() {
    for ihl in [0, 1, 4] {
        assert_eq!(
            changed(&Udp::ipv4(5060), |f| f[14] = 0x40 | ihl),
            DROP_HEADER,
            "{ihl}"
        );
    }
    for version in [0, 3, 5, 6, 15] {
        let unreadable = Verdict::Kernel(PassReason::Unreadable);
        assert_eq!(
            changed(&Udp::ipv4(5060), |f| f[14] = version << 4 | 5),
            unreadable,
            "{version}"
        );
    }
    assert_eq!(
        changed(&Udp::ipv6(5060), |f| f[14] = 0x40),
        Verdict::Kernel(PassReason::Unreadable)
    );
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.2
//= type=test
//# A host MUST verify the IP header checksum on every received
//# datagram and silently discard every datagram that has a bad
//# checksum.
#[test]
fn a_bad_header_checksum_is_dropped() {
    for options in [vec![], vec![1; 40]] {
        let mut frame = Udp {
            options,
            ..Udp::ipv4(5060)
        }
        .build();
        frame[24] ^= 0x40;
        assert_eq!(verdict(&frame), Verdict::Drop(DropReason::BadIpChecksum));
    }
}

//= https://www.rfc-editor.org/rfc/rfc1122#section-3.2.1.7
//= type=test
//# A host MUST NOT discard a datagram just because it was
//# received with TTL less than 2.
#[test]
fn ttl_says_nothing_to_the_last_hop() {
    for ttl in [0, 1] {
        assert_eq!(
            changed(&Udp::ipv4(5060), |f| f[22] = ttl),
            Verdict::Sip { zone: 1 }
        );
        assert_eq!(
            changed(&Udp::ipv6(5060), |f| f[21] = ttl),
            Verdict::Sip { zone: 2 }
        );
    }
}

#[test]
fn options_are_stepped_over_whatever_they_say() {
    for options in [
        vec![1, 1, 1, 0],
        vec![1; 40],
        vec![148, 4, 0, 0],
        vec![131, 7, 4, 9, 9, 9, 9, 0],
        vec![7, 255, 0, 0],
    ] {
        let frame = Udp {
            options,
            ..Udp::ipv4(5060)
        }
        .build();
        let classified = judge(&frame);
        assert_eq!(classified.verdict, Verdict::Sip { zone: 1 });
        assert_eq!(&frame[classified.layout.payload()], b"datagram");
    }
}

#[test]
fn fragments_go_to_the_kernel() {
    let fragment = Verdict::Kernel(PassReason::Fragment);
    for flags in [[0x20, 0], [0x20, 1], [0, 1], [0x1f, 0xff], [0x60, 0]] {
        assert_eq!(
            changed(&Udp::ipv4(5060), |f| f[20..22].copy_from_slice(&flags)),
            fragment
        );
    }
    for flags in [[0, 0], [0x40, 0], [0x80, 0]] {
        assert_eq!(
            changed(&Udp::ipv4(5060), |f| f[20..22].copy_from_slice(&flags)),
            Verdict::Sip { zone: 1 }
        );
    }
    assert_eq!(changed(&Udp::ipv6(5060), |f| f[20] = 44), fragment);
    for next_header in [0, 43, 50, 51, 60, 135] {
        let extension = Verdict::Kernel(PassReason::ExtensionHeader);
        assert_eq!(changed(&Udp::ipv6(5060), |f| f[20] = next_header), extension);
    }
}

#[test]
fn other_protocols_go_to_the_kernel() {
    for protocol in [1, 6, 58, 132, 136] {
        let not_udp = Verdict::Kernel(PassReason::NotUdp);
        assert_eq!(changed(&Udp::ipv4(5060), |f| f[23] = protocol), not_udp);
        assert_eq!(changed(&Udp::ipv6(5060), |f| f[20] = protocol), not_udp);
    }
    for ethertype in [[0x08, 0x06], [0x00, 0x40], [0x88, 0x47], [0x91, 0x00]] {
        let not_ip = Verdict::Kernel(PassReason::NotIp);
        assert_eq!(
            changed(&Udp::ipv4(5060), |f| f[12..14].copy_from_slice(&ethertype)),
            not_ip
        );
    }
    let group = Verdict::Kernel(PassReason::GroupAddressed);
    assert_eq!(changed(&Udp::ipv4(5060), |f| f[..6].fill(0xff)), group);
    assert_eq!(changed(&Udp::ipv6(5060), |f| f[0] = 0x33), group);
}

#[test]
fn odd_tags_go_to_the_kernel() {
    let tags = Verdict::Kernel(PassReason::VlanTags);
    for odd in [
        vec![(0x8100, 1); 3],
        vec![(0x8100, 0x0fff)],
        vec![(0x88a8, 1), (0x8100, 0xefff)],
    ] {
        assert_eq!(
            verdict(
                &Udp {
                    tags: odd,
                    ..Udp::ipv4(5060)
                }
                .build()
            ),
            tags
        );
    }
}

#[test]
fn sources_that_nobody_can_have_are_dropped() {
    for source in [
        US4,
        [0, 0, 0, 0],
        [0, 1, 2, 3],
        [127, 0, 0, 1],
        [224, 0, 0, 1],
        [240, 0, 0, 1],
        [255; 4],
    ] {
        let udp = Udp {
            source: Address::from_ipv4(source),
            ..Udp::ipv4(20_000)
        };
        assert_eq!(verdict(&udp.build()), DROP_SOURCE, "{source:?}");
    }
    let mut loopback = [0; 16];
    loopback[15] = 1;
    let mut multicast = PEER6;
    multicast[0] = 0xff;
    for source in [US6, [0; 16], loopback, multicast] {
        let udp = Udp {
            source: Address(source),
            ..Udp::ipv6(20_000)
        };
        assert_eq!(verdict(&udp.build()), DROP_SOURCE, "{source:?}");
    }
    assert_eq!(
        verdict(
            &Udp {
                source_port: 0,
                ..Udp::ipv4(20_000)
            }
            .build()
        ),
        DROP_SOURCE
    );
    assert_eq!(changed(&Udp::ipv4(20_000), |f| f[6] = 0xff), DROP_SOURCE);
}

#[test]
fn an_ipv6_packet_cannot_pass_for_ipv4() {
    let mapped = |address: [u8; 4]| Address::from_ipv4(address).0;
    let source = changed(&Udp::ipv6(5060), |f| f[22..38].copy_from_slice(&mapped(PEER4)));
    assert_eq!(source, DROP_SOURCE);
    let destination = changed(&Udp::ipv6(5060), |f| f[38..54].copy_from_slice(&mapped(US4)));
    assert_eq!(destination, Verdict::Kernel(PassReason::NotLocal));
}

//= https://www.rfc-editor.org/rfc/rfc8200#section-8.1
//= type=test
//# IPv6 receivers must discard UDP packets
//# containing a zero checksum and should log the error.
#[test]
fn a_zero_checksum_is_dropped_on_ipv6_only() {
    let zero = |udp: Udp| {
        verdict(
            &Udp {
                checksum: Some(0),
                ..udp
            }
            .build(),
        )
    };
    assert_eq!(zero(Udp::ipv6(20_000)), Verdict::Drop(DropReason::BadUdpChecksum));
    assert_eq!(zero(Udp::ipv4(20_000)), Verdict::Rtp { zone: 1 });
}

#[test]
fn sip_is_for_allowed_sources_and_media_for_all() {
    let stranger = Address::from_ipv4([203, 0, 113, 66]);
    let from = |port| {
        judge(
            &Udp {
                source: stranger,
                ..Udp::ipv4(port)
            }
            .build(),
        )
    };
    assert_eq!(from(5060).verdict, Verdict::Drop(DropReason::SourceNotAllowed));
    assert_eq!(from(5060).zone, 1);
    assert_eq!(from(20_000).verdict, Verdict::Rtp { zone: 1 });
    assert_eq!(judge(&[0; 14]).zone, ZONE_UNKNOWN);
}

#[test]
fn an_address_is_ours_on_its_own_interface_only() {
    let locals = [(
        Address::from_ipv4(US4),
        Local::new(0, 1, &[5060], Some((20_000, 29_999))).unwrap(),
    )];
    let sources = [(
        SourceKey {
            zone: 0,
            address: Address::from_ipv4([0; 4]),
        },
        104,
    )];
    let on = |interface, port| {
        let tables = Tables {
            interface,
            locals: &locals,
            sources: &sources,
        };
        classify(Udp::ipv4(port).build().as_slice(), &tables).verdict
    };
    assert_eq!(
        (on(1, 5060), on(1, 20_000)),
        (Verdict::Sip { zone: 0 }, Verdict::Rtp { zone: 0 })
    );
    let wrong = Verdict::Drop(DropReason::WrongInterface);
    assert_eq!((on(0, 5060), on(0, 20_000)), (wrong, wrong));
    assert_eq!(on(0, 161), Verdict::Kernel(PassReason::OtherPort));
}

#[test]
fn prefixes_match_by_bits_and_zone() {
    let key = |zone, address: [u8; 4], len| {
        let address = Address::from_ipv4(address);
        (SourceKey { zone, address }, SourceKey::bits(&address, len))
    };
    let sources = [
        key(0, [10, 0, 0, 0], 8),
        key(0, [198, 51, 100, 16], 30),
        key(1, [0; 4], 0),
    ];
    let tables = Tables {
        interface: 0,
        locals: &[],
        sources: &sources,
    };
    let allowed = |zone, address| tables.source_allowed(zone, &Address::from_ipv4(address));
    assert!(allowed(0, [10, 255, 0, 1]) && !allowed(0, [11, 0, 0, 1]));
    assert!(allowed(0, [198, 51, 100, 19]) && !allowed(0, [198, 51, 100, 20]));
    assert!(allowed(1, [9, 9, 9, 9]) && !allowed(2, [10, 0, 0, 1]));
    assert!(!tables.source_allowed(1, &Address(PEER6)));
}

#[test]
fn nothing_panics_and_what_is_taken_lies_inside_the_frame() {
    let mut random = Random(3);
    let bases = [
        Udp::ipv4(5060),
        Udp::ipv6(20_000),
        Udp {
            options: vec![7, 4, 0, 0, 1, 1, 1, 0],
            tags: vec![(0x8100, 9)],
            ..Udp::ipv4(20_000)
        },
    ];
    for _ in 0..200_000 {
        let base = &bases[random.below(bases.len())];
        let mut frame = base.build();
        for _ in 0..=random.below(4) {
            let at = random.below(frame.len());
            frame[at] = random.next() as u8;
        }
        if random.below(3) == 0 {
            frame.truncate(random.below(frame.len()));
        } else if random.below(2) == 0
            && base.destination.is_ipv4()
            && usize::from(frame[base.l3()] & 15) * 4 >= 20
        {
            let end = base.l3() + usize::from(frame[base.l3()] & 15) * 4;
            if end <= frame.len() {
                mend(&mut frame, base.l3());
            }
        }
        let classified = judge(&frame);
        if matches!(classified.verdict, Verdict::Sip { .. } | Verdict::Rtp { .. }) {
            assert!(frame.get(classified.layout.payload()).is_some());
        }
    }
}
