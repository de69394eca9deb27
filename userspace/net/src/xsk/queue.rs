//! One AF_XDP socket: its four rings, and the frames waiting for room in the transmit ring.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, RawFd};
use std::rc::Rc;

use xsk_rs::{CompQueue, FillQueue, FrameDesc, RxQueue, TxQueue};

use super::sockets::OpenQueue;
use crate::counters::LinkCounters;
use crate::frame::{BATCH_MAX, Batch};
use crate::umem::{Region, SlotLedger};

pub(super) struct Queue {
    interface: u8,
    number: u8,
    rx: RxQueue,
    tx: TxQueue,
    fill: FillQueue,
    completion: CompQueue,
    ring_len: u32,
    backlog: VecDeque<FrameDesc>,
    /// Slots given to the fill ring that have not come back by the receive ring.
    filled: u32,
    /// Slots given to the transmit ring that have not come back by the completion ring.
    sent: u32,
    scratch: Box<[FrameDesc; BATCH_MAX]>,
}

impl Queue {
    pub(super) fn new(open: OpenQueue, ring_len: u32) -> Self {
        let OpenQueue {
            interface,
            queue,
            rx,
            tx,
            fill,
            completion,
        } = open;
        Self {
            interface,
            number: queue as u8,
            rx,
            tx,
            fill,
            completion,
            ring_len,
            backlog: VecDeque::with_capacity(TX_BACKLOG_MAX),
            filled: 0,
            sent: 0,
            scratch: Box::new([FrameDesc::default(); BATCH_MAX]),
        }
    }

    pub(super) fn interface(&self) -> u8 {
        self.interface
    }

    pub(super) fn fd(&self) -> RawFd {
        self.rx.fd().as_raw_fd()
    }

    /// Moves received frames into `batch`, as many as fit.
    pub(super) fn receive(&mut self, region: &Rc<Region>, batch: &mut Batch) {
        let room = batch.room();
        if room == 0 {
            return;
        }
        // SAFETY: only slots of this UMEM ever entered the fill ring, so only those come out of the receive ring.
        let count = unsafe { self.rx.consume(&mut self.scratch[..room]) };
        self.filled -= count as u32;
        for desc in &self.scratch[..count] {
            let (slot, start) = (desc.addr() / region.slot_len(), desc.addr() % region.slot_len());
            let len = desc.lengths().data();
            let frame = region.frame(slot as u32, start as u32, len as u32, self.interface, self.number);
            if batch.push(frame).is_err() {
                debug_assert!(false, "no more was consumed than there was room for");
            }
        }
    }

    /// Gives the kernel free slots to receive into, keeping a few for sending.
    pub(super) fn refill(&mut self, region: &Rc<Region>, descs: &[FrameDesc]) {
        let mut wanted = self.ring_len.saturating_sub(self.filled);
        if wanted < REFILL_MIN.min(self.ring_len / 2) {
            return;
        }
        wanted = wanted.min(region.free().saturating_sub(super::FREE_LOW / 2));
        while wanted > 0 {
            let count = (wanted as usize).min(BATCH_MAX);
            for desc in &mut self.scratch[..count] {
                let Some(slot) = region.take_free() else {
                    unreachable!("free slots were counted above")
                };
                *desc = descs[slot as usize];
            }
            // SAFETY: these slots came off the free list just now, so nobody else refers to them, and they are of the
            // UMEM that this ring belongs to.
            let taken = unsafe { self.fill.produce(&self.scratch[..count]) };
            if taken == 0 {
                self.scratch[..count]
                    .iter()
                    .for_each(|desc| put_back(region, desc));
                break;
            }
            self.filled += count as u32;
            wanted -= count as u32;
        }
        if self.fill.needs_wakeup() {
            // An error here is one of the device; it shows in the next receive or send as well.
            let _ = self.fill.wakeup(self.rx.fd_mut(), 0);
        }
    }

    pub(super) fn is_backlog_full(&self) -> bool {
        self.backlog.len() >= TX_BACKLOG_MAX
    }

    pub(super) fn push(&mut self, desc: FrameDesc) {
        self.backlog.push_back(desc);
    }

    /// Takes back the slots of frames that were sent.
    pub(super) fn collect(&mut self, region: &Rc<Region>) {
        while self.sent > 0 {
            // SAFETY: only slots of this UMEM ever entered the transmit ring, so only those come back.
            let count = unsafe { self.completion.consume(&mut self.scratch[..]) };
            self.scratch[..count]
                .iter()
                .for_each(|desc| put_back(region, desc));
            self.sent -= count as u32;
            if count < BATCH_MAX {
                break;
            }
        }
    }

    /// Puts the backlog into the transmit ring and lets the kernel send it.
    pub(super) fn flush(&mut self, region: &Rc<Region>, counters: &mut LinkCounters) {
        if self.backlog.is_empty() && self.sent == 0 {
            return;
        }
        self.collect(region);
        for _ in 0..FLUSH_ROUNDS_MAX {
            self.produce(counters);
            self.kick(counters);
            self.collect(region);
            if self.backlog.is_empty() {
                return;
            }
        }
        counters.tx_deferred += 1;
    }

    fn produce(&mut self, counters: &mut LinkCounters) {
        loop {
            // More may be with the kernel than the completion ring holds; then the kernel would stop sending anyway.
            let room = self
                .tx
                .nb_free(BATCH_MAX as u32)
                .min(self.ring_len.saturating_sub(self.sent));
            let count = self.backlog.len().min(room as usize).min(BATCH_MAX);
            if count == 0 {
                return;
            }
            for (to, from) in self.scratch.iter_mut().zip(self.backlog.iter().take(count)) {
                *to = *from;
            }
            // SAFETY: the slots in the backlog came from frames that gave them up, so nobody refers to them, and they
            // are of the UMEM that this ring belongs to.
            let taken = unsafe { self.tx.produce(&self.scratch[..count]) };
            if taken == 0 {
                return;
            }
            self.sent += count as u32;
            counters.tx_frames += count as u64;
            counters.tx_bytes += self
                .backlog
                .drain(..count)
                .map(|desc| desc.lengths().data() as u64)
                .sum::<u64>();
        }
    }

    /// Wakes the kernel until it has taken all of the transmit ring, or takes no more.
    ///
    /// In copy mode one call sends a few tens of frames at most.
    fn kick(&mut self, counters: &mut LinkCounters) {
        let mut left = self.ring_len - self.tx.nb_free_exact();
        while left > 0 && self.tx.needs_wakeup() {
            if self.tx.wakeup().is_err() {
                counters.socket_errors += 1;
                return;
            }
            let still = self.ring_len - self.tx.nb_free_exact();
            if still >= left {
                return;
            }
            left = still;
        }
    }

    /// Adds what the kernel counted at this socket.
    pub(super) fn add_statistics(&self, counters: &mut LinkCounters) {
        let Ok(kernel) = self.rx.fd().xdp_statistics() else {
            return;
        };
        counters.rx_dropped += kernel.rx_dropped();
        counters.rx_invalid_descs += kernel.rx_invalid_descs();
        counters.tx_invalid_descs += kernel.tx_invalid_descs();
        counters.rx_ring_full += kernel.rx_ring_full();
        counters.rx_fill_ring_empty_descs += kernel.rx_fill_ring_empty_descs();
        counters.tx_ring_empty_descs += kernel.tx_ring_empty_descs();
    }

    /// Adds the slots that are with this queue.
    pub(super) fn add_slots(&mut self, ledger: &mut SlotLedger) {
        let received = self.rx.nb_avail_exact();
        let completed = self.completion.nb_avail_exact();
        ledger.rx += received;
        ledger.fill += self.filled - received;
        ledger.completion += completed;
        ledger.tx += self.sent - completed + self.backlog.len() as u32;
    }
}

fn put_back(region: &Region, desc: &FrameDesc) {
    region.put_free((desc.addr() / region.slot_len()) as u32);
}

/// Frames that may wait for room in the transmit ring of one queue: a burst of sixteen full batches.
const TX_BACKLOG_MAX: usize = 1024;

/// The fill ring is topped up when this many slots are missing, so that its shared index moves once for many frames.
const REFILL_MIN: u32 = 32;

/// How often one flush tries again after the kernel made room.
const FLUSH_ROUNDS_MAX: usize = 4;
