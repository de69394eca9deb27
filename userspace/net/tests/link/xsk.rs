//! The AF_XDP link on veth pairs, apart from the program that steers.

use std::net::UdpSocket;
use std::os::fd::RawFd;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use trunkline_net::xsk::{XskConfig, XskQueue, XskSockets, ZeroCopy};
use trunkline_net::{Batch, Frame, Link, LinkCounters, SlotLedger, Waiter, XskLink, nic};

use crate::netns::{Namespace, join, may_run};
use crate::redirect::Redirect;

/// Ends a worker when the test is over, however it ends.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What to open for queue 0 of each interface.
pub(crate) fn config(names: &[&str]) -> XskConfig {
    let queue = |(interface, name): (u8, &&str)| XskQueue {
        interface,
        name: (*name).to_owned(),
        queue: 0,
    };
    XskConfig {
        queues: (0_u8..).zip(names).map(queue).collect(),
        ring_len: 512,
        ..XskConfig::default()
    }
}

/// Opens a link on queue 0 of each interface, with a program that gives it everything.
fn open(names: &[&str], in_driver: bool) -> (XskLink, Vec<Redirect>) {
    let sockets = XskSockets::open(&config(names)).unwrap();
    let mut programs = Vec::new();
    for ((_, queue, fd), name) in sockets.fds().into_iter().zip(names) {
        let program = Redirect::attach(nic::index(name).unwrap(), in_driver).unwrap();
        program.register(queue, fd).unwrap();
        programs.push(program);
    }
    (XskLink::new(sockets), programs)
}

/// Passes every received frame through `turn` and sends what it leaves, until `stop`.
pub(crate) fn run(link: &mut XskLink, stop: &AtomicBool, mut turn: impl FnMut(&mut Frame) -> Option<u8>) {
    let (mut waiter, _waker) = Waiter::new().unwrap();
    let mut fds: Vec<RawFd> = Vec::new();
    link.fds(&mut fds);
    let mut batch = Batch::new();
    while !stop.load(Ordering::Relaxed) {
        if link.rx(&mut batch) == 0 {
            waiter.wait(&fds, Some(Duration::from_millis(10))).unwrap();
        }
        for mut frame in batch.drain() {
            match turn(&mut frame) {
                Some(interface) => link.tx(interface, frame),
                None => link.release(frame),
            }
        }
        link.flush();
        let slots = link.slots();
        assert!(slots.is_balanced(), "{slots:?}");
    }
}

/// The ledger once the kernel has given back all it was to send.
pub(crate) fn settled(link: &mut XskLink) -> (SlotLedger, LinkCounters) {
    let begin = Instant::now();
    loop {
        link.flush();
        let slots = link.slots();
        assert!(slots.is_balanced(), "{slots:?}");
        if slots.tx + slots.completion == 0 || begin.elapsed() > Duration::from_secs(3) {
            return (slots, link.counters());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Sends a UDP datagram back to where it came from; checksums do not change by that. Other frames are released.
pub(crate) fn turn_round(frame: &mut Frame) -> Option<u8> {
    let interface = frame.interface();
    let bytes = frame.bytes_mut();
    let (protocol, addresses, size, ports) = match bytes.get(12..14)? {
        [0x08, 0x00] => (bytes[23], 26, 4, 34),
        [0x86, 0xdd] => (bytes[20], 22, 16, 54),
        _ => return None,
    };
    if protocol != 17 {
        return None;
    }
    for (at, size) in [(0, 6), (addresses, size), (ports, 2)] {
        let (first, second) = bytes[at..at + 2 * size].split_at_mut(size);
        first.swap_with_slice(second);
    }
    Some(interface)
}

/// Sends datagrams of many lengths, one at a time, and expects each back.
pub(crate) fn ping_pong(ours: &str, theirs: &str) {
    let socket = UdpSocket::bind(ours).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket.connect(theirs).unwrap();
    for round in 0..200_usize {
        let payload: Vec<u8> = (0..round * 7).map(|number| (number + round) as u8).collect();
        socket.send(&payload).unwrap();
        let mut buffer = [0; 2048];
        let len = socket
            .recv(&mut buffer)
            .unwrap_or_else(|e| panic!("{theirs} round {round}: {e}"));
        assert_eq!(&buffer[..len], payload);
    }
}

/// What must hold after `count` datagrams went in and out.
pub(crate) fn assert_conserved(slots: &SlotLedger, counters: &LinkCounters, count: u64) {
    assert_eq!(
        (slots.app, slots.tx, slots.completion, slots.rx),
        (0, 0, 0, 0),
        "{slots:?}"
    );
    assert_eq!(slots.fill + slots.free, slots.total, "{slots:?}");
    assert_eq!(counters.tx_frames, count, "{counters:?}");
    let lost =
        counters.rx_dropped + counters.rx_ring_full + counters.rx_invalid_descs + counters.tx_invalid_descs;
    assert_eq!((counters.tx_dropped(), lost), (0, 0), "{counters:?}");
}

/// Everything goes to the socket, ARP too, so neighbours are told beforehand.
fn introduce(edge: &Namespace, edge_dev: &str, peer: &Namespace, peer_dev: &str, net: u8) {
    let mac = |namespace: &Namespace, device: &str| {
        let mac = namespace.enter(|| nic::Nic::probe(device).unwrap().mac);
        mac.map(|byte| format!("{byte:02x}")).join(":")
    };
    let edge_mac = mac(edge, edge_dev);
    for address in [format!("10.9.{net}.1"), format!("fd09:{net}::1")] {
        peer.ip(&format!(
            "neigh add {address} lladdr {edge_mac} nud permanent dev {peer_dev}"
        ));
    }
}

fn echo(in_driver: bool, net: u8) {
    let (edge, peer) = (Namespace::new("edge"), Namespace::new("peer"));
    join(&edge, "e0", &peer, "p0", net);
    introduce(&edge, "e0", &peer, "p0", net);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (edge, stop) = (&edge, &stop);
        let guard = Stop(stop);
        let worker = scope.spawn(move || {
            edge.enter(|| {
                let (mut link, _programs) = open(&["e0"], in_driver);
                println!("{:?}", link.report());
                ready.send(()).unwrap();
                run(&mut link, stop, turn_round);
                settled(&mut link)
            })
        });
        is_ready.recv().unwrap();
        peer.enter(|| {
            ping_pong(&format!("10.9.{net}.2:5070"), &format!("10.9.{net}.1:5060"));
            ping_pong(&format!("[fd09:{net}::2]:5070"), &format!("[fd09:{net}::1]:5060"));
        });
        drop(guard);
        let (slots, counters) = worker.join().unwrap();
        assert_conserved(&slots, &counters, 400);
    });
}

#[test]
fn frames_come_and_go_in_driver_mode() {
    if may_run("frames_come_and_go_in_driver_mode") {
        echo(true, 11);
    }
}

#[test]
fn frames_come_and_go_in_generic_mode() {
    if may_run("frames_come_and_go_in_generic_mode") {
        echo(false, 12);
    }
}

#[test]
fn zero_copy_is_refused_where_the_driver_has_none() {
    if !may_run("zero_copy_is_refused_where_the_driver_has_none") {
        return;
    }
    let (edge, peer) = (Namespace::new("edge"), Namespace::new("peer"));
    join(&edge, "e0", &peer, "p0", 13);
    edge.enter(|| {
        let required = XskConfig {
            zero_copy: ZeroCopy::Required,
            ..config(&["e0"])
        };
        let error = XskSockets::open(&required).err().expect("veth has no zero-copy");
        assert!(error.raw_os_error().is_some(), "{error}");
        let sockets = XskSockets::open(&config(&["e0"])).unwrap();
        assert!(!sockets.report().zero_copy);
        let taken = XskSockets::open(&config(&["e0"]))
            .err()
            .expect("the queue is taken");
        assert_eq!(taken.raw_os_error(), Some(libc::EBUSY), "{taken}");
        drop(sockets);
        let twice = XskConfig {
            queues: [config(&["e0"]).queues, config(&["e0"]).queues].concat(),
            ..config(&[])
        };
        assert!(XskSockets::open(&twice).is_err());
        assert!(XskSockets::open(&config(&[])).is_err());
    });
}

/// What the two ends of a relay measured.
struct Relayed {
    sent: u64,
    received: u64,
    seconds: f64,
    slots: SlotLedger,
    counters: LinkCounters,
}

/// Sends datagrams that make frames of 214 bytes.
fn offer(net: u8, lasting: Duration, limit: u64, sent: &AtomicU64, received: &AtomicU64) {
    let socket = UdpSocket::bind(format!("10.9.{net}.2:20000")).unwrap();
    socket.connect(format!("10.9.{net}.1:20000")).unwrap();
    let begin = Instant::now();
    while begin.elapsed() < lasting && sent.load(Ordering::Relaxed) < limit {
        socket.send(&[0x80; 172]).unwrap();
        let ahead = sent.fetch_add(1, Ordering::Relaxed) + 1 - received.load(Ordering::Relaxed);
        // A limited run is one where nothing may be lost, so no more is on its way than buffers hold.
        if limit < u64::MAX && ahead > 64 {
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Frames of 214 bytes in at one interface and out at the other, from one UMEM, for as long as `lasting`.
fn relay(net: u8, lasting: Duration, limit: u64) -> Relayed {
    let (edge, near, far) = (
        Namespace::new("edge"),
        Namespace::new("near"),
        Namespace::new("far"),
    );
    join(&edge, "e0", &near, "p0", net);
    join(&edge, "e1", &far, "p1", net + 1);
    introduce(&edge, "e0", &near, "p0", net);
    let source_mac = edge.enter(|| nic::Nic::probe("e1").unwrap().mac);
    let target_mac = far.enter(|| nic::Nic::probe("p1").unwrap().mac);
    // The far end believes that the datagram was for it.
    far.ip(&format!("addr add 10.9.{net}.1/32 dev lo"));
    far.ip(&format!("route add 10.9.{net}.2/32 via 10.9.{}.1", net + 1));
    let (stop, sent, received) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let (ready, is_ready) = std::sync::mpsc::channel();
        let (edge, far, stop, received) = (&edge, &far, &stop, &received);
        let guard = Stop(stop);
        let sink = ready.clone();
        let worker = scope.spawn(move || {
            edge.enter(|| {
                let (mut link, _programs) = open(&["e0", "e1"], true);
                ready.send(()).unwrap();
                run(&mut link, stop, |frame| {
                    let bytes = frame.bytes_mut();
                    if bytes.len() != 214 {
                        return None;
                    }
                    bytes[..6].copy_from_slice(&target_mac);
                    bytes[6..12].copy_from_slice(&source_mac);
                    Some(1)
                });
                settled(&mut link)
            })
        });
        scope.spawn(move || {
            far.enter(|| {
                let socket = UdpSocket::bind(format!("10.9.{net}.1:20000")).unwrap();
                socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
                sink.send(()).unwrap();
                let mut buffer = [0; 2048];
                while !stop.load(Ordering::Relaxed) {
                    received.fetch_add(u64::from(socket.recv(&mut buffer).is_ok()), Ordering::Relaxed);
                }
            });
        });
        is_ready.recv().unwrap();
        is_ready.recv().unwrap();
        let begin = Instant::now();
        near.enter(|| offer(net, lasting, limit, &sent, received));
        let seconds = begin.elapsed().as_secs_f64();
        std::thread::sleep(Duration::from_millis(300));
        drop(guard);
        let (slots, counters) = worker.join().unwrap();
        let (sent, received) = (sent.load(Ordering::Relaxed), received.load(Ordering::Relaxed));
        Relayed {
            sent,
            received,
            seconds,
            slots,
            counters,
        }
    })
}

#[test]
fn frames_cross_interfaces_in_one_umem() {
    if !may_run("frames_cross_interfaces_in_one_umem") {
        return;
    }
    let relayed = relay(14, Duration::from_secs(20), 20_000);
    assert_eq!(
        (relayed.sent, relayed.received),
        (20_000, 20_000),
        "{:?}",
        relayed.counters
    );
    assert_conserved(&relayed.slots, &relayed.counters, 20_000);
}

#[test]
#[ignore = "a measurement, for a machine with nothing else to do"]
fn relay_rate() {
    if !may_run("relay_rate") {
        return;
    }
    let relayed = relay(16, Duration::from_secs(5), u64::MAX);
    println!("offered {:.0} packets/s", relayed.sent as f64 / relayed.seconds);
    println!(
        "relayed {:.0} packets/s",
        relayed.counters.tx_frames as f64 / relayed.seconds
    );
    println!(
        "received {} {:?} {:?}",
        relayed.received, relayed.slots, relayed.counters
    );
    assert!(relayed.slots.is_balanced());
}
