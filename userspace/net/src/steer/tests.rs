use std::net::IpAddr;
use std::os::fd::{AsFd as _, FromRawFd as _, OwnedFd};

use trunkline_xdp_abi::map::{INTERFACE_ANY, QUEUES_MAX, SourceKey};
use trunkline_xdp_abi::{Address, Egress, Local, PassReason, Verdict, header};

use super::{Source, SteerConfig, SteerError, SteerProgram};

const XDP_PASS: u32 = 2;
const XDP_REDIRECT: u32 = 4;

#[test]
fn a_prefix_becomes_a_key_without_host_bits() {
    let key = |address: &str, prefix_len| {
        Source {
            zone: 3,
            address: address.parse::<IpAddr>().unwrap(),
            prefix_len,
        }
        .key()
    };
    let expected = |address: &str, bits| {
        (
            SourceKey {
                zone: 3,
                address: Address::from(address.parse::<IpAddr>().unwrap()),
            },
            bits,
        )
    };
    assert_eq!(key("192.0.2.77", 24), expected("192.0.2.0", 8 + 96 + 24));
    assert_eq!(key("192.0.2.77", 32), expected("192.0.2.77", 136));
    assert_eq!(key("192.0.2.77", 0), expected("0.0.0.0", 104));
    assert_eq!(key("2001:db8::5", 32), expected("2001:db8::", 40));
    assert_eq!(key("2001:db8::5", 0), expected("::", 8));
    assert_eq!(key("2001:db8::5", 200), expected("2001:db8::5", 136));
}

#[test]
fn a_binary_without_the_program_says_what_to_install() {
    let text = SteerError::NotBuilt.to_string();
    assert!(text.contains("rustup toolchain install nightly --component rust-src"));
    assert!(text.contains("cargo install bpf-linker --version 0.9.15"));
}

#[test]
fn a_queue_is_redirected_while_it_has_a_socket() {
    // SAFETY: takes no arguments and touches no memory.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("skipped: loading the XDP program needs root");
        return;
    }
    let local = Local::new(0, INTERFACE_ANY, &[5060], Some((20_000, 29_999))).unwrap();
    let config = SteerConfig {
        interfaces: vec!["lo".into()],
        locals: vec![("192.0.2.10".parse().unwrap(), local)],
        sources: vec![Source {
            zone: 0,
            address: "192.0.2.0".parse().unwrap(),
            prefix_len: 24,
        }],
        ..SteerConfig::default()
    };
    let mut steer = match SteerProgram::load(&config) {
        Err(SteerError::NotBuilt) => return eprintln!("skipped: {}", SteerError::NotBuilt),
        loaded => loaded.unwrap(),
    };
    let frame = |port| {
        let mut buffer = vec![0; 128];
        let egress = Egress {
            source: Address::from_ipv4([192, 0, 2, 20]),
            destination: Address::from_ipv4([192, 0, 2, 10]),
            source_port: 5060,
            destination_port: port,
            ..Egress::default()
        };
        let written = header::write_udp(&mut buffer, 100, 8, &egress).unwrap();
        buffer[written.start..written.start + written.len].to_vec()
    };
    let action = |steer: &SteerProgram, port| steer.test_run(&frame(port), 1).unwrap().action;
    assert_eq!(
        (action(&steer, 5060), action(&steer, 20_000)),
        (XDP_PASS, XDP_PASS)
    );

    let too_many = steer.register_socket(0, QUEUES_MAX, xdp_socket().as_fd());
    assert!(matches!(too_many, Err(SteerError::TooMany { .. })));
    let socket = xdp_socket();
    steer.register_socket(0, 0, socket.as_fd()).unwrap();
    assert_eq!(
        (action(&steer, 5060), action(&steer, 20_000)),
        (XDP_REDIRECT, XDP_REDIRECT)
    );
    drop(socket);
    assert_eq!(action(&steer, 5060), XDP_PASS);

    let mut counts: Vec<_> = steer
        .counters()
        .unwrap()
        .iter()
        .map(|c| (c.zone, c.verdict, c.packets))
        .collect();
    counts.sort_by_key(|(_, verdict, _)| verdict.index());
    let expected = [
        (Verdict::Sip { zone: 0 }, 1),
        (Verdict::Rtp { zone: 0 }, 1),
        (Verdict::Kernel(PassReason::SipNoSocket), 2),
        (Verdict::Kernel(PassReason::RtpNoSocket), 1),
    ];
    assert_eq!(
        counts,
        expected.map(|(verdict, packets)| (Some(0), verdict, packets))
    );
}

fn xdp_socket() -> OwnedFd {
    // SAFETY: plain integers in, a descriptor or -1 out.
    let fd = unsafe { libc::socket(libc::AF_XDP, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0) };
    assert!(fd >= 0, "{}", std::io::Error::last_os_error());
    // SAFETY: the descriptor is open and nobody else's.
    unsafe { OwnedFd::from_raw_fd(fd) }
}
