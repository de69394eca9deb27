//! The engine: pinned run-to-completion workers.
//!
//! Owns: worker threads and the cores they run on; the order and the budgets of a turn (RTP before SIP before
//! housekeeping); which worker owns what, and the rings between workers; plan snapshots; the counters that others
//! may read.
//!
//! Does not own: what a message means (`trunkline-sip`, `trunkline-call`), how a packet is relayed
//! (`trunkline-media`), file descriptors and rings (`trunkline-net`), configuration files, HTTP or logs (the daemon).
//!
//! May depend on: every crate below it; never on the daemon. No unsafe.
#![forbid(unsafe_code)]

pub mod affinity;
mod books;
pub mod command;
pub mod config;
pub mod counters;
mod datapath;
pub mod egress;
pub mod entropy;
pub mod handoff;
mod housekeeping;
mod ingress;
mod launch;
pub mod owner;
pub mod report;
pub mod snapshot;
pub mod supervisor;
pub mod trace;
pub mod worker;

pub use books::Books;
pub use config::{EngineConfig, Io, XdpMode};
pub use datapath::{InterfaceReport, StartError, Steered};
pub use report::{Conservation, WorkerReport};
pub use supervisor::{Engine, StopReport};
