//! The contract between the XDP program and userspace.
//!
//! **Owns**: the one steering decision ([`classify()`]), the header readers and writers that it and the relay use,
//! the integer-only layout of every BPF map, and the list of reasons for which a frame is passed on or dropped.
//! The same code runs in the kernel, in the workers and in tests, so both sides of the line always agree.
//!
//! **Does not own**: maps themselves, packet memory, sockets, clocks, calls, SIP or RTP syntax.
//!
//! **May depend on**: nothing. No `std`, no heap, no `unsafe`.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

pub mod checksum;
pub mod classify;
pub mod flow;
pub mod header;
pub mod kernel_tier;
pub mod map;
pub mod rewrite;
pub mod verdict;

#[cfg(test)]
mod fixture;

pub use classify::{Classified, Steering, Tables, classify};
pub use header::{Address, Bytes, BytesMut, Egress, Layout};
pub use map::Local;
pub use rewrite::Rewritten;
pub use verdict::{DropReason, PassReason, Verdict};

/// Version of everything in this crate that both sides of the kernel boundary must agree on.
///
/// The program carries it (see [`map::ABI`]) and the loader refuses a program with another one.
pub const ABI_VERSION: u32 = 3;
