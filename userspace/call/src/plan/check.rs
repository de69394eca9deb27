//! Whether the parts of a plan fit together.

use alloc::string::String;
use core::fmt;

use super::{RoutePlan, TrunkId};

/// An index of the parts that points at nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// What is wrong, in words.
    pub problem: String,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.problem)
    }
}

impl core::error::Error for PlanError {}

impl RoutePlan {
    pub(super) fn check_zones_and_trunks(&self) -> Result<(), PlanError> {
        if self.zones.len() > usize::from(u8::MAX) || self.trunks.len() > usize::from(u16::MAX) {
            return refuse("too many zones or trunks");
        }
        for zone in &self.zones {
            if zone.addresses.is_empty() || zone.listeners.is_empty() {
                return refuse(&alloc::format!(
                    "zone {} has no address or no listener",
                    zone.name
                ));
            }
        }
        for trunk in &self.trunks {
            if usize::from(trunk.zone) >= self.zones.len() {
                return refuse(&alloc::format!("trunk {} is in no zone", trunk.name));
            }
            if trunk.state.peer_count() != trunk.peers.len() {
                return refuse(&alloc::format!(
                    "trunk {} has a state for other peers",
                    trunk.name
                ));
            }
        }
        Ok(())
    }

    pub(super) fn check_routes(&self) -> Result<(), PlanError> {
        let known = |id: &TrunkId| usize::from(*id) < self.trunks.len();
        for (place, route) in self.routes.iter().enumerate() {
            if !route.from.iter().all(known) || !route.trunks.iter().all(|t| known(&t.trunk)) {
                return refuse(&alloc::format!("route {place} names a trunk that is not there"));
            }
        }
        for (place, did) in self.dids.iter().enumerate() {
            if !known(&did.trunk) {
                return refuse(&alloc::format!("did {place} names a trunk that is not there"));
            }
        }
        Ok(())
    }
}

fn refuse(problem: &str) -> Result<(), PlanError> {
    Err(PlanError {
        problem: String::from(problem),
    })
}
