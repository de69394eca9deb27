//! Next hops: which hardware address a datagram to some destination goes to.
//!
//! The kernel owns routes and neighbours. A [`Resolver`] thread follows both by netlink and publishes immutable
//! snapshots; workers read them by [`NextHops::lookup`] without a lock. What is missing is asked for by
//! [`NextHops::request`]: the resolver makes the kernel send ARP or neighbour solicitations, the answer shows up in
//! the next snapshot, and the epoch tells that there is one. Datagrams that wait meanwhile are held by the caller.

mod follow;
mod provoke;
mod resolver;
mod routes;
mod snapshot;

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::mpsc;

pub use resolver::Resolver;
use snapshot::Snapshot;

/// Where to send a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextHop {
    /// The addresses of the Ethernet header.
    Known {
        /// Ours, of the interface the datagram leaves by.
        source_mac: [u8; 6],
        /// The neighbour's.
        destination_mac: [u8; 6],
    },
    /// Not known yet. [`NextHops::request`] asks for it.
    Pending,
    /// No route out of this interface leads there.
    Unreachable,
}

/// A view of next hops, cheap to clone, one for each worker.
#[derive(Clone)]
pub struct NextHops {
    inner: Inner,
}

#[derive(Clone)]
enum Inner {
    /// The kernel does it all: ordinary sockets.
    Kernel,
    Followed(Arc<Shared>),
}

/// What the resolver thread and the workers share.
struct Shared {
    snapshot: ArcSwap<Snapshot>,
    epoch: AtomicU64,
    requests: mpsc::Sender<Request>,
    requests_refused: AtomicU64,
}

/// A destination whose neighbour is to be resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Request {
    interface: u8,
    destination: IpAddr,
}

impl NextHops {
    /// Next hops where the kernel routes: always known, with zero addresses that are never sent.
    #[must_use]
    pub fn kernel() -> Self {
        Self { inner: Inner::Kernel }
    }

    /// The next hop towards `destination` out of `interface`, by the longest prefix.
    ///
    /// A few tens of nanoseconds, no lock, no allocation. An entry that is looked up is kept fresh.
    #[must_use]
    pub fn lookup(&self, interface: u8, destination: IpAddr) -> NextHop {
        match &self.inner {
            Inner::Kernel => NextHop::Known {
                source_mac: [0; 6],
                destination_mac: [0; 6],
            },
            Inner::Followed(shared) => shared.snapshot.load().lookup(interface, destination),
        }
    }

    /// Asks for the neighbour towards `destination` to be resolved; false if the queue of requests is full, which is
    /// counted. Asking again before the answer costs little and changes nothing.
    pub fn request(&self, interface: u8, destination: IpAddr) -> bool {
        let Inner::Followed(shared) = &self.inner else {
            return true;
        };
        let sent = shared
            .requests
            .try_send(Request {
                interface,
                destination,
            })
            .is_ok();
        if !sent {
            shared.requests_refused.fetch_add(1, Ordering::Relaxed);
        }
        sent
    }

    /// The number of the current snapshot. A different number than before: what was pending may be known.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        match &self.inner {
            Inner::Kernel => 0,
            Inner::Followed(shared) => shared.epoch.load(Ordering::Acquire),
        }
    }

    /// Requests that were refused because the queue was full.
    #[must_use]
    pub fn requests_refused(&self) -> u64 {
        match &self.inner {
            Inner::Kernel => 0,
            Inner::Followed(shared) => shared.requests_refused.load(Ordering::Relaxed),
        }
    }

    fn followed(shared: &Arc<Shared>) -> Self {
        Self {
            inner: Inner::Followed(Arc::clone(shared)),
        }
    }
}

impl fmt::Debug for NextHops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NextHops")
            .field("epoch", &self.epoch())
            .finish_non_exhaustive()
    }
}

impl Shared {
    fn publish(&self, snapshot: Snapshot) {
        self.snapshot.store(Arc::new(snapshot));
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }
}
