use proptest::prelude::*;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::*;

const OFFER: &str = "v=0\r\no=alice 1 2 IN IP4 host.atlanta.example.com\r\ns=call\r\ni=kept\r\nc=IN IP4 198.51.100.20\r\n\
    t=0 0\r\na=ice-lite\r\nm=audio 14012 RTP/AVP 0 8 18 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n\
    a=rtpmap:18 G729/8000\r\na=fmtp:18 annexb=no\r\na=ptime:20\r\na=rtcp:14013 IN IP4 198.51.100.20\r\n\
    a=candidate:1 1 UDP 2130706431 10.0.1.1 8998 typ host\r\na=sendonly\r\na=x-unknown:1\r\n\
    m=video 0 RTP/AVP 31\r\n";

fn edits<'e>(media: &'e [MediaEdit], codecs: &'e [&'e str]) -> Edits<'e> {
    let identity = Identity {
        username: "-",
        session_id: 7,
        version: 8,
        session_name: "-",
    };
    Edits {
        identity: Some(identity),
        address: "192.0.2.1".parse().unwrap(),
        media,
        codecs,
        direction: None,
    }
}

fn rewritten(text: &str, edits: &Edits<'_>) -> String {
    let mut out = vec![0; 4096];
    let len = rewrite(text.as_bytes(), edits, &mut out).unwrap();
    String::from_utf8(out[..len].to_vec()).unwrap()
}

#[test]
fn what_a_description_says() {
    let sdp = SessionDescription::parse(OFFER.as_bytes()).unwrap();
    assert_eq!(sdp.origin().session_id, b"1");
    assert_eq!(sdp.media().len(), 2);
    let audio = sdp.media()[0];
    assert!(audio.is_audio() && audio.is_rtp() && !audio.has_rtcp_mux() && !audio.has_crypto());
    assert_eq!(audio.port(), 14012);
    assert_eq!(audio.payload_types().collect::<Vec<_>>(), [0, 8, 18, 101]);
    assert_eq!(audio.rtpmap(0).unwrap().encoding, b"PCMU");
    assert_eq!(audio.rtpmap(101).unwrap().encoding, b"telephone-event");
    assert_eq!(audio.fmtp(18), Some(&b"annexb=no"[..]));
    assert_eq!((audio.ptime(), audio.rtcp_port()), (Some(20), Some(14013)));
    assert_eq!(sdp.direction_of(&audio), Direction::SendOnly);
    assert!(sdp.is_held(&audio));
    assert_eq!(
        sdp.connection_of(&audio).unwrap().ip,
        "198.51.100.20".parse().ok()
    );
    assert!(sdp.is_rejected(&sdp.media()[1]));
}

#[test]
fn crossing_the_border() {
    let media = [MediaEdit {
        port: 20_000,
        rtcp_port: Some(20_001),
    }; 2];
    let text = rewritten(OFFER, &edits(&media, &["pcma", "PCMU", "telephone-event"]));
    assert_eq!(
        text,
        "v=0\r\no=- 7 8 IN IP4 192.0.2.1\r\ns=-\r\ni=kept\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
         m=audio 20000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=ptime:20\r\n\
         a=rtcp:20001\r\na=sendonly\r\na=x-unknown:1\r\nm=video 0 RTP/AVP 31\r\n"
    );
}

#[test]
fn a_hold_address_stays() {
    let text = OFFER.replace("c=IN IP4 198.51.100.20", "c=IN IP4 0.0.0.0");
    let media = [MediaEdit {
        port: 20_000,
        rtcp_port: None,
    }];
    assert!(rewritten(&text, &edits(&media, &[])).contains("c=IN IP4 0.0.0.0\r\n"));
}

#[test]
fn ipv6_and_a_direction() {
    let media = [MediaEdit {
        port: 2,
        rtcp_port: None,
    }];
    let mut edits = edits(&media, &[]);
    edits.address = "2001:db8::1".parse().unwrap();
    edits.direction = Some(Direction::Inactive);
    let text = rewritten(OFFER, &edits);
    assert!(
        text.contains("c=IN IP6 2001:db8::1\r\n")
            && text.contains("a=inactive\r\n")
            && !text.contains("sendonly")
    );
}

#[test]
fn no_common_codec_is_an_error() {
    let media = [MediaEdit {
        port: 2,
        rtcp_port: None,
    }];
    for codecs in [&["opus"][..], &["telephone-event"]] {
        let error = rewrite(OFFER.as_bytes(), &edits(&media, codecs), &mut [0; 4096]).unwrap_err();
        assert_eq!(error.kind, SdpErrorKind::NoCodec);
    }
}

#[test]
fn broken_descriptions() {
    for (text, kind) in [
        ("", SdpErrorKind::NoVersion),
        ("v=1\r\n", SdpErrorKind::NoVersion),
        ("v=0\r\n", SdpErrorKind::BadOrigin),
        ("v=0\r\no=a b\r\n", SdpErrorKind::BadOrigin),
        ("v=0\r\nnonsense\r\n", SdpErrorKind::BadLine),
        (
            "v=0\r\no=a 1 1 IN IP4 h\r\nc=IN IP4\r\n",
            SdpErrorKind::BadConnection,
        ),
        (
            "v=0\r\no=a 1 1 IN IP4 h\r\nm=audio 70000 RTP/AVP 0\r\n",
            SdpErrorKind::BadMedia,
        ),
    ] {
        assert_eq!(
            SessionDescription::parse(text.as_bytes()).unwrap_err().kind,
            kind,
            "{text}"
        );
    }
}

#[test]
fn directions_of_answers() {
    use Direction::{Inactive, RecvOnly, SendOnly, SendRecv};
    assert_eq!(SendOnly.answer(SendRecv), RecvOnly);
    assert_eq!(RecvOnly.answer(SendRecv), SendOnly);
    assert_eq!(SendRecv.answer(RecvOnly), RecvOnly);
    assert_eq!(SendOnly.answer(SendOnly), Inactive);
    assert_eq!(SendOnly.mirrored(), RecvOnly);
}

proptest! {
    #[test]
    fn lines_in_any_order_do_not_break_it(picks in proptest::collection::vec(0_usize..18, 0..40)) {
        let lines: Vec<&str> = OFFER.split_inclusive("\r\n").collect();
        let text: String = picks.iter().map(|&pick| lines[pick % lines.len()]).collect();
        let text = std::format!("v=0\r\no=a 1 1 IN IP4 h\r\n{text}");
        let media = [MediaEdit { port: 20_000, rtcp_port: Some(20_001) }; 16];
        let mut out = vec![0; 8192];
        if let Ok(len) = rewrite(text.as_bytes(), &edits(&media, &[]), &mut out) {
            let edited = String::from_utf8(out[..len].to_vec()).unwrap();
            prop_assert!(!edited.contains("198.51.100.20") && !edited.contains("10.0.1.1"));
            SessionDescription::parse(edited.as_bytes()).unwrap();
        }
    }
}
