//! The kernel tier: what the program relays by itself, against the same rules followed in userspace.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use trunkline_net::steer::{Mode, SteerConfig, SteerProgram};
use trunkline_xdp_abi::flow::{Counts, IN_KERNEL, IS_UDPTL, Rules, UNMAPPED};
use trunkline_xdp_abi::kernel_tier::{Decision, decide, map_payload_type};
use trunkline_xdp_abi::{Address, Egress, Layout, Local, Verdict, rewrite};

use crate::attach::{in_namespace, ip};
use crate::capture;
use crate::generated::Random;
use crate::kernel::{Kernel, TEST_RUN_MAX, TEST_RUN_MIN, is_root};
use crate::scenario::Scenario;

const FRAMES: usize = 100_000;
const SEED: u64 = 0x666c_6f77;
const HEADROOM: usize = 64;

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;
const XDP_TX: u32 = 3;
const XDP_REDIRECT: u32 = 4;
/// Kernel index of the loopback interface, on which test runs come in.
const LOOPBACK: u32 = 1;

/// What relaying does to a frame: action, bytes, and what was counted.
#[derive(Debug, PartialEq)]
struct Outcome {
    action: u32,
    frame: Vec<u8>,
    counts: Counts,
}

/// The rules followed in userspace, as a worker would.
fn follow(frame: &[u8], layout: &Layout, rules: &Rules, mut counts: Counts, now_ns: u64) -> Outcome {
    let mut buffer = vec![0; HEADROOM];
    buffer.extend(frame);
    let (action, frame) = match decide(frame, layout, rules, &mut counts, now_ns) {
        Decision::Worker => (XDP_PASS, frame.to_vec()),
        Decision::Drop(_) => (XDP_DROP, frame.to_vec()),
        Decision::Relay(payload_type) => {
            if let Some(payload_type) = payload_type {
                map_payload_type(buffer.as_mut_slice(), HEADROOM, layout, rules, payload_type).unwrap();
            }
            let place = rewrite::towards(buffer.as_mut_slice(), HEADROOM, layout, &rules.egress).unwrap();
            let action = if rules.egress_ifindex == LOOPBACK {
                XDP_TX
            } else {
                XDP_REDIRECT
            };
            (action, buffer[place.start..place.start + place.len].to_vec())
        }
    };
    Outcome {
        action,
        frame,
        counts,
    }
}

/// Runs the frame through the kernel's flow at `index` under `rules`, and compares.
fn compare(program: &SteerProgram, index: u32, frame: &[u8], layout: &Layout, rules: &Rules) -> u32 {
    let flows = program.flows();
    assert!(flows.write(index, rules));
    let before = flows.counts(index).unwrap();
    let run = program.test_run(frame, 1).unwrap();
    let counts = flows.counts(index).unwrap();
    let theirs = Outcome {
        action: run.action,
        frame: run.frame,
        counts,
    };
    let ours = follow(frame, layout, rules, before, counts.last_ns);
    assert_eq!(
        theirs, ours,
        "seed {SEED:#x}, {rules:?}, {layout:?}, {frame:02x?}"
    );
    run.action
}

/// Rules that let this datagram pass more often than not.
fn rules(random: &mut Random, layout: &Layout, frame: &[u8]) -> Rules {
    let mut bytes = [0; 64];
    bytes.fill_with(|| random.next() as u8);
    let payload_type = frame.get(usize::from(layout.payload_offset) + 1).unwrap_or(&0) & 0x7f;
    let pick = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let address = |at: usize, is_ipv6: bool| {
        if is_ipv6 {
            Address(std::array::from_fn(|i| {
                [0x20, 1, 0xd, 0xb8].get(i).copied().unwrap_or(bytes[at + i])
            }))
        } else {
            Address::from_ipv4(std::array::from_fn(|i| bytes[at + i]))
        }
    };
    let is_ipv6 = random.below(2) == 0;
    let port = layout.source_port ^ u16::from(random.below(16) == 0);
    let flags = if random.below(20) == 0 { 0 } else { IN_KERNEL };
    let flags = flags | if random.below(8) == 0 { IS_UDPTL } else { 0 };
    let allowed = if random.below(8) == 0 {
        0
    } else {
        1_u128 << payload_type
    };
    let map_to = if random.below(3) == 0 {
        bytes[0] & 0x7f
    } else {
        payload_type
    };
    Rules {
        head: Rules::head(flags, port),
        remote: layout.source,
        payload_types: [allowed as u64, (allowed >> 64) as u64],
        egress_ifindex: LOOPBACK + random.below(2) as u32,
        payload_len_max: [0, 0, 0, 100, 1500][random.below(5)],
        egress: Egress {
            interface: 0,
            ttl: bytes[2],
            dscp: bytes[3] & 0x3f,
            vlan_count: random.below(3) as u8,
            vlan: [pick(4), pick(6)],
            mtu: [0, 1500, 1500, 150][random.below(4)],
            source_port: pick(8),
            destination_port: pick(10),
            source_mac: std::array::from_fn(|i| bytes[12 + i]),
            destination_mac: std::array::from_fn(|i| bytes[18 + i]),
            source: address(24, is_ipv6),
            destination: address(40, is_ipv6),
        },
        payload_type_map: [
            [payload_type, map_to],
            [UNMAPPED; 2],
            [UNMAPPED; 2],
            [UNMAPPED; 2],
        ],
        interval_ns: random.below(2) as u32,
        burst_ns: u32::MAX,
        clock_rate: [0, 8000, 48_000][random.below(3)],
        generation: random.below(2) as u32,
    }
}

/// Compares every frame that is for a flow; how often each action was taken.
fn compare_all(frames: impl Iterator<Item = Vec<u8>>, random: &mut Random) -> [usize; 5] {
    let scenario = Scenario::open();
    let mut actions = [0; 5];
    let Some(mut kernel) = Kernel::load(&scenario) else {
        return actions;
    };
    for frame in frames {
        let layout = scenario.judge(&frame);
        let (Verdict::Rtp { .. }, layout) = (layout.verdict, layout.layout) else {
            continue;
        };
        let place = (layout.destination.to_ip(), layout.destination_port);
        let Some(index) = kernel.program().flow_index(place.0, place.1) else {
            continue;
        };
        let rules = rules(random, &layout, &frame);
        actions[compare(kernel.program(), index, &frame, &layout, &rules) as usize] += 1;
        assert!(kernel.program().flows().clear(index));
        if actions.iter().sum::<usize>() == FRAMES {
            break;
        }
    }
    println!("dropped, passed, sent back, redirected: {:?}", &actions[1..]);
    actions
}

#[test]
fn kernel_and_userspace_relay_every_captured_frame_alike() {
    let frames = capture::all().into_iter().map(|frame| frame.bytes);
    let frames = frames.filter(|frame| (TEST_RUN_MIN..=TEST_RUN_MAX).contains(&frame.len()));
    let actions = compare_all(frames, &mut Random(SEED));
    assert!(!is_root() || actions[1..].iter().all(|count| *count > 100));
}

#[test]
fn kernel_and_userspace_relay_generated_frames_alike() {
    let (odd, plain): (Vec<_>, Vec<_>) = capture::all()
        .into_iter()
        .filter(|frame| (TEST_RUN_MIN..TEST_RUN_MAX - 64).contains(&frame.bytes.len()))
        .partition(|frame| frame.file.starts_with("hostile") || frame.file.starts_with("sip"));
    let mut random = Random(SEED + 1);
    let frames = std::iter::from_fn(|| Some(random.frame(&odd, &plain)));
    let actions = compare_all(frames, &mut Random(SEED + 3));
    assert!(!is_root() || actions[1..].iter().all(|count| *count > 1000));
}

#[test]
fn rules_that_change_under_the_program_are_followed_whole_or_not_at_all() {
    let scenario = Scenario::open();
    let Some(mut kernel) = Kernel::load(&scenario) else {
        return;
    };
    let (frame, layout, index) = media(&mut kernel, &scenario);
    let two = [0x11_u8, 0x22].map(|byte| Rules {
        head: Rules::head(IN_KERNEL, layout.source_port),
        remote: layout.source,
        payload_types: [u64::MAX; 2],
        egress_ifindex: LOOPBACK,
        egress: Egress {
            ttl: byte,
            source_port: u16::from(byte),
            destination_port: u16::from(byte),
            source_mac: [byte; 6],
            destination_mac: [byte; 6],
            source: Address::from_ipv4([byte; 4]),
            destination: Address::from_ipv4([byte; 4]),
            ..Egress::EMPTY
        },
        ..Rules::NONE
    });
    let [first, second] = two
        .each_ref()
        .map(|rules| follow(&frame, &layout, rules, Counts::default(), 0).frame);
    let flows = kernel.program().flows().clone();
    let is_done = AtomicBool::new(false);
    let mut seen = [0; 3];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                assert!(two.iter().all(|rules| flows.write(index, rules)));
            }
        });
        for _ in 0..100_000 {
            let run = kernel.program().test_run(&frame, 1).unwrap();
            let which = match run.action {
                XDP_TX if run.frame == first => 0,
                XDP_TX if run.frame == second => 1,
                XDP_PASS if run.frame == frame => 2,
                _ => panic!("a mixture left: {run:?}"),
            };
            seen[which] += 1;
        }
        is_done.store(true, Ordering::Relaxed);
    });
    println!("by the first rules, by the second, given to the worker: {seen:?}");
    assert!(seen[0] > 0 && seen[1] > 0);
}

#[test]
fn what_the_flow_does_not_know_never_leaves() {
    let scenario = Scenario::open();
    let Some(mut kernel) = Kernel::load(&scenario) else {
        return;
    };
    let (frame, layout, index) = media(&mut kernel, &scenario);
    let known = Rules {
        head: Rules::head(IN_KERNEL, layout.source_port),
        remote: layout.source,
        payload_types: [1 << (frame[usize::from(layout.payload_offset) + 1] & 0x7f), 0],
        egress_ifindex: LOOPBACK,
        egress: Egress {
            source: layout.destination,
            destination: layout.source,
            ..Egress::EMPTY
        },
        ..Rules::NONE
    };
    assert!(kernel.program().flows().write(index, &known));
    let mut random = Random(SEED + 2);
    let (source, type_at) = (
        usize::from(layout.l3_offset) + 12,
        usize::from(layout.payload_offset) + 1,
    );
    let mut sent = 0;
    for number in 0..FRAMES {
        let mut frame = frame.clone();
        match number % 3 {
            0 => frame[source..source + 4].copy_from_slice(&(random.next() as u32).to_be_bytes()),
            1 => frame[usize::from(layout.l4_offset)..][..2]
                .copy_from_slice(&(random.next() as u16).to_be_bytes()),
            _ => frame[type_at] = random.next() as u8,
        }
        crate::generated::mend_ipv4_checksum(&mut frame);
        let now = scenario.judge(&frame).layout;
        let is_known = (now.source, now.source_port) == (layout.source, layout.source_port)
            && known.is_allowed(frame[type_at] & 0x7f);
        let run = kernel.program().test_run(&frame, 1).unwrap();
        assert!(
            is_known || run.action == XDP_DROP || run.action == XDP_PASS,
            "{frame:02x?}"
        );
        sent += usize::from(run.action == XDP_TX);
    }
    let counts = kernel.program().flows().counts(index).unwrap();
    println!("{sent} sent; {counts:?}");
    assert_eq!(counts.packets, sent as u64);
    assert!(counts.wrong_source > 60_000 && counts.wrong_payload_type > 20_000);
    assert!(kernel.program().flows().clear(index));
    assert_eq!(kernel.program().test_run(&frame, 1).unwrap().action, XDP_PASS);
}

#[test]
fn a_relayed_packet_costs_well_under_a_microsecond() {
    let scenario = Scenario::open();
    let Some(mut kernel) = Kernel::load(&scenario) else {
        return;
    };
    let (frame, layout, index) = media(&mut kernel, &scenario);
    // What leaves is what came in, so that each repetition meets the same frame again.
    let same = Rules {
        head: Rules::head(IN_KERNEL, layout.source_port),
        remote: layout.source,
        payload_types: [u64::MAX; 2],
        egress_ifindex: LOOPBACK + 1,
        egress: Egress {
            ttl: 64,
            source_port: layout.source_port,
            destination_port: layout.destination_port,
            source: layout.source,
            destination: layout.destination,
            ..Egress::EMPTY
        },
        clock_rate: 8000,
        ..Rules::NONE
    };
    assert!(kernel.program().flows().write(index, &same));
    let best = (0..5)
        .map(|_| kernel.program().test_run(&frame, 1_000_000).unwrap().duration)
        .min()
        .unwrap();
    println!("relayed: {} ns", best.as_nanos());
    assert!(best < Duration::from_micros(1), "{best:?}");
    assert_eq!(kernel.program().flows().counts(index).unwrap().packets, 5_000_000);
}

#[test]
fn packets_are_relayed_between_two_interfaces() {
    in_namespace(|| {
        for (number, net) in [(0, "192.0.2"), (1, "198.51.100")] {
            ip(&format!(
                "link add edge{number} address 00:00:5e:00:53:0{number} type veth peer name peer{number} address 00:00:5e:00:53:1{number}"
            ));
            ip(&format!("address add {net}.20/24 dev peer{number}"));
            ip(&format!("link set edge{number} up"));
            ip(&format!("link set peer{number} up"));
            ip(&format!(
                "neighbor replace {net}.10 lladdr 00:00:5e:00:53:0{number} dev peer{number} nud permanent"
            ));
            // Whole checksums from the sender, and a receiver that takes redirected frames.
            ethtool(&format!("-K peer{number} tx off gro on"));
        }
        let (ours, theirs) = ("192.0.2.10".parse().unwrap(), [198, 51, 100, 20]);
        let mut steer = SteerProgram::load(&SteerConfig {
            interfaces: vec!["edge0".into(), "edge1".into()],
            mode: Mode::Driver,
            locals: vec![(ours, Local::new(0, 0, &[5060], Some((20_000, 20_099))).unwrap())],
            sources: Vec::new(),
        })
        .unwrap();
        steer.attach().unwrap();
        let egress_ifindex = steer.attachments().nth(1).unwrap().ifindex;
        let index = steer.flow_index(ours, 20_010).unwrap();
        let rules = Rules {
            head: Rules::head(IN_KERNEL, 7000),
            remote: Address::from_ipv4([192, 0, 2, 20]),
            payload_types: [1 << 8, 0],
            egress_ifindex,
            egress: Egress {
                ttl: 64,
                source_port: 30_000,
                destination_port: 8000,
                source_mac: [0, 0, 0x5e, 0, 0x53, 1],
                destination_mac: [0, 0, 0x5e, 0, 0x53, 0x11],
                source: Address::from_ipv4([198, 51, 100, 10]),
                destination: Address::from_ipv4(theirs),
                ..Egress::EMPTY
            },
            ..Rules::NONE
        };
        assert!(steer.flows().write(index, &rules));
        let sender = UdpSocket::bind("192.0.2.20:7000").unwrap();
        let receiver = UdpSocket::bind((std::net::Ipv4Addr::from(theirs), 8000)).unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        for number in 0..200_u8 {
            let mut packet = [number; 172];
            (packet[0], packet[1]) = (0x80, 8);
            sender.send_to(&packet, SocketAddr::new(ours, 20_010)).unwrap();
            let mut received = [0; 200];
            let (len, from) = receiver.recv_from(&mut received).unwrap();
            assert_eq!(from, "198.51.100.10:30000".parse().unwrap());
            assert_eq!(received[..len], packet);
        }
        assert_eq!(steer.flows().counts(index).unwrap().packets, 200);
    });
}

fn ethtool(arguments: &str) {
    let output = std::process::Command::new("ethtool")
        .args(arguments.split(' '))
        .output()
        .unwrap();
    assert!(output.status.success(), "ethtool {arguments}: {output:?}");
}

/// A captured RTP packet over IPv4, its headers, and the place of its flow.
fn media(kernel: &mut Kernel, scenario: &Scenario) -> (Vec<u8>, Layout, u32) {
    let frame = capture::one("rtp-pcmu-20ms.pcap").remove(0).bytes;
    let layout = scenario.judge(&frame).layout;
    let index = kernel
        .program()
        .flow_index(layout.destination.to_ip(), layout.destination_port);
    (frame, layout, index.unwrap())
}
