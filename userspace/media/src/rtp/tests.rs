use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// A packet with two CSRCs, an extension of one word, five octets of payload and three of padding.
fn full() -> Vec<u8> {
    let mut packet = vec![0xb2, 0x80 | 101, 0x12, 0x34, 0, 0, 0, 160, 0xde, 0xad, 0xbe, 0xef];
    packet.extend([0, 0, 0, 7, 0, 0, 0, 8]);
    packet.extend([0xbe, 0xde, 0, 1, 0x10, 0xaa, 0, 0]);
    packet.extend(*b"hello");
    packet.extend([0, 0, 3]);
    packet
}

#[test]
fn every_field_is_read() {
    let packet = full();
    let view = RtpView::new_checked(&packet).unwrap();
    assert!(view.marker());
    assert_eq!(view.payload_type(), 101);
    assert_eq!(view.sequence_number(), 0x1234);
    assert_eq!(view.timestamp(), 160);
    assert_eq!(view.ssrc(), 0xdead_beef);
    assert_eq!(view.csrcs().collect::<Vec<_>>(), [7, 8]);
    assert_eq!(view.extension(), Some((0xbede, &[0x10, 0xaa, 0, 0][..])));
    assert_eq!(view.header_len(), 28);
    assert_eq!(view.payload(), b"hello");
}

#[test]
fn an_encrypted_packet_keeps_its_padding() {
    let mut packet = full();
    *packet.last_mut().unwrap() = 0xff;
    assert_eq!(RtpView::new_checked(&packet).unwrap_err(), Malformed::Padding);
    assert_eq!(
        RtpView::new_encrypted(&packet).unwrap().payload(),
        b"hello\0\0\xff"
    );
}

#[test]
fn every_cut_is_refused_or_in_bounds() {
    let packet = full();
    for len in 0..12 {
        assert_eq!(
            RtpView::new_checked(&packet[..len]).unwrap_err(),
            Malformed::Short
        );
    }
    for len in 12..28 {
        assert_eq!(
            RtpView::new_checked(&packet[..len]).unwrap_err(),
            Malformed::Header
        );
    }
}

#[test]
fn only_version_two_passes() {
    for version in [0, 1, 3] {
        let mut packet = full();
        packet[0] = packet[0] & 0x3f | version << 6;
        assert_eq!(RtpView::new_checked(&packet).unwrap_err(), Malformed::Version);
    }
}

#[test]
fn padding_must_leave_the_header_alone() {
    let fixed = [0xa0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1];
    for (padding, is_sound) in [
        (&[][..], false),
        (&[0, 0], false),
        (&[0, 2], true),
        (&[0, 3], false),
    ] {
        let packet = [&fixed[..], padding].concat();
        assert_eq!(RtpView::new_checked(&packet).is_ok(), is_sound, "{padding:?}");
    }
}

#[test]
fn the_first_two_octets_tell_the_protocol() {
    for first in 0..=255_u8 {
        let expected = match first {
            0..=3 => Demux::Stun,
            20..=63 => Demux::Dtls,
            128..=191 => Demux::Rtp,
            _ => Demux::Other,
        };
        assert_eq!(Demux::of(&[first, 0]), expected, "{first}");
    }
    for second in 0..=255_u8 {
        let expected = if (192..=223).contains(&second) {
            Demux::Rtcp
        } else {
            Demux::Rtp
        };
        assert_eq!(Demux::of(&[0x80, second]), expected, "{second}");
    }
    assert_eq!(Demux::of(&[]), Demux::Other);
    assert_eq!(Demux::of(&[0x80]), Demux::Other);
}

proptest! {
    #[test]
    fn whatever_passes_is_in_bounds(mut bytes in proptest::collection::vec(any::<u8>(), 0..80), is_version_two: bool) {
        if let Some(first) = bytes.first_mut().filter(|_| is_version_two) {
            *first = *first & 0x3f | 0x80;
        }
        if let Ok(view) = RtpView::new_checked(&bytes) {
            let extension_len = view.extension().map_or(0, |(_, data)| 4 + data.len());
            prop_assert_eq!(view.header_len(), 12 + 4 * view.csrcs().count() + extension_len);
            prop_assert!(view.header_len() + view.payload().len() <= bytes.len());
            prop_assert_eq!(Demux::of(&bytes) == Demux::Rtcp, view.marker() && (64..96).contains(&view.payload_type()));
        }
    }
}
