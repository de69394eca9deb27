//! Every captured frame, both ways.

use std::fmt::Write as _;

use trunkline_xdp_abi::map::ZONE_UNKNOWN;
use trunkline_xdp_abi::{DropReason, PassReason, Verdict};

use crate::capture;
use crate::kernel::{Kernel, TEST_RUN_MAX, TEST_RUN_MIN, without_socket};
use crate::scenario::Scenario;

#[test]
fn kernel_and_userspace_agree_on_every_captured_frame() {
    let frames = capture::all();
    assert_eq!(frames.len(), 3627);
    for scenario in Scenario::all() {
        let Some(mut kernel) = Kernel::load(&scenario) else {
            return;
        };
        let (mut compared, mut short, mut long) = (0, 0, 0);
        for frame in &frames {
            let ours = scenario.judge(&frame.bytes);
            match frame.bytes.len() {
                ..TEST_RUN_MIN => {
                    // The kernel refuses such a test run, and no driver delivers such a frame.
                    assert_eq!(ours.verdict, Verdict::Kernel(PassReason::Unreadable));
                    short += 1;
                }
                TEST_RUN_MIN..=TEST_RUN_MAX => {
                    let zone = (ours.zone != ZONE_UNKNOWN).then_some(ours.zone);
                    let theirs = kernel.judge(&frame.bytes);
                    let place = format!("{}, {} frame {}", scenario.name, frame.file, frame.number);
                    assert_eq!(theirs, (zone, without_socket(ours.verdict)), "{place}");
                    compared += 1;
                }
                _ => long += 1,
            }
        }
        println!(
            "{}: {compared} frames equal; {short} of less than {TEST_RUN_MIN} bytes and {long} of more than \
             {TEST_RUN_MAX} judged by userspace alone",
            scenario.name
        );
        assert_eq!((compared, short, long), (3627 - 15 - 1, 15, 1));
    }
}

#[test]
fn every_valid_frame_for_us_is_taken_and_none_is_dropped() {
    let scenario = Scenario::open();
    for frame in capture::all() {
        if frame.file == "hostile-frames.pcap" {
            continue;
        }
        let verdict = scenario.judge(&frame.bytes).verdict;
        let place = format!("{} frame {}", frame.file, frame.number);
        if frame.file == "ip-fragments-legal.pcap" {
            let fragment = Verdict::Kernel(PassReason::Fragment);
            assert!(
                verdict == fragment || verdict == Verdict::Sip { zone: 0 },
                "{place}: {verdict:?}"
            );
        } else if frame.file == "sip-udp-basic.pcap" {
            assert_eq!(verdict, Verdict::Sip { zone: 0 }, "{place}");
        } else {
            assert_eq!(verdict, Verdict::Rtp { zone: 0 }, "{place}");
        }
    }
}

#[test]
fn every_hostile_frame_gets_the_verdict_written_down_for_it() {
    let scenario = Scenario::open();
    let faults = capture::text("hostile-frames.tsv");
    let mut table = String::from("n\tverdict\tfault\n");
    for (frame, line) in capture::one("hostile-frames.pcap")
        .iter()
        .zip(faults.lines().skip(1))
    {
        let fault = line.split('\t').nth(3).unwrap();
        let verdict = match scenario.judge(&frame.bytes).verdict {
            Verdict::Kernel(reason) => format!("kernel:{}", reason.as_str()),
            Verdict::Drop(reason) => format!("drop:{}", reason.as_str()),
            taken => taken.as_str().to_owned(),
        };
        writeln!(table, "{}\t{verdict}\t{fault}", frame.number).unwrap();
    }
    println!("{table}");
    let expected = capture::text("hostile-verdicts.tsv");
    for (line, (ours, theirs)) in table.lines().zip(expected.lines()).enumerate() {
        assert_eq!(ours, theirs, "line {}", line + 1);
    }
    assert_eq!(table.lines().count(), expected.lines().count());
}

#[test]
fn a_reload_changes_what_is_ours_and_who_may_send() {
    let open = Scenario::open();
    let Some(mut kernel) = Kernel::load(&open) else {
        return;
    };
    let sip = capture::one("sip-udp-basic.pcap");
    for scenario in Scenario::all().iter().chain([&open]) {
        let config = scenario.config("lo");
        kernel.program().replace_sources(&config.sources).unwrap();
        kernel.program().replace_locals(&config.locals).unwrap();
        for frame in &sip {
            let ours = scenario.judge(&frame.bytes);
            assert_eq!(
                kernel.judge(&frame.bytes).1,
                without_socket(ours.verdict),
                "{}",
                scenario.name
            );
        }
    }
    kernel.program().replace_sources(&[]).unwrap();
    assert_eq!(
        kernel.judge(&sip[0].bytes),
        (Some(0), Verdict::Drop(DropReason::SourceNotAllowed))
    );
}
