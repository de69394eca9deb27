//! trunkline: a SIP trunking edge.
//!
//! **Owns** what people and other programs see: the command line, the configuration file, the admin interface, metrics,
//! logs, call detail records on disk, signals and the service manager.
//!
//! **Does not own** packets, SIP, media or calls, and never touches one: the engine's workers do, and this program looks
//! at what they report.
//!
//! **May depend on** every other crate; nothing depends on it.
#![forbid(unsafe_code)]

mod api;
mod cdr_sink;
mod cli;
mod config;
mod edge;
mod explain;
mod ladder;
mod log;
mod metrics;
mod pcap;
mod shutdown;
mod state_dir;
mod wall_clock;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
