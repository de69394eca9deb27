//! Which flows wait for a next hop, and telling them.

use core::net::IpAddr;

use super::state::NOT_LISTED;
use super::table::FlowTable;
use super::{FlowId, NextHop, Unresolved};

impl FlowTable {
    /// The flows that know where to send but not through which next hop. Their packets are dropped until then.
    pub fn unresolved(&self) -> impl Iterator<Item = Unresolved> + '_ {
        self.unresolved
            .iter()
            .filter_map(|index| self.unresolved_at(*index))
    }

    /// How many flows are unresolved.
    #[must_use]
    pub fn unresolved_count(&self) -> usize {
        self.unresolved.len()
    }

    /// Asks `lookup` (zone, destination) for the next hops of at most `budget` unresolved flows, and says how many it had.
    ///
    /// The search goes on where it stopped the last time, so that an unreachable destination holds up no others.
    pub fn resolve(&mut self, budget: usize, lookup: &mut dyn FnMut(u8, IpAddr) -> Option<NextHop>) -> usize {
        let mut resolved_count = 0;
        for _ in 0..budget.min(self.unresolved.len()) {
            if self.resolve_cursor >= self.unresolved.len() {
                self.resolve_cursor = 0;
            }
            let waiting = self
                .unresolved
                .get(self.resolve_cursor)
                .and_then(|index| self.unresolved_at(*index));
            let hop =
                waiting.and_then(|waiting| Some((waiting.id, lookup(waiting.zone, waiting.destination)?)));
            match hop {
                // The last one of the list takes the place of the resolved one, so the cursor stays.
                Some((id, hop)) if self.set_next_hop(id, &hop) => resolved_count += 1,
                _ => self.resolve_cursor += 1,
            }
        }
        resolved_count
    }

    /// Looks at `budget` places and takes over next hops that have changed since they were set.
    ///
    /// Where `lookup` knows nothing, the flow keeps what it has. For when routes or neighbours have changed.
    pub fn refresh(&mut self, budget: usize, lookup: &mut dyn FnMut(u8, IpAddr) -> Option<NextHop>) {
        for _ in 0..budget.min(self.hot.len()) {
            let index = self.refresh_cursor;
            self.refresh_cursor = (index + 1) % self.hot.len();
            let (Some(hot), Some(cold)) = (self.hot.get_mut(index), self.cold.get(index)) else {
                continue;
            };
            if cold.is_used
                && hot.has_next_hop()
                && let Some(hop) = lookup(hot.egress_zone, hot.egress.destination.to_ip())
            {
                hot.set_next_hop(&hop);
            }
        }
    }

    /// Tells a flow its next hop. False if there is no such flow or it has nowhere to send.
    pub fn set_next_hop(&mut self, id: FlowId, hop: &NextHop) -> bool {
        let Some((hot, _)) = self.parts(id).filter(|(hot, _)| hot.has_remote()) else {
            return false;
        };
        hot.set_next_hop(hop);
        self.unlist(id.index);
        true
    }

    /// Puts a flow on the list of those that wait; nothing happens if it is there.
    pub(super) fn list(&mut self, index: u32) {
        let position = self.unresolved.len() as u32;
        if let Some(cold) = self
            .cold
            .get_mut(index as usize)
            .filter(|cold| cold.listed_at == NOT_LISTED)
        {
            cold.listed_at = position;
            self.unresolved.push(index);
        }
    }

    /// Takes a flow off the list of those that wait; nothing happens if it is not there.
    pub(super) fn unlist(&mut self, index: u32) {
        let Some(cold) = self
            .cold
            .get_mut(index as usize)
            .filter(|cold| cold.listed_at != NOT_LISTED)
        else {
            return;
        };
        let position = core::mem::replace(&mut cold.listed_at, NOT_LISTED) as usize;
        self.unresolved.swap_remove(position);
        let moved = self.unresolved.get(position).copied();
        if let Some(cold) = moved.and_then(|moved| self.cold.get_mut(moved as usize)) {
            cold.listed_at = position as u32;
        }
    }

    fn unresolved_at(&self, index: u32) -> Option<Unresolved> {
        let (hot, cold) = (self.hot.get(index as usize)?, self.cold.get(index as usize)?);
        Some(Unresolved {
            id: cold.id(index as usize),
            zone: hot.egress_zone,
            destination: hot.egress.destination.to_ip(),
        })
    }
}
