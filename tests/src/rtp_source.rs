//! RTP endpoints: one thread in a namespace that sends numbered packets on many ports and checks all that arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::netns::Netns;
use crate::rtp_packet::{Identity, identify, packet};

/// The time between two packets of a stream.
pub const PACKET_INTERVAL: Duration = Duration::from_millis(20);

/// SIPp counts its calls' media ports up by four; so do the endpoints.
pub const PORTS_PER_CALL: u16 = 4;

/// A running set of endpoints.
#[derive(Debug)]
pub struct RtpEndpoints {
    orders: Sender<Order>,
    thread: Option<JoinHandle<Vec<StreamReport>>>,
    first_port: u16,
}

/// What one endpoint sent and heard.
#[derive(Clone, Debug)]
pub struct StreamReport {
    /// Where it sat.
    pub local: SocketAddr,
    /// The SSRC of what it sent.
    pub ssrc: u32,
    /// How many packets it sent.
    pub sent: u32,
    /// What it heard, by SSRC.
    pub heard: BTreeMap<u32, Heard>,
    /// Packets that differ in some byte from what any endpoint sends.
    pub corrupt: u32,
    /// The addresses it heard from.
    pub sources: BTreeSet<SocketAddr>,
}

/// What was heard of one SSRC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Heard {
    /// Packets, repeated ones included.
    pub packets: u32,
    /// Packets whose number was not above all earlier ones.
    pub out_of_order: u32,
    /// One more than the highest number heard.
    pub expected: u32,
}

#[derive(Debug)]
enum Order {
    SendTo { index: usize, remote: SocketAddr },
    Quiet,
    Finish,
}

struct Stream {
    socket: UdpSocket,
    remote: Option<SocketAddr>,
    next_send: Instant,
    report: StreamReport,
}

impl RtpEndpoints {
    /// Opens `count` endpoints on `address` in `netns`, from `first_port` on; they are silent until told where to send.
    ///
    /// # Panics
    /// If a port is taken.
    #[must_use]
    pub fn open(netns: &Netns, address: IpAddr, first_port: u16, count: u16) -> Self {
        let streams: Vec<Stream> = netns.within(|| {
            (0..count)
                .map(|index| Stream::open(SocketAddr::new(address, first_port + PORTS_PER_CALL * index)))
                .collect()
        });
        let (orders, received) = channel();
        let thread = Some(std::thread::spawn(move || run(streams, &received)));
        Self {
            orders,
            thread,
            first_port,
        }
    }

    /// Lets the endpoint of `local_port` send to `remote` every 20 ms.
    pub fn send_to(&self, local_port: u16, remote: SocketAddr) {
        let index = usize::from((local_port - self.first_port) / PORTS_PER_CALL);
        self.order(Order::SendTo { index, remote });
    }

    /// Stops sending; listening goes on.
    pub fn quiet(&self) {
        self.order(Order::Quiet);
    }

    /// Ends and tells what was sent and heard, in port order.
    ///
    /// # Panics
    /// If the endpoints' thread panicked.
    #[must_use]
    pub fn finish(mut self) -> Vec<StreamReport> {
        self.order(Order::Finish);
        self.thread
            .take()
            .expect("finish is the only taker")
            .join()
            .expect("the endpoints' thread does not panic")
    }

    fn order(&self, order: Order) {
        // The thread is gone only after it panicked, which `finish` shows.
        let _ = self.orders.send(order);
    }
}

impl Drop for RtpEndpoints {
    fn drop(&mut self) {
        self.order(Order::Finish);
        if let Some(thread) = self.thread.take() {
            // A test that is failing already needs no second panic.
            let _ = thread.join();
        }
    }
}

impl StreamReport {
    /// The one SSRC that was heard, with what was heard of it.
    ///
    /// # Panics
    /// If none or several were heard, or something corrupt.
    #[must_use]
    pub fn only_heard(&self) -> (u32, Heard) {
        assert_eq!(self.corrupt, 0, "changed bytes: {self:?}");
        assert_eq!(self.heard.len(), 1, "exactly one stream heard: {self:?}");
        self.heard
            .iter()
            .map(|(ssrc, heard)| (*ssrc, *heard))
            .next()
            .expect("its length is one")
    }
}

impl Heard {
    fn note(&mut self, number: u32) {
        self.packets += 1;
        if number < self.expected {
            self.out_of_order += 1;
        }
        self.expected = self.expected.max(number + 1);
    }
}

/// Checks that each endpoint of `one` exchanged media with one endpoint of `other`: every packet sent arrived once, in
/// order, with all its bytes, and from a single address.
///
/// # Panics
/// With both reports if not.
pub fn assert_exchanged(one: &[StreamReport], other: &[StreamReport]) {
    assert_eq!(one.len(), other.len());
    let by_ssrc: BTreeMap<u32, &StreamReport> = other.iter().map(|report| (report.ssrc, report)).collect();
    for here in one {
        let (ssrc, heard) = here.only_heard();
        let there = by_ssrc
            .get(&ssrc)
            .unwrap_or_else(|| panic!("nobody sends {ssrc:#x}: {here:?}"));
        let (ssrc_back, heard_back) = there.only_heard();
        assert_eq!(
            ssrc_back, here.ssrc,
            "two endpoints hear each other: {here:?} {there:?}"
        );
        for (sent, heard) in [(there.sent, heard), (here.sent, heard_back)] {
            let all = Heard {
                packets: sent,
                out_of_order: 0,
                expected: sent,
            };
            assert!(sent > 0, "nothing was sent: {here:?} {there:?}");
            assert_eq!(heard, all, "all that was sent arrives: {here:?} {there:?}");
        }
        assert_eq!(
            (here.sources.len(), there.sources.len()),
            (1, 1),
            "one source each: {here:?} {there:?}"
        );
    }
}

impl Stream {
    fn open(local: SocketAddr) -> Self {
        let socket = UdpSocket::bind(local).unwrap_or_else(|error| panic!("media port {local}: {error}"));
        socket
            .set_nonblocking(true)
            .expect("a UDP socket can be non-blocking");
        let report = StreamReport {
            local,
            ssrc: ssrc_of(local),
            sent: 0,
            heard: BTreeMap::new(),
            corrupt: 0,
            sources: BTreeSet::new(),
        };
        Self {
            socket,
            remote: None,
            next_send: Instant::now(),
            report,
        }
    }

    fn send_due(&mut self, now: Instant) {
        let Some(remote) = self.remote else { return };
        while self.next_send <= now {
            self.next_send += PACKET_INTERVAL;
            let identity = Identity {
                ssrc: self.report.ssrc,
                number: self.report.sent,
            };
            if self.socket.send_to(&packet(identity), remote).is_ok() {
                self.report.sent += 1;
            }
        }
    }

    fn receive_all(&mut self) {
        let mut buffer = [0; 2048];
        loop {
            match self.socket.recv_from(&mut buffer) {
                Ok((len, source)) => self.hear(&buffer[..len], source),
                // An ICMP error of an earlier send is reported here once.
                Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
                Err(_) => return,
            }
        }
    }

    fn hear(&mut self, bytes: &[u8], source: SocketAddr) {
        self.report.sources.insert(source);
        match identify(bytes) {
            Some(identity) => self
                .report
                .heard
                .entry(identity.ssrc)
                .or_default()
                .note(identity.number),
            None => self.report.corrupt += 1,
        }
    }
}

fn run(mut streams: Vec<Stream>, orders: &Receiver<Order>) -> Vec<StreamReport> {
    loop {
        while let Ok(order) = orders.try_recv() {
            match order {
                Order::SendTo { index, remote } => {
                    let stagger = Duration::from_millis(index as u64 % 20);
                    streams[index].next_send = Instant::now() + stagger;
                    streams[index].remote = Some(remote);
                }
                Order::Quiet => streams.iter_mut().for_each(|stream| stream.remote = None),
                Order::Finish => {
                    streams.iter_mut().for_each(Stream::receive_all);
                    return streams.into_iter().map(|stream| stream.report).collect();
                }
            }
        }
        let now = Instant::now();
        streams.iter_mut().for_each(|stream| stream.send_due(now));
        receive_ready(&mut streams);
    }
}

/// Waits at most a millisecond for packets and takes those that are there.
fn receive_ready(streams: &mut [Stream]) {
    let ready: Vec<bool> = {
        let mut fds: Vec<PollFd<'_>> = streams
            .iter()
            .map(|stream| PollFd::new(stream.socket.as_fd(), PollFlags::POLLIN))
            .collect();
        if poll(&mut fds, PollTimeout::from(1_u8)).is_err() {
            return;
        }
        fds.iter().map(|fd| fd.any().unwrap_or(false)).collect()
    };
    for (stream, _) in streams.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
        stream.receive_all();
    }
}

/// Different for every endpoint of a topology.
fn ssrc_of(local: SocketAddr) -> u32 {
    let (network, host) = match local.ip() {
        IpAddr::V4(address) => (address.octets()[1], address.octets()[3]),
        IpAddr::V6(address) => (address.octets()[3], address.octets()[15]),
    };
    u32::from_be_bytes([network, host, 0, 0]) | u32::from(local.port())
}
