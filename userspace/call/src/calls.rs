//! All calls of one worker: the door through which the engine brings messages, time and questions.

use alloc::vec::Vec;
use core::time::Duration;

use trunkline_sip::path::Path;
use trunkline_sip::{Message, ParseError};
use trunkline_time::Timestamp;

use crate::ctx::Ctx;
use crate::report::{CallCounters, CallDetail, CallSummary};

/// How to make a [`Calls`].
#[derive(Debug, Clone, Copy)]
pub struct CallsConfig {
    /// Index of this worker.
    pub owner: u8,
    /// Number of workers.
    pub workers: u8,
    /// Most calls at a time; transactions and timers are sized from it.
    pub capacity: usize,
    /// T1, T2 and T4 of RFC 3261.
    pub t1: Duration,
    /// See `t1`.
    pub t2: Duration,
    /// See `t1`.
    pub t4: Duration,
}

impl Default for CallsConfig {
    fn default() -> Self {
        Self {
            owner: 0,
            workers: 1,
            capacity: 8192,
            t1: Duration::from_millis(500),
            t2: Duration::from_secs(4),
            t4: Duration::from_secs(5),
        }
    }
}

/// All calls of one worker.
#[derive(Debug)]
pub struct Calls {
    config: CallsConfig,
    counters: CallCounters,
    draining: bool,
    active: usize,
}

impl Calls {
    /// No calls; room for `config.capacity`.
    #[must_use]
    pub fn new(config: CallsConfig, _now: Timestamp) -> Self {
        Self { config, counters: CallCounters::default(), draining: false, active: 0 }
    }

    /// A request arrived. `path.remote` is the source address of the datagram.
    pub fn on_request(&mut self, _ctx: &mut Ctx<'_>, _path: &Path, _message: &Message<'_>) {}

    /// A response arrived.
    pub fn on_response(&mut self, _ctx: &mut Ctx<'_>, _path: &Path, _message: &Message<'_>) {}

    /// A datagram arrived that is not a SIP message.
    pub fn on_malformed(&mut self, _ctx: &mut Ctx<'_>, _path: &Path, _bytes: &[u8], _error: &ParseError) {
        self.counters.malformed += 1;
    }

    /// Serves all timers that are due at `ctx.now`.
    pub fn on_deadline(&mut self, _ctx: &mut Ctx<'_>) {}

    /// When [`on_deadline`](Self::on_deadline) is wanted next.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        None
    }

    /// A flow fell silent; `user` is what the call gave to the flow.
    pub fn on_media_timeout(&mut self, _ctx: &mut Ctx<'_>, _user: u64) {}

    /// Ends a call by its id. Returns false if there is none.
    pub fn hangup(&mut self, _ctx: &mut Ctx<'_>, _id: &str) -> bool {
        false
    }

    /// One line about each call.
    #[must_use]
    pub fn list(&self) -> Vec<CallSummary> {
        Vec::new()
    }

    /// One call in full.
    #[must_use]
    pub fn show(&self, _ctx: &Ctx<'_>, _id: &str) -> Option<CallDetail> {
        None
    }

    /// While draining, new calls are answered with 503.
    pub fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// Calls that are not yet ended.
    #[must_use]
    pub fn active(&self) -> usize {
        self.active.min(self.config.capacity)
    }

    /// What was counted since start.
    #[must_use]
    pub fn counters(&self) -> &CallCounters {
        &self.counters
    }

    /// To take collected set-up times out.
    pub fn counters_mut(&mut self) -> &mut CallCounters {
        &mut self.counters
    }
}
