//! What an engine is started with.

use std::sync::Arc;

use trunkline_call::plan::RoutePlan;

/// How packets come in and go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// AF_XDP rings fed by the XDP program, or fail.
    Xdp(XdpMode),
    /// Ordinary UDP sockets.
    Socket,
}

/// Where the XDP program is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum XdpMode {
    /// In the driver if it can, else generic.
    Auto,
    /// In the driver, or fail.
    Driver,
    /// Behind the driver, on socket buffers.
    Generic,
}

/// How much an engine holds; every number is per worker.
#[derive(Clone, Copy, Debug)]
pub struct Capacity {
    /// Calls at once.
    pub calls: usize,
    /// Entries of each AF_XDP ring, a power of two. The UMEM has two slots per entry of each of its sockets.
    pub ring: u32,
    /// Finished call detail records that wait for the writer, beside room for those of the calls that are up.
    pub cdrs: usize,
}

impl Default for Capacity {
    fn default() -> Self {
        Self {
            calls: 20_000,
            ring: 2048,
            cdrs: 16_384,
        }
    }
}

/// What an engine is started with.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The first plan.
    pub plan: Arc<RoutePlan>,
    /// Names of the distinct network interfaces; `Zone::interface` is an index into this list. Empty names are
    /// allowed in socket mode, where the kernel picks the way out.
    pub interfaces: Vec<String>,
    /// How packets come in and go out.
    pub io: Io,
    /// One pinned worker per entry, in this order.
    pub cores: Vec<usize>,
    /// Never sleep: poll the rings without pause. Costs a core per worker, saves the wake-up.
    pub busy_poll: bool,
    /// How much each worker holds.
    pub capacity: Capacity,
}
