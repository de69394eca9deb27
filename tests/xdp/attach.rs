//! The program on a real interface: a veth pair in a namespace of the test's own.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use trunkline_net::steer::{Mode, Source, SteerConfig, SteerProgram};
use trunkline_xdp_abi::{DropReason, Local, PassReason, Verdict};

use crate::kernel::is_root;

#[test]
fn driver_mode_sees_and_counts_live_frames() {
    in_namespace(|| live(Mode::Driver, Mode::Driver));
}

#[test]
fn generic_mode_sees_and_counts_live_frames() {
    in_namespace(|| live(Mode::Generic, Mode::Generic));
}

#[test]
fn auto_falls_back_to_generic_where_the_driver_cannot() {
    in_namespace(|| {
        // The loopback device has no XDP in its driver.
        ip("link set lo up");
        let driver = SteerProgram::load(&config("lo", Mode::Driver)).and_then(|mut steer| steer.attach());
        let refusal = driver.unwrap_err().to_string();
        assert!(refusal.contains("to lo in driver mode"), "{refusal}");
        let mut steer = SteerProgram::load(&config("lo", Mode::Auto)).unwrap();
        steer.attach().unwrap();
        assert_eq!(
            steer.attachments().map(|a| a.mode).collect::<Vec<_>>(),
            [Mode::Generic]
        );
    });
}

#[test]
fn what_cannot_be_attached_says_why() {
    in_namespace(|| {
        let missing = SteerProgram::load(&config("nowhere0", Mode::Auto))
            .unwrap_err()
            .to_string();
        assert_eq!(missing, "there is no interface nowhere0");
        veth();
        let mut first = SteerProgram::load(&config("edge0", Mode::Driver)).unwrap();
        first.attach().unwrap();
        let second = SteerProgram::load(&config("edge0", Mode::Driver)).and_then(|mut steer| steer.attach());
        let refusal = second.unwrap_err().to_string();
        assert!(refusal.contains("ip link set dev edge0 xdp off"), "{refusal}");
    });
}

/// Sends to the program from the other end of the pair, and follows the counters; then drops the program.
fn live(asked: Mode, got: Mode) {
    veth();
    let mut steer = SteerProgram::load(&config("edge0", asked)).unwrap();
    steer.attach().unwrap();
    assert_eq!(steer.attachments().map(|a| a.mode).collect::<Vec<_>>(), [got]);
    let peer = UdpSocket::bind("192.0.2.20:5060").unwrap();
    let stranger = UdpSocket::bind("192.0.2.66:5060").unwrap();
    for (socket, port, count) in [
        (&peer, 5060, 3),
        (&stranger, 5060, 5),
        (&stranger, 20_000, 7),
        (&peer, 9, 2),
    ] {
        for _ in 0..count {
            socket
                .send_to(b"x", SocketAddr::from(([192, 0, 2, 10], port)))
                .unwrap();
        }
    }
    expect(&steer, Verdict::Kernel(PassReason::SipNoSocket), 3);
    expect(&steer, Verdict::Drop(DropReason::SourceNotAllowed), 5);
    expect(&steer, Verdict::Kernel(PassReason::RtpNoSocket), 7);
    expect(&steer, Verdict::Kernel(PassReason::OtherPort), 2);
    assert!(link("edge0").contains("xdp"));
    drop(steer);
    assert!(!link("edge0").contains("xdp"), "{}", link("edge0"));
}

/// Waits for a counter of zone 0 to stand at `packets`.
fn expect(steer: &SteerProgram, verdict: Verdict, packets: u64) {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let counts = steer.counters().unwrap();
        let now = counts
            .iter()
            .find(|c| c.zone == Some(0) && c.verdict == verdict)
            .map_or(0, |c| c.packets);
        if now == packets {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "{verdict:?}: {now} instead of {packets} in {counts:?}"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn config(interface: &str, mode: Mode) -> SteerConfig {
    SteerConfig {
        interfaces: vec![interface.to_owned()],
        mode,
        locals: vec![(
            "192.0.2.10".parse().unwrap(),
            Local::new(0, 0, &[5060], Some((20_000, 39_999))).unwrap(),
        )],
        sources: vec![Source {
            zone: 0,
            address: "192.0.2.20".parse().unwrap(),
            prefix_len: 32,
        }],
    }
}

/// Two joined interfaces: the program's, and one with the senders' addresses, which knows the MAC of ours.
fn veth() {
    ip("link add edge0 address 00:00:5e:00:53:01 type veth peer name peer0");
    ip("address add 192.0.2.20/24 dev peer0");
    ip("address add 192.0.2.66/24 dev peer0");
    ip("link set edge0 up");
    ip("link set peer0 up");
    ip("neighbor replace 192.0.2.10 lladdr 00:00:5e:00:53:01 dev peer0 nud permanent");
}

fn link(name: &str) -> String {
    let output = Command::new("ip").args(["link", "show", name]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// Runs `body` on a thread with a network namespace of its own, which ends with the thread.
pub(crate) fn in_namespace(body: impl FnOnce() + Send) {
    if !is_root() {
        return;
    }
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            body();
        });
        if let Err(panic) = thread.join() {
            std::panic::resume_unwind(panic);
        }
    });
}
