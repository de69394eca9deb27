//! Bounded lock-free rings that carry frames from the worker that received them to the worker that owns them.
//!
//! State never moves between workers, packets do (see `owner`). One ring per ordered pair of workers, so each ring
//! has a single producer and a single consumer. Parcels are pooled: the receiver sends the empty parcel back over a
//! second ring, so handing a packet over allocates nothing after start, except that a parcel grows once when a SIP
//! datagram larger than [`PARCEL_BYTES`] passes through it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};

use crossbeam::queue::ArrayQueue;
use trunkline_net::poll::Waker;

/// Parcels in flight between two workers; more are dropped and counted as `handoff_full`.
///
/// 256 parcels are eight full batches of 32, about 0.6 MB per pair of workers.
pub const PARCELS_MAX: usize = 256;

/// Bytes a parcel holds without growing: one Ethernet frame of a 1,500-byte MTU with room for tags.
pub const PARCEL_BYTES: usize = 2048;

/// A copied frame on its way to its owner.
#[derive(Debug)]
pub struct Parcel {
    /// Interface the frame came in on.
    pub interface: u8,
    /// The whole Ethernet frame.
    pub bytes: Vec<u8>,
}

/// The ring from one worker to one other: full parcels one way, empty ones back.
#[derive(Debug)]
struct Ring {
    full: ArrayQueue<Box<Parcel>>,
    empty: ArrayQueue<Box<Parcel>>,
}

impl Ring {
    fn new() -> Self {
        let ring = Self {
            full: ArrayQueue::new(PARCELS_MAX),
            empty: ArrayQueue::new(PARCELS_MAX),
        };
        for _ in 0..PARCELS_MAX {
            let parcel = Box::new(Parcel {
                interface: 0,
                bytes: Vec::with_capacity(PARCEL_BYTES),
            });
            // The ring was made with room for exactly this many parcels.
            let _ = ring.empty.push(parcel);
        }
        ring
    }
}

/// Tells a sleeping worker that something waits for it; free of system calls while the worker is awake.
#[derive(Debug)]
pub struct Doorbell {
    sleeping: AtomicBool,
    waker: Waker,
}

impl Doorbell {
    /// A doorbell that wakes through `waker`.
    #[must_use]
    pub fn new(waker: Waker) -> Self {
        Self {
            sleeping: AtomicBool::new(false),
            waker,
        }
    }

    /// Wakes the worker if it sleeps or is about to.
    pub fn ring(&self) {
        // The fence orders the push that came before against the flag: either we see the flag, or the worker, which
        // looks at its rings after raising the flag, sees what we pushed.
        fence(Ordering::SeqCst);
        if self.sleeping.load(Ordering::Relaxed) {
            self.waker.wake();
        }
    }

    /// The worker is about to sleep; it must look at its rings once more after this.
    pub fn lie_down(&self) {
        self.sleeping.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The worker is awake again.
    pub fn rise(&self) {
        self.sleeping.store(false, Ordering::Relaxed);
    }
}

/// One worker's ends of all rings.
#[derive(Clone, Debug)]
pub struct Handoff {
    me: usize,
    workers: usize,
    rings: Arc<[Ring]>,
    doorbells: Arc<[Doorbell]>,
}

impl Handoff {
    /// Makes the ends for every worker that has a doorbell.
    #[must_use]
    pub fn mesh(doorbells: &Arc<[Doorbell]>) -> Vec<Handoff> {
        let workers = doorbells.len();
        let rings: Arc<[Ring]> = (0..workers * workers)
            .map(|i| {
                if i / workers == i % workers {
                    Ring {
                        full: ArrayQueue::new(1),
                        empty: ArrayQueue::new(1),
                    }
                } else {
                    Ring::new()
                }
            })
            .collect();
        (0..workers)
            .map(|me| Handoff {
                me,
                workers,
                rings: Arc::clone(&rings),
                doorbells: Arc::clone(doorbells),
            })
            .collect()
    }

    /// Copies `frame` into a parcel for worker `owner`; `false` if the ring is full (the caller counts the drop).
    pub fn push(&self, owner: u8, interface: u8, frame: &[u8]) -> bool {
        let owner = usize::from(owner);
        if owner >= self.workers || owner == self.me {
            return false;
        }
        let Some(ring) = self.rings.get(self.me * self.workers + owner) else {
            return false;
        };
        let Some(mut parcel) = ring.empty.pop() else {
            return false;
        };
        parcel.interface = interface;
        parcel.bytes.clear();
        parcel.bytes.extend_from_slice(frame);
        match ring.full.push(parcel) {
            Ok(()) => {
                if let Some(bell) = self.doorbells.get(owner) {
                    bell.ring();
                }
                true
            }
            Err(parcel) => {
                let _ = ring.empty.push(parcel);
                false
            }
        }
    }

    /// Takes at most `budget` parcels sent to this worker, sender by sender; returns how many.
    pub fn take(&self, budget: usize, mut each: impl FnMut(&Parcel)) -> usize {
        let mut taken = 0;
        for from in (0..self.workers).filter(|&from| from != self.me) {
            let Some(ring) = self.rings.get(from * self.workers + self.me) else {
                continue;
            };
            while taken < budget {
                let Some(parcel) = ring.full.pop() else { break };
                each(&parcel);
                let _ = ring.empty.push(parcel);
                taken += 1;
            }
        }
        taken
    }

    /// Whether a parcel waits for this worker.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        (0..self.workers)
            .filter(|&from| from != self.me)
            .filter_map(|from| self.rings.get(from * self.workers + self.me))
            .any(|ring| !ring.full.is_empty())
    }

    /// This worker's own doorbell.
    #[must_use]
    pub fn doorbell(&self) -> &Doorbell {
        &self.doorbells[self.me]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use trunkline_net::poll::Waiter;

    fn mesh(workers: usize) -> Vec<Handoff> {
        let bells: Arc<[Doorbell]> = (0..workers)
            .map(|_| Doorbell::new(Waiter::new().unwrap().1))
            .collect();
        Handoff::mesh(&bells)
    }

    #[test]
    fn a_parcel_reaches_its_owner_only() {
        let ends = mesh(3);
        assert!(ends[0].push(2, 1, b"frame"));
        assert_eq!(ends[1].take(10, |_| panic!("not for worker 1")), 0);
        let mut seen = Vec::new();
        assert_eq!(ends[2].take(10, |p| seen.push((p.interface, p.bytes.clone()))), 1);
        assert_eq!(seen, [(1, b"frame".to_vec())]);
    }

    #[test]
    fn a_full_ring_refuses_and_recovers() {
        let ends = mesh(2);
        for _ in 0..PARCELS_MAX {
            assert!(ends[0].push(1, 0, b"x"));
        }
        assert!(!ends[0].push(1, 0, b"one too many"));
        assert_eq!(ends[1].take(1, |_| ()), 1);
        assert!(ends[0].push(1, 0, b"x"));
    }

    #[test]
    fn nobody_hands_over_to_itself_or_to_a_stranger() {
        let ends = mesh(2);
        assert!(!ends[0].push(0, 0, b"x"));
        assert!(!ends[0].push(9, 0, b"x"));
    }
}
