//! Ordinary UDP sockets behind the same [`Link`]: no privileges, any machine.
//!
//! A received datagram is presented as a whole Ethernet frame, with the headers that the kernel took off written anew,
//! and a frame to send is stripped down to its datagram and leaves by the socket bound to its source address and port.
//! So whoever uses a link has one path. Addresses in the Ethernet header are zero; checksums are right, though nobody
//! reads them: the kernel has checked those that came, and computes those that leave.

mod headers;
mod listeners;
mod name;
mod sockets;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

use crate::Link;
use crate::counters::LinkCounters;
use crate::frame::{Batch, Frame};
use crate::umem::{Region, SlotLedger};
use headers::Outgoing;
use listeners::interface_of;
pub use listeners::{UdpConfig, UdpSockets};
use name::Name;
use sockets::{MESSAGES_MAX, Messages, Options, Readiness, Received};

/// The link of one worker over ordinary sockets.
pub struct UdpLink {
    config: UdpConfig,
    readiness: Readiness,
    ready: Vec<u32>,
    sockets: Vec<Option<Socket>>,
    vacant: Vec<u32>,
    by_local: HashMap<SocketAddr, u32>,
    small: Rc<Region>,
    large: Rc<Region>,
    frames: Vec<Frame>,
    messages: Messages,
    queued: Vec<Queued>,
    kept: Vec<Queued>,
    counters: LinkCounters,
}

struct Socket {
    fd: OwnedFd,
    local: SocketAddr,
    interface: u8,
    is_listener: bool,
    traffic_class: u8,
}

/// A frame to send, with what its headers say.
struct Queued {
    socket: u32,
    frame: Frame,
    outgoing: Outgoing,
}

impl UdpLink {
    /// Makes the link of bound listeners.
    ///
    /// # Errors
    /// What the kernel says if it has no descriptor to give.
    pub fn new(sockets: UdpSockets) -> io::Result<Self> {
        let UdpSockets { config, listeners } = sockets;
        let small = Region::heap(config.small_slots, SMALL_SLOT_LEN, FRAME_START);
        let large = Region::heap(config.large_slots, LARGE_SLOT_LEN, FRAME_START);
        let mut link = Self {
            config,
            readiness: Readiness::new()?,
            ready: Vec::new(),
            sockets: Vec::new(),
            vacant: Vec::new(),
            by_local: HashMap::new(),
            small,
            large,
            frames: Vec::with_capacity(MESSAGES_MAX),
            messages: Messages::new(),
            queued: Vec::with_capacity(TX_QUEUE_MAX),
            kept: Vec::with_capacity(TX_QUEUE_MAX),
            counters: LinkCounters::default(),
        };
        for (fd, local) in listeners {
            link.add(fd, local, true)?;
        }
        Ok(link)
    }

    /// Sockets open, listeners included.
    #[must_use]
    pub fn open_sockets(&self) -> usize {
        self.by_local.len()
    }

    fn add(&mut self, fd: OwnedFd, local: SocketAddr, is_listener: bool) -> io::Result<()> {
        let interface = interface_of(&self.config, local.ip())?;
        let number = self.vacant.pop().unwrap_or(self.sockets.len() as u32);
        if let Err(error) = self.readiness.add(&fd, number) {
            self.release_number(number);
            return Err(error);
        }
        let socket = Socket {
            fd,
            local,
            interface,
            is_listener,
            traffic_class: 0,
        };
        if number as usize == self.sockets.len() {
            self.sockets.push(Some(socket));
        } else {
            self.sockets[number as usize] = Some(socket);
        }
        self.by_local.insert(local, number);
        Ok(())
    }

    fn release_number(&mut self, number: u32) {
        if (number as usize) < self.sockets.len() {
            self.vacant.push(number);
        }
    }

    /// Receives from one socket, a few datagrams at most so that others get their turn.
    fn receive(&mut self, number: u32, batch: &mut Batch) {
        let Some(Some(socket)) = self.sockets.get(number as usize) else {
            return;
        };
        let (region, burst) = if socket.is_listener {
            (&self.large, LISTENER_BURST)
        } else {
            (&self.small, PORT_BURST)
        };
        let headers_len = headers::len(socket.local.is_ipv6());
        self.frames.clear();
        while self.frames.len() < burst.min(batch.room()) {
            let Some(slot) = region.take_free() else { break };
            self.frames
                .push(region.frame(slot, FRAME_START, 0, socket.interface, 0));
        }
        if self.frames.is_empty() {
            return;
        }
        let mut arrived = [Received::default(); MESSAGES_MAX];
        let offset = FRAME_START as usize + headers_len;
        let buffers = self
            .frames
            .iter_mut()
            .map(|frame| &mut frame.whole_mut()[offset..]);
        let result = self
            .messages
            .receive(&socket.fd, buffers, |index, datagram| arrived[index] = datagram);
        let count = match result {
            Ok(count) => count,
            Err(error) => {
                // Besides "nothing there", this is where ICMP errors show. They concern no datagram of ours.
                self.counters.socket_errors += u64::from(error.kind() != io::ErrorKind::WouldBlock);
                0
            }
        };
        for (mut frame, datagram) in self.frames.drain(..).take(count).zip(arrived) {
            let len = headers_len + datagram.len;
            let is_whole = !datagram.is_cut && frame.place(FRAME_START as usize, len).is_ok();
            let source = datagram.source.filter(|source| is_whole && source.port() != 0);
            if !source.is_some_and(|source| headers::write(frame.bytes_mut(), source, socket.local)) {
                self.counters.rx_dropped_invalid += 1;
                continue;
            }
            self.counters.rx_frames += 1;
            self.counters.rx_bytes += len as u64;
            if batch.push(frame).is_err() {
                debug_assert!(false, "no more was received than there was room for");
            }
        }
    }

    /// Sends the run of frames at the front of `queued` that leave by one socket with one traffic class. Answers how
    /// many are done with, and whether the socket takes no more.
    fn send_run(&mut self, from: usize) -> (usize, bool) {
        let first = &self.queued[from];
        let (number, class) = (first.socket, first.outgoing.traffic_class);
        let Some(Some(socket)) = self.sockets.get_mut(number as usize) else {
            self.counters.tx_dropped_no_socket += 1;
            return (1, false);
        };
        if socket.traffic_class != class {
            // If it cannot be set the datagram still goes out: late is worse than unmarked.
            let _ = sockets::set_traffic_class(&socket.fd, socket.local.is_ipv6(), class);
            socket.traffic_class = class;
        }
        let run = self.queued[from..]
            .iter()
            .take_while(|next| next.socket == number && next.outgoing.traffic_class == class)
            .take(MESSAGES_MAX);
        let run = run.map(|next| {
            (
                &next.frame.bytes()[next.outgoing.payload.clone()],
                Name::from(next.outgoing.destination),
            )
        });
        match self.messages.send(&socket.fd, run) {
            Ok(count) => {
                let sent = &self.queued[from..from + count];
                self.counters.tx_frames += count as u64;
                self.counters.tx_bytes += sent.iter().map(|next| next.frame.len() as u64).sum::<u64>();
                (count, false)
            }
            Err(error) => match error.raw_os_error() {
                Some(libc::EAGAIN | libc::ENOBUFS | libc::EINTR) => (0, true),
                // The error of an earlier datagram, told by ICMP: this one has not been tried yet.
                Some(libc::ECONNREFUSED) => {
                    self.counters.socket_errors += 1;
                    (0, false)
                }
                _ => {
                    self.counters.tx_dropped_error += 1;
                    (1, false)
                }
            },
        }
    }
}

impl Link for UdpLink {
    fn rx(&mut self, batch: &mut Batch) -> usize {
        let before = batch.len();
        if batch.is_full() {
            return 0;
        }
        let mut ready = std::mem::take(&mut self.ready);
        self.readiness.ready(batch.room(), &mut ready);
        for number in &ready {
            self.receive(*number, batch);
        }
        self.ready = ready;
        batch.len() - before
    }

    fn alloc(&mut self) -> Option<Frame> {
        let frame = self.large.alloc().or_else(|| self.small.alloc());
        self.counters.alloc_failed += u64::from(frame.is_none());
        frame
    }

    fn tx(&mut self, _interface: u8, frame: Frame) {
        let Some(outgoing) = headers::read(frame.bytes()) else {
            self.counters.tx_dropped_invalid += 1;
            return;
        };
        let Some(socket) = self.by_local.get(&outgoing.source).copied() else {
            self.counters.tx_dropped_no_socket += 1;
            return;
        };
        if self.queued.len() >= TX_QUEUE_MAX {
            self.flush();
        }
        if self.queued.len() >= TX_QUEUE_MAX {
            self.counters.tx_dropped_backlog += 1;
            return;
        }
        self.queued.push(Queued {
            socket,
            frame,
            outgoing,
        });
    }

    fn flush(&mut self) {
        let mut from = 0;
        let mut retries = 0;
        // What is done with stays in place until the end, so that nothing moves while it is looked at.
        let mut keep = std::mem::take(&mut self.kept);
        let mut waiting = Vec::new();
        while from < self.queued.len() {
            let (count, is_full) = self.send_run(from);
            if is_full || (count == 0 && retries == RETRIES_MAX) {
                let socket = self.queued[from].socket;
                let run = self.queued[from..]
                    .iter()
                    .take_while(|next| next.socket == socket)
                    .count();
                waiting.extend(from..from + run);
                from += run;
                retries = 0;
                continue;
            }
            retries = if count == 0 { retries + 1 } else { 0 };
            from += count;
        }
        if !waiting.is_empty() {
            self.counters.tx_deferred += 1;
        }
        let mut waiting = waiting.into_iter().peekable();
        for (index, queued) in self.queued.drain(..).enumerate() {
            if waiting.next_if_eq(&index).is_some() {
                keep.push(queued);
            }
        }
        self.kept = std::mem::replace(&mut self.queued, keep);
    }

    fn open_port(&mut self, address: SocketAddr) -> io::Result<()> {
        if self.by_local.contains_key(&address) {
            return Ok(());
        }
        interface_of(&self.config, address.ip())?;
        let options = Options {
            is_shared: false,
            receive_buffer: self.config.port_buffer,
        };
        let fd = sockets::bind(address, options)?;
        self.add(fd, address, false)
    }

    fn close_port(&mut self, address: SocketAddr) {
        let Some(number) = self.by_local.get(&address).copied() else {
            return;
        };
        let is_port = |socket: &mut Socket| !socket.is_listener;
        let place = self.sockets.get_mut(number as usize);
        let Some(socket) = place.and_then(|place| place.take_if(is_port)) else {
            return;
        };
        self.counters.rx_dropped += u64::from(sockets::drops(&socket.fd));
        self.by_local.remove(&address);
        self.vacant.push(number);
    }

    fn fds(&self, fds: &mut Vec<RawFd>) {
        fds.push(self.readiness.fd().as_raw_fd());
    }

    /// What happened so far. What the kernel dropped at a port is added when the port is closed: asking hundreds of
    /// sockets at once would hold up the packets behind it.
    fn counters(&self) -> LinkCounters {
        let mut counters = self.counters;
        let listeners = self.sockets.iter().flatten().filter(|socket| socket.is_listener);
        counters.rx_dropped += listeners
            .map(|socket| u64::from(sockets::drops(&socket.fd)))
            .sum::<u64>();
        counters
    }

    fn slots(&self) -> SlotLedger {
        let tx = self.queued.len() as u32;
        let ledger = SlotLedger {
            app: self.small.app() + self.large.app() - tx,
            tx,
            free: self.small.free() + self.large.free(),
            total: self.small.total() + self.large.total(),
            ..SlotLedger::default()
        };
        debug_assert!(ledger.is_balanced(), "{ledger:?}");
        ledger
    }
}

/// Offset of a frame in its slot.
const FRAME_START: u32 = 128;

/// Room for any RTP packet or RTCP compound packet of an ordinary MTU.
const SMALL_SLOT_LEN: usize = 2048;

/// Room for the longest datagram there is, with its headers and the headroom.
const LARGE_SLOT_LEN: usize = 65_536 + 256;

/// Most datagrams from one listener in one receive.
const LISTENER_BURST: usize = 16;

/// Most datagrams from one port in one receive: media comes one at a time, at worst in small clumps.
const PORT_BURST: usize = 8;

/// Most frames that wait to be sent.
const TX_QUEUE_MAX: usize = 1024;

/// How often a datagram is tried again after an error that was not its own.
const RETRIES_MAX: u32 = 2;

#[cfg(test)]
mod tests;
