//! AF_XDP: frames straight from and to the driver, in one UMEM per worker.
//!
//! All sockets of a worker, whatever their interface and queue, share one UMEM, so a frame that came in by one leaves
//! by another without a copy. [`XskSockets`] are opened by the thread that still may; [`XskLink`] is what its worker
//! makes of them.

mod queue;
mod sockets;

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;
use std::rc::Rc;

use xsk_rs::{FrameDesc, Umem};

use crate::Link;
use crate::counters::LinkCounters;
use crate::frame::{Batch, Frame};
use crate::umem::{Region, SlotLedger};
use queue::Queue;
pub use sockets::{XskConfig, XskError, XskQueue, XskReport, XskSockets, ZeroCopy};

/// The AF_XDP link of one worker.
pub struct XskLink {
    umem: Umem,
    region: Rc<Region>,
    /// The descriptor of each slot, as the kernel knows it.
    descs: Vec<FrameDesc>,
    queues: RefCell<Vec<Queue>>,
    first_rx: usize,
    counters: LinkCounters,
    report: XskReport,
}

impl XskLink {
    /// Makes the link of opened sockets and gives the kernel slots to receive into.
    #[must_use]
    pub fn new(sockets: XskSockets) -> Self {
        let (umem, descs, report, opened) = sockets.into_parts();
        let (slots, slot_len) = (report.slots, report.slot_len);
        let start = sockets::PACKET_START;
        // SAFETY: descriptor 0 is of this UMEM, and nobody else, the kernel included, has been given its slot yet.
        let (_, data) = unsafe { umem.frame(&descs[0]) };
        let base = data.contents().as_ptr().addr() - start;
        let base = std::ptr::with_exposed_provenance_mut::<u8>(base);
        let base = std::ptr::NonNull::new(base).expect("a mapping does not start at zero");
        // SAFETY: the UMEM is `slots * slot_len` zeroed bytes, mapped until its last handle goes; descriptor 0 points
        // at `start` bytes into it. Its address was given to the kernel and libxdp, so the mapping is exposed, and
        // Rust code reaches it by frames of this region only (`Umem::frame` is used for its length, never its bytes).
        let region = unsafe { Region::umem(umem.clone(), base, slots, slot_len as usize, start as u32) };
        let queues = opened
            .into_iter()
            .map(|open| Queue::new(open, report.ring_len))
            .collect();
        let counters = LinkCounters::default();
        let mut link = Self {
            umem,
            region,
            descs,
            queues: RefCell::new(queues),
            first_rx: 0,
            counters,
            report,
        };
        for queue in link.queues.get_mut() {
            queue.refill(&link.region, &link.descs);
        }
        link
    }

    /// What was negotiated with the kernel.
    #[must_use]
    pub fn report(&self) -> &XskReport {
        &self.report
    }

    /// Copies a frame of another link (the kernel's own sockets) into a slot of this one.
    fn adopt(&mut self, frame: &Frame) -> Option<Frame> {
        let Some(mut own) = self.alloc() else {
            self.counters.tx_dropped_backlog += 1;
            return None;
        };
        if own.fill_from(frame.bytes()).is_err() {
            self.counters.tx_dropped_invalid += 1;
            return None;
        }
        Some(own)
    }

    /// The descriptor to send a frame by; the slot now belongs to the queue.
    fn descriptor(&self, mut frame: Frame) -> Option<FrameDesc> {
        // The kernel is told the start that a descriptor has from the beginning. Only a change of address family moves
        // the start of a frame, so only that costs a move of its bytes.
        frame.shift_to(sockets::PACKET_START).ok()?;
        let len = frame.len();
        let mut desc = self.descs[frame.slot() as usize];
        // SAFETY: the descriptor is of this UMEM, and its slot is ours: `frame` holds it, and no reference into the
        // slot is alive. Only the length in the descriptor is set.
        unsafe { self.umem.data_mut(&mut desc) }.cursor().set_pos(len);
        frame.into_slot();
        Some(desc)
    }

    fn collect_completions(&mut self) {
        for queue in self.queues.get_mut() {
            queue.collect(&self.region);
        }
    }

    #[cfg(debug_assertions)]
    fn assert_balanced(&self) {
        let ledger = self.slots();
        debug_assert!(ledger.is_balanced(), "{ledger:?}");
    }
}

impl Link for XskLink {
    fn rx(&mut self, batch: &mut Batch) -> usize {
        if self.region.free() < FREE_LOW {
            self.collect_completions();
        }
        let queues = self.queues.get_mut();
        let before = batch.len();
        self.first_rx = (self.first_rx + 1) % queues.len();
        let (later, sooner) = queues.split_at_mut(self.first_rx);
        for queue in sooner.iter_mut().chain(later) {
            queue.receive(&self.region, batch);
            queue.refill(&self.region, &self.descs);
        }
        let received = &batch.frames()[before..];
        self.counters.rx_frames += received.len() as u64;
        self.counters.rx_bytes += received.iter().map(|frame| frame.len() as u64).sum::<u64>();
        received.len()
    }

    fn alloc(&mut self) -> Option<Frame> {
        if self.region.free() == 0 {
            self.collect_completions();
        }
        let frame = self.region.alloc();
        self.counters.alloc_failed += u64::from(frame.is_none());
        frame
    }

    fn tx(&mut self, interface: u8, frame: Frame) {
        if frame.len() < ETHERNET_LEN {
            self.counters.tx_dropped_invalid += 1;
            return;
        }
        let Some(index) = choose(self.queues.get_mut(), interface, &frame) else {
            self.counters.tx_dropped_no_socket += 1;
            return;
        };
        let frame = if frame.is_of(&self.region) {
            Some(frame)
        } else {
            self.adopt(&frame)
        };
        let Some(frame) = frame else { return };
        if self.queues.get_mut()[index].is_backlog_full() {
            self.counters.tx_dropped_backlog += 1;
            return;
        }
        match self.descriptor(frame) {
            Some(desc) => self.queues.get_mut()[index].push(desc),
            None => self.counters.tx_dropped_invalid += 1,
        }
    }

    fn flush(&mut self) {
        for queue in self.queues.get_mut() {
            queue.flush(&self.region, &mut self.counters);
        }
        #[cfg(debug_assertions)]
        self.assert_balanced();
    }

    fn open_port(&mut self, _address: SocketAddr) -> io::Result<()> {
        Ok(())
    }

    fn close_port(&mut self, _address: SocketAddr) {}

    fn fds(&self, fds: &mut Vec<RawFd>) {
        fds.extend(self.queues.borrow().iter().map(Queue::fd));
    }

    fn counters(&self) -> LinkCounters {
        let mut counters = self.counters;
        for queue in self.queues.borrow().iter() {
            queue.add_statistics(&mut counters);
        }
        counters
    }

    fn slots(&self) -> SlotLedger {
        let mut ledger = SlotLedger {
            app: self.region.app(),
            free: self.region.free(),
            total: self.region.total(),
            ..SlotLedger::default()
        };
        for queue in self.queues.borrow_mut().iter_mut() {
            queue.add_slots(&mut ledger);
        }
        ledger
    }
}

/// The queue to send by: of those of the interface, one chosen by where the frame came in, so that a flow stays on one
/// queue and in order.
fn choose(queues: &[Queue], interface: u8, frame: &Frame) -> Option<usize> {
    let count = queues
        .iter()
        .filter(|queue| queue.interface() == interface)
        .count();
    let pick = usize::from(frame.queue()).checked_rem(count)?;
    let mut of_interface = queues
        .iter()
        .enumerate()
        .filter(|(_, queue)| queue.interface() == interface);
    of_interface.nth(pick).map(|(index, _)| index)
}

/// Below this many free slots, completions are collected before anything is received.
const FREE_LOW: u32 = 128;

/// An Ethernet header: the least that can be sent.
const ETHERNET_LEN: usize = 14;
