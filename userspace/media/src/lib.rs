//! What happens to each media packet.
//!
//! **Owns**: RTP and RTCP views, the flow table, which source a flow believes, which media ports are free, what is measured
//! of a stream, and the relay that puts them together.
//!
//! **Does not own**: calls, SDP, sockets, clocks, next-hop resolution; the header rewrite itself (it is in
//! `trunkline-xdp-abi`, as the kernel does the same).
//!
//! **May depend on**: `trunkline-time`, `trunkline-xdp-abi`. No `std`, no `unsafe`; the heap is used by `new` functions only.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

#[cfg(test)]
extern crate std;

pub mod flow;
pub mod latch;
pub mod limits;
pub mod port_pool;
pub mod quality;
pub mod relay;
pub mod rtcp;
pub mod rtp;

pub use flow::{FlowId, FlowKind, FlowSpec, FlowStats, FlowTable, NextHop, Unresolved};
pub use latch::{Endpoint, LatchPolicy, Prefix};
pub use port_pool::{PortCounts, PortPair, PortPool, PortRange, owner_of};
pub use quality::Quality;
pub use relay::{Relay, RelayCounters, RelayVerdict};
