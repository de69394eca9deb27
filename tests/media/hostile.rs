//! Frames with one fault each. Those that come as far as the relay are listed with what becomes of them.

use std::path::Path;

use trunkline_media::{FlowKind, LatchPolicy};
use trunkline_xdp_abi::DropReason;

use crate::bridge::{Bridge, Outcome, flow};

/// The fault, and the reason for which the relay drops the frame. `None`: it is forwarded, as it is no fault here.
const MEDIA: [(&str, Option<DropReason>); 33] = [
    ("RTP: version 1", NOT_RTP),
    ("RTP: version 3", NOT_RTP),
    ("RTP: version 0 (looks like STUN)", NOT_RTP),
    ("RTP: CC 15, no room", NOT_RTP),
    ("RTP: extension length 65535 words", NOT_RTP),
    ("RTP: padding 255 of 3", NOT_RTP),
    ("RTP: padding 0", NOT_RTP),
    ("RTP: 1 octet", NOT_RTP),
    ("RTP: empty datagram", NOT_RTP),
    ("RTP: payload type 72 collides with RTCP SR", None),
    ("RTP: payload type 127", None),
    ("RTP: telephone-event of 2 octets", None),
    ("RTP: event 255, reserved bit", None),
    ("RTP: 1400-octet PCMU", None),
    ("RTCP: 3 octets", NOT_RTP),
    ("RTCP: SR cut", NOT_RTP),
    ("RTCP: length 65535", NOT_RTP),
    ("RTCP: RR count 31, no blocks", NOT_RTP),
    ("RTCP: 300 empty BYEs", NOT_RTP),
    ("RTCP: SDES item length past the end", NOT_RTP),
    ("RTCP: BYE", None),
    ("RTCP: padding bit, no padding", NOT_RTP),
    ("RTCP: XR cut", NOT_RTP),
    ("STUN: 19 octets", NOT_RTP),
    ("STUN: length 65532", NOT_RTP),
    ("STUN: length not a multiple of 4", NOT_RTP),
    ("STUN: attribute length 65535", NOT_RTP),
    ("STUN: wrong cookie", NOT_RTP),
    ("STUN: 200 unknown comprehension-required attributes", NOT_RTP),
    ("UDPTL: primary length past the end", None),
    ("UDPTL: 255 redundant packets, none there", None),
    ("UDPTL: fragmented length form", None),
    ("UDPTL: FEC cut", None),
];

const NOT_RTP: Option<DropReason> = Some(DropReason::RtpNotRtp);

fn faults() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/packets/hostile-frames.tsv");
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .skip(1)
        .map(|line| line.rsplit('\t').next().unwrap().to_owned())
        .collect()
}

#[test]
fn every_hostile_frame_ends_as_listed() {
    let mut bridge = Bridge::new();
    for (kind, port, remote_port) in [
        (FlowKind::Rtp, 40000, 30000),
        (FlowKind::Rtcp, 40001, 30001),
        (FlowKind::Udptl, 40010, 14014),
    ] {
        let mut spec = flow(
            kind,
            &format!("192.0.2.10:{port}"),
            &format!("198.51.100.20:{remote_port}"),
        );
        spec.latch = LatchPolicy::Signalled;
        bridge.open(&spec);
    }
    let mut listed_count = 0;
    for (fault, (_, outcome)) in faults().iter().zip(bridge.replay("hostile-frames")) {
        let listed = MEDIA.iter().find(|(listed, _)| listed == fault);
        listed_count += usize::from(listed.is_some());
        match (listed, outcome) {
            (Some((_, None)), Outcome::Sent(_)) | (None, Outcome::Elsewhere(_)) => {}
            (Some((_, Some(expected))), Outcome::Dropped(reason)) => assert_eq!(reason, *expected, "{fault}"),
            (_, outcome) => panic!("{fault}: {outcome:?}"),
        }
    }
    assert_eq!(listed_count, MEDIA.len());
}
