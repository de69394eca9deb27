//! What the control side asks of a worker.
//!
//! A command crosses on a bounded queue and is answered on a channel that the asker made with room for one answer,
//! so that the worker never waits.

use std::sync::Arc;

use crossbeam::channel::Sender;
use trunkline_call::plan::RoutePlan;
use trunkline_call::report::{CallDetail, CallSummary};

use crate::trace::TraceEntry;

/// Commands that may wait for one worker; the asker is told when there is no room.
pub const COMMANDS_MAX: usize = 64;

/// A call in full with the SIP messages of it that are still kept.
#[derive(Clone, Debug)]
pub struct CallRecord {
    /// The call, if it still lives.
    pub detail: Option<CallDetail>,
    /// Its SIP messages, oldest first.
    pub messages: Vec<TraceEntry>,
}

/// One request to one worker.
#[derive(Debug)]
pub enum Command {
    /// List the live calls.
    List(Sender<Vec<CallSummary>>),
    /// Show one call, also after it ended.
    Show {
        /// The call's identifier.
        id: String,
        /// Where the answer goes: `None` if this worker never heard of the call.
        answer: Sender<Option<CallRecord>>,
    },
    /// End one call.
    HangUp {
        /// The call's identifier.
        id: String,
        /// Where the answer goes: whether there was such a call.
        answer: Sender<bool>,
    },
    /// Take new calls by this plan.
    Plan(Arc<RoutePlan>),
    /// Take no new calls.
    Drain,
}
