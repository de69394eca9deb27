//! The XDP program in the kernel against the same decision in userspace, frame by frame.
//!
//! Needs root, to load the program; without it the tests say so and do nothing. Nothing is attached outside of a
//! network namespace that ends with its test.
#![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

mod attach;
mod capture;
mod corpus;
mod generated;
mod kernel;
mod relay;
mod scenario;
mod speed;
