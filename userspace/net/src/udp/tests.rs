use std::net::UdpSocket;
use std::time::{Duration, Instant};

use super::*;

const LOCAL: &str = "127.0.0.1";

fn link(listeners: &[&str]) -> (UdpLink, Vec<SocketAddr>) {
    let config = UdpConfig {
        addresses: vec![(3, LOCAL.parse().unwrap()), (4, "::1".parse().unwrap())],
        listeners: listeners.iter().map(|text| text.parse().unwrap()).collect(),
        small_slots: 256,
        large_slots: 64,
        ..UdpConfig::default()
    };
    let sockets = UdpSockets::bind(config).unwrap();
    let addresses = sockets.listeners();
    (UdpLink::new(sockets).unwrap(), addresses)
}

fn peer(address: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((address, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

fn receive(link: &mut UdpLink, wanted: usize) -> Batch {
    let mut batch = Batch::new();
    let begin = Instant::now();
    while batch.len() < wanted && begin.elapsed() < Duration::from_secs(5) {
        link.rx(&mut batch);
    }
    assert!(batch.len() >= wanted);
    batch
}

/// Turns a received frame round.
fn answer(mut frame: Frame, class: u8) -> Frame {
    let came = headers::read(frame.bytes()).unwrap();
    assert!(headers::write(frame.bytes_mut(), came.destination, came.source));
    if came.source.is_ipv4() {
        frame.bytes_mut()[15] = class;
    }
    frame
}

#[test]
fn a_datagram_comes_as_a_whole_frame_and_goes_back() {
    for (listener, from, interface) in [("127.0.0.1:0", "127.0.0.1", 3), ("[::1]:0", "::1", 4)] {
        let (mut link, ours) = link(&[listener]);
        let (peer, theirs) = peer(from);
        peer.send_to(b"OPTIONS", ours[0]).unwrap();
        let mut batch = receive(&mut link, 1);
        let frame = batch.pop().unwrap();
        let came = headers::read(frame.bytes()).unwrap();
        assert_eq!((came.source, came.destination), (theirs, ours[0]));
        assert_eq!(&frame.bytes()[came.payload], b"OPTIONS");
        assert_eq!(frame.interface(), interface);
        assert!(frame.headroom() >= crate::frame::HEADROOM_MIN);
        link.tx(interface, answer(frame, 0xb8));
        assert_eq!(link.slots().tx, 1);
        link.flush();
        let mut buffer = [0; 64];
        let (len, source) = peer.recv_from(&mut buffer).unwrap();
        assert_eq!((&buffer[..len], source), (&b"OPTIONS"[..], ours[0]));
        let slots = link.slots();
        assert_eq!((slots.free, slots.app, slots.tx), (slots.total, 0, 0));
        let counters = link.counters();
        assert_eq!(
            (counters.rx_frames, counters.tx_frames, counters.tx_dropped()),
            (1, 1, 0)
        );
        assert_eq!(counters.rx_bytes, counters.tx_bytes);
    }
}

#[test]
fn the_longest_datagram_passes() {
    let (mut link, ours) = link(&["127.0.0.1:0"]);
    let (peer, _) = peer(LOCAL);
    let payload: Vec<u8> = (0..65_507_u32).map(|number| number as u8).collect();
    peer.send_to(&payload, ours[0]).unwrap();
    let frame = receive(&mut link, 1).pop().unwrap();
    let came = headers::read(frame.bytes()).unwrap();
    assert_eq!(&frame.bytes()[came.payload], payload);
    link.tx(3, answer(frame, 0));
    link.flush();
    let mut buffer = vec![0; 70_000];
    let (len, _) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!(&buffer[..len], payload);
}

#[test]
fn ports_open_and_close() {
    let (mut link, _) = link(&[]);
    let (peer, _) = peer(LOCAL);
    let port: SocketAddr = {
        let free = UdpSocket::bind((LOCAL, 0)).unwrap();
        free.local_addr().unwrap()
    };
    link.open_port(port).unwrap();
    link.open_port(port).unwrap();
    assert_eq!(link.open_sockets(), 1);
    for number in 0..100_u8 {
        peer.send_to(&[number; 160], port).unwrap();
    }
    let mut seen = Vec::new();
    while seen.len() < 100 {
        let before = seen.len();
        for frame in receive(&mut link, 4).drain() {
            let came = headers::read(frame.bytes()).unwrap();
            seen.push(frame.bytes()[came.payload][0]);
            link.tx(3, answer(frame, 0));
        }
        link.flush();
        assert!(seen.len() > before);
    }
    assert_eq!(seen, (0..100).collect::<Vec<u8>>());
    for number in 0..100_u8 {
        let mut buffer = [0; 256];
        assert_eq!(peer.recv(&mut buffer).unwrap(), 160);
        assert_eq!(buffer[0], number);
    }
    link.close_port(port);
    link.close_port(port);
    assert_eq!(link.open_sockets(), 0);
    UdpSocket::bind(port).expect("the port is free again");
}

#[test]
fn what_cannot_be_sent_is_counted_and_its_slot_comes_back() {
    let (mut link, ours) = link(&["127.0.0.1:0"]);
    let (_peer, theirs) = peer(LOCAL);
    let mut bytes = vec![0; headers::len(false) + 5];
    let stranger: SocketAddr = "127.0.0.1:1".parse().unwrap();
    assert!(headers::write(&mut bytes, stranger, theirs));
    let mut frame = link.alloc().unwrap();
    frame.fill_from(&bytes).unwrap();
    link.tx(3, frame);
    let empty = link.alloc().unwrap();
    link.tx(3, empty);
    let nowhere: SocketAddr = "127.0.0.1:0".parse().unwrap();
    assert!(headers::write(&mut bytes, ours[0], nowhere));
    let mut frame = link.alloc().unwrap();
    frame.fill_from(&bytes).unwrap();
    link.tx(3, frame);
    link.flush();
    let counters = link.counters();
    assert_eq!(counters.tx_dropped_no_socket, 1);
    assert_eq!(counters.tx_dropped_invalid, 1);
    assert_eq!(counters.tx_dropped_error, 1);
    assert_eq!(link.slots().free, link.slots().total);
}

#[test]
fn a_closed_far_end_does_not_disturb() {
    let (mut link, ours) = link(&["127.0.0.1:0"]);
    let gone = { UdpSocket::bind((LOCAL, 0)).unwrap().local_addr().unwrap() };
    let (peer, theirs) = peer(LOCAL);
    for to in [gone, theirs, gone, theirs] {
        let mut bytes = vec![0; headers::len(false) + 5];
        assert!(headers::write(&mut bytes, ours[0], to));
        let mut frame = link.alloc().unwrap();
        frame.fill_from(&bytes).unwrap();
        link.tx(3, frame);
        link.flush();
    }
    let mut buffer = [0; 8];
    assert_eq!(peer.recv(&mut buffer).unwrap(), 5);
    assert_eq!(peer.recv(&mut buffer).unwrap(), 5);
    assert_eq!(link.counters().tx_frames, 4);
    peer.send_to(b"x", ours[0]).unwrap();
    receive(&mut link, 1);
}

#[test]
fn workers_share_a_listener() {
    let (first, ours) = link(&["127.0.0.1:0"]);
    let config = UdpConfig {
        addresses: vec![(0, LOCAL.parse().unwrap())],
        listeners: vec![ours[0]],
        ..UdpConfig::default()
    };
    let second = UdpLink::new(UdpSockets::bind(config).unwrap()).unwrap();
    assert_eq!(second.open_sockets() + first.open_sockets(), 2);
}

#[test]
fn addresses_of_no_zone_are_refused() {
    let (mut link, _) = link(&[]);
    let error = link.open_port("127.0.0.2:40000".parse().unwrap()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrNotAvailable);
    let listeners = vec!["0.0.0.0:5060".parse().unwrap()];
    let addresses = vec![(0, "0.0.0.0".parse().unwrap())];
    let config = UdpConfig {
        addresses,
        listeners,
        ..UdpConfig::default()
    };
    assert!(UdpSockets::bind(config).is_err());
}

#[test]
fn too_long_for_a_port_is_counted() {
    let (mut link, _) = link(&[]);
    let port = { UdpSocket::bind((LOCAL, 0)).unwrap().local_addr().unwrap() };
    link.open_port(port).unwrap();
    let (peer, _) = peer(LOCAL);
    peer.send_to(&[0; 4000], port).unwrap();
    peer.send_to(b"fits", port).unwrap();
    receive(&mut link, 1);
    assert_eq!(link.counters().rx_dropped_invalid, 1);
    assert_eq!(link.slots().app, 0);
}

#[test]
fn an_address_that_another_process_serves_is_found_out() {
    let (link, ours) = link(&["127.0.0.1:0"]);
    let error = UdpSockets::probe(&ours).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    assert!(error.to_string().contains(&ours[0].to_string()), "{error}");
    drop(link);
    UdpSockets::probe(&ours).unwrap();
}
