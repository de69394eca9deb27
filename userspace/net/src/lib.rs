//! Sockets, frames and the kernel's tables: the only crate that touches the network.
//!
//! **Owns** the `Link` trait and its three implementations (AF_XDP, ordinary UDP sockets, in memory), the frames they
//! carry, next hops learned from the kernel, facts about interfaces, capabilities, waiting, and the monotonic clock.
//!
//! **Does not own** what a frame means: no SIP, no RTP, no calls, no threads of workers, no order or budget of work.
//!
//! **May depend on** `trunkline-time`, `trunkline-xdp-abi`, and the libraries that reach the kernel. All `unsafe` code
//! of userspace is in this crate, each block with its reason.

pub mod caps;
pub mod clock;
pub mod counters;
pub mod frame;
pub mod neighbor;
pub mod nic;
pub mod poll;
pub mod sim;
pub mod steer;
pub mod udp;
pub mod umem;
pub mod xsk;

use std::io;
use std::net::SocketAddr;
use std::os::fd::RawFd;

pub use counters::LinkCounters;
pub use frame::{BATCH_MAX, Batch, Frame, WindowError};
pub use neighbor::{NextHop, NextHops};
pub use poll::{Waiter, Waker};
pub use sim::{SimEndpoint, SimLink};
pub use udp::UdpLink;
pub use umem::SlotLedger;
pub use xsk::XskLink;

/// A way for whole Ethernet frames in and out, owned by one worker.
///
/// `interface` is everywhere the index in the distinct list of interfaces that the link was made with. A link never
/// waits: every call returns after a bounded amount of work.
pub trait Link {
    /// Appends received frames to `batch` until it is full or nothing more is there; answers how many.
    fn rx(&mut self, batch: &mut Batch) -> usize;

    /// Takes an empty frame to write into, or `None` while every slot is in use.
    fn alloc(&mut self) -> Option<Frame>;

    /// Gives a frame back. Dropping it does the same; this says that it is meant.
    fn release(&mut self, frame: Frame) {
        drop(frame);
    }

    /// Queues `frame` to leave by `interface`. Nothing need have left before [`Link::flush`].
    ///
    /// A frame that cannot be sent is counted in [`LinkCounters`], and its slot comes back.
    fn tx(&mut self, interface: u8, frame: Frame);

    /// Hands all queued frames to the kernel, as far as it takes them; what it does not take stays queued.
    fn flush(&mut self);

    /// Opens what is needed for frames to `address` to arrive here: a socket where the kernel demultiplexes, nothing
    /// where a program in front of the link does.
    ///
    /// # Errors
    /// What the kernel says: the address is not ours, the port is taken, too many descriptors are open.
    fn open_port(&mut self, address: SocketAddr) -> io::Result<()>;

    /// Closes what [`Link::open_port`] opened; an address that is not open is no error.
    fn close_port(&mut self, address: SocketAddr);

    /// Appends the descriptors that become readable when [`Link::rx`] has something to do.
    fn fds(&self, fds: &mut Vec<RawFd>);

    /// What happened so far.
    fn counters(&self) -> LinkCounters;

    /// Where each slot is at this moment.
    fn slots(&self) -> SlotLedger;
}
