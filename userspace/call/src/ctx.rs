//! All that a call may touch while it reacts to one input.

use alloc::sync::Arc;

use trunkline_media::{FlowTable, PortPool};
use trunkline_sip::token::Entropy;
use trunkline_time::Timestamp;

use crate::action::Actions;
use crate::plan::RoutePlan;

/// The surroundings of one input.
pub struct Ctx<'a> {
    /// Now, read once per turn.
    pub now: Timestamp,
    /// Random numbers.
    pub entropy: &'a mut dyn Entropy,
    /// The newest plan; new calls begin with it.
    pub plan: &'a Arc<RoutePlan>,
    /// Media ports of this worker.
    pub ports: &'a mut PortPool,
    /// Media flows of this worker.
    pub flows: &'a mut FlowTable,
    /// Whether a new call will find room for its records.
    pub cdr_room: bool,
    /// Where actions go.
    pub out: &'a mut Actions,
}
