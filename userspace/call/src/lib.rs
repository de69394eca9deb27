//! The calls of the edge: a back-to-back user agent as a machine without input or output of its own.
//!
//! **Owns:** calls and their legs, the plan (trunks, routes, numbers), trunk health, admission, what crosses
//! from one side to the other, the joining of SDP to media flows, and the record of each attempt.
//!
//! **Does not own:** SIP grammar, transactions and dialog rules (`trunkline-sip`), packets and ports
//! (`trunkline-media`), sockets, threads, clocks, files and configuration text.
//!
//! **May depend on:** `trunkline-time`, `trunkline-sip`, `trunkline-media`.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod action;
pub mod admission;
mod b2bua;
mod call;
pub mod calls;
pub mod cdr;
pub mod ctx;
pub mod header_policy;
mod leg;
mod media_plan;
pub mod number;
pub mod plan;
mod probe;
pub mod report;
pub mod route;
mod session;
pub mod trunk;
