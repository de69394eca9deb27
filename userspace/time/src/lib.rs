//! When things happen: points in time, timers, and rates.
//!
//! **Owns** [`Timestamp`], the fixed-capacity timer [`Wheel`], the single-owner [`TokenBucket`] and the
//! [`SharedRate`] that several workers draw from.
//!
//! **Does not own** a clock: every function that needs the time is given it. Nothing here knows what a timer is for.
//!
//! **May depend on** nothing but `core` and `alloc`; it allocates in constructors only.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod shared_rate;
mod timestamp;
mod token_bucket;
mod wheel;

pub use shared_rate::SharedRate;
pub use timestamp::Timestamp;
pub use token_bucket::TokenBucket;
pub use wheel::{TimerKey, Wheel};
