//! The table itself.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use trunkline_time::Timestamp;
use trunkline_xdp_abi::Address;

use super::places::Places;
use super::state::{Cold, Hot, rules};
use super::{FlowId, FlowKind, FlowSpec, FlowStats};
use crate::latch::Endpoint;
use crate::limits::FLOWS_MAX;
use crate::port_pool::PortRange;

/// The flows of one worker, as many as `capacity` at a time.
///
/// A packet finds its flow by arithmetic on its destination port. All memory is taken in [`FlowTable::new`].
#[derive(Debug)]
pub struct FlowTable {
    places: Places,
    pub(super) hot: Box<[Hot]>,
    pub(super) cold: Box<[Cold]>,
    free: Vec<u32>,
    /// Flows that have a remote and no next hop, in no order.
    pub(super) unresolved: Vec<u32>,
    pub(super) resolve_cursor: usize,
    pub(super) refresh_cursor: usize,
    idle_cursor: usize,
    refused: u64,
}

impl FlowTable {
    /// A table for the ports of `ranges` with room for `capacity` flows, at most [`FLOWS_MAX`].
    #[must_use]
    pub fn new(ranges: &[PortRange], capacity: usize) -> Self {
        let capacity = capacity.min(FLOWS_MAX);
        let nowhere = SocketAddr::new(Address::default().to_ip(), 0);
        let spec = FlowSpec::new(FlowKind::Rtp, nowhere, 0, nowhere);
        let vacant = Hot::new(&spec, &rules(&spec));
        Self {
            places: Places::new(ranges),
            hot: core::iter::repeat_n(vacant, capacity).collect(),
            cold: core::iter::repeat_n(Cold::vacant(), capacity).collect(),
            free: (0..capacity as u32).rev().collect(),
            unresolved: Vec::with_capacity(capacity),
            resolve_cursor: 0,
            refresh_cursor: 0,
            idle_cursor: 0,
            refused: 0,
        }
    }

    /// Opens a flow.
    ///
    /// `None`, and counted, if the table is full, if another flow has the local port, or if the port is in no range.
    pub fn install(&mut self, now: Timestamp, spec: &FlowSpec) -> Option<FlowId> {
        let installed = self.try_install(now, spec);
        if installed.is_none() {
            self.refused += 1;
        }
        installed
    }

    fn try_install(&mut self, now: Timestamp, spec: &FlowSpec) -> Option<FlowId> {
        let index = *self.free.last()?;
        let (hot, cold) = (
            self.hot.get_mut(index as usize)?,
            self.cold.get_mut(index as usize)?,
        );
        let (place, _) = self.places.fill(spec.local, index)?;
        self.free.pop();
        *cold = Cold {
            generation: cold.generation.wrapping_add(1),
            is_used: true,
            place,
            local: spec.local,
            quiet_since: now,
            rules: rules(spec),
            ..Cold::vacant()
        };
        cold.apply(now, spec);
        *hot = Hot::new(spec, &cold.rules);
        let id = FlowId {
            index,
            generation: cold.generation,
        };
        self.aim(index);
        Some(id)
    }

    /// Makes an open flow what `spec` says, and keeps its statistics.
    ///
    /// What was learned about the source stays unless signalling names another one than before. False if there is no
    /// such flow, or if `spec` has another local port.
    pub fn update(&mut self, now: Timestamp, id: FlowId, spec: &FlowSpec) -> bool {
        let Some((hot, cold)) = self.parts(id).filter(|(_, cold)| cold.local == spec.local) else {
            return false;
        };
        let new_rules = rules(spec);
        hot.latch.on_signalled(&cold.rules, &new_rules);
        cold.rules = new_rules;
        let has_moved =
            hot.egress_zone != spec.egress_zone || hot.egress.source != Address::from(spec.egress_local.ip());
        if has_moved {
            hot.forget_next_hop();
        }
        hot.apply(spec);
        cold.apply(now, spec);
        let twin = cold.twin;
        self.aim(id.index);
        self.aim_twin(twin);
        true
    }

    /// Makes two flows twins: each sends to where the other one's media comes from, once that is known.
    ///
    /// False, and nothing changes, if one of them does not exist.
    pub fn link(&mut self, one: FlowId, other: FlowId) -> bool {
        if self.parts(one).is_none() || self.parts(other).is_none() || one == other {
            return false;
        }
        for (id, twin) in [(one, other), (other, one)] {
            if let Some((_, cold)) = self.parts(id) {
                cold.twin = Some(twin);
            }
        }
        self.aim(one.index);
        self.aim(other.index);
        true
    }

    /// Closes a flow and says what it has seen. `None` if there is no such flow (any more).
    pub fn remove(&mut self, id: FlowId) -> Option<FlowStats> {
        let (hot, cold) = self.parts(id)?;
        let stats = cold.stats(hot);
        cold.is_used = false;
        cold.rules.prefixes = None;
        let (place, twin) = (cold.place, cold.twin.take());
        if let Some((_, cold)) = twin.and_then(|twin| self.parts(twin)) {
            cold.twin = None;
        }
        self.unlist(id.index);
        self.places.clear(place);
        self.free.push(id.index);
        Some(stats)
    }

    /// What a flow has seen so far.
    #[must_use]
    pub fn stats(&self, id: FlowId) -> Option<FlowStats> {
        let cold = self.cold.get(id.index as usize).filter(|cold| cold.is(id))?;
        Some(cold.stats(self.hot.get(id.index as usize)?))
    }

    /// The flow that has this local address and port.
    #[must_use]
    pub fn by_local(&self, address: IpAddr, port: u16) -> Option<FlowId> {
        let index = self.find(&Address::from(address), port)?;
        self.id_at(index as usize)
    }

    /// Where a flow sends at the moment, if it knows.
    #[must_use]
    pub fn egress_remote(&self, id: FlowId) -> Option<SocketAddr> {
        self.cold.get(id.index as usize).filter(|cold| cold.is(id))?;
        let hot = self.hot.get(id.index as usize).filter(|hot| hot.has_remote())?;
        Some(SocketAddr::new(
            hot.egress.destination.to_ip(),
            hot.egress.destination_port,
        ))
    }

    /// Expects silence from now on, or no longer. False if there is no such flow.
    pub fn set_held(&mut self, now: Timestamp, id: FlowId, is_held: bool) -> bool {
        let Some((_, cold)) = self.parts(id) else {
            return false;
        };
        if cold.is_held && !is_held {
            cold.quiet_since = now;
        }
        cold.is_held = is_held;
        true
    }

    /// Reports flows on which no packet came for their timeout, each once per timeout, looking at `budget` places.
    ///
    /// A flow with a twin is idle only when the twin is idle as well, as one side may be silent for long; then one of the
    /// two is reported. RTCP flows, held ones and those without timeout are never idle. The search goes on where it stopped
    /// the last time.
    pub fn expire_idle(&mut self, now: Timestamp, budget: usize, report: &mut dyn FnMut(FlowId, u64)) {
        for _ in 0..budget.min(self.cold.len()) {
            let index = self.idle_cursor;
            self.idle_cursor = (index + 1) % self.cold.len();
            let Some(id) = self.id_at(index).filter(|id| self.is_idle(now, *id)) else {
                continue;
            };
            let twin = self.cold.get(index).and_then(|cold| cold.twin);
            if twin.is_some_and(|twin| !self.is_idle(now, twin)) {
                continue;
            }
            if let Some((_, cold)) = self.parts(id) {
                cold.quiet_since = now;
                report(id, cold.user);
            }
        }
    }

    fn is_idle(&self, now: Timestamp, id: FlowId) -> bool {
        let (Some(hot), Some(cold)) = (self.hot.get(id.index as usize), self.cold.get(id.index as usize))
        else {
            return false;
        };
        let may_expire =
            cold.is(id) && !cold.is_held && !cold.timeout.is_zero() && hot.kind != FlowKind::Rtcp;
        may_expire && now.saturating_since(hot.last_packet.max(cold.quiet_since)) >= cold.timeout
    }

    /// All open flows with their `user` values, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (FlowId, u64)> + '_ {
        let used = self.cold.iter().enumerate().filter(|(_, cold)| cold.is_used);
        used.map(|(index, cold)| (cold.id(index), cold.user))
    }

    /// How many flows are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cold.len() - self.free.len()
    }

    /// Whether no flow is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many flows there is room for.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.cold.len()
    }

    /// How many times [`FlowTable::install`] had to say no.
    #[must_use]
    pub fn refused_count(&self) -> u64 {
        self.refused
    }

    /// The index of the flow at a local address and port. No hashing: one comparison per local address.
    #[inline]
    pub(crate) fn find(&self, address: &Address, port: u16) -> Option<u32> {
        self.places.find(address, port)
    }

    /// Both parts of the flow at an index that [`FlowTable::find`] gave.
    #[inline]
    pub(crate) fn at(&mut self, index: u32) -> Option<(&mut Hot, &mut Cold)> {
        Some((
            self.hot.get_mut(index as usize)?,
            self.cold.get_mut(index as usize)?,
        ))
    }

    /// The flow at `index` believes another source: its twin sends there from now on.
    #[cold]
    pub(crate) fn on_source_moved(&mut self, index: u32) {
        let twin = self.cold.get(index as usize).and_then(|cold| cold.twin);
        self.aim_twin(twin);
    }

    fn aim_twin(&mut self, twin: Option<FlowId>) {
        if let Some(twin) = twin.filter(|twin| self.parts(*twin).is_some()) {
            self.aim(twin.index);
        }
    }

    /// Points the flow at `index` to where its packets have to go: where the twin's media really comes from if that was
    /// learned, else where signalling says.
    fn aim(&mut self, index: u32) {
        let twin = self.cold.get(index as usize).and_then(|cold| cold.twin);
        let (mut learned, mut believed): (Option<Endpoint>, Option<Endpoint>) = (None, None);
        if let Some((hot, _)) = twin.and_then(|twin| self.parts(twin)) {
            (learned, believed) = (hot.latch.learned(), hot.latch.believed());
        }
        let Some((hot, cold)) = self.at(index) else {
            return;
        };
        if hot.aim(learned.or(cold.egress_remote).or(believed)) {
            self.list(index);
        } else {
            self.unlist(index);
        }
    }

    pub(super) fn parts(&mut self, id: FlowId) -> Option<(&mut Hot, &mut Cold)> {
        let cold = self.cold.get_mut(id.index as usize).filter(|cold| cold.is(id))?;
        Some((self.hot.get_mut(id.index as usize)?, cold))
    }

    fn id_at(&self, index: usize) -> Option<FlowId> {
        self.cold
            .get(index)
            .filter(|cold| cold.is_used)
            .map(|cold| cold.id(index))
    }
}

impl Cold {
    fn is(&self, id: FlowId) -> bool {
        self.is_used && self.generation == id.generation
    }

    pub(super) fn id(&self, index: usize) -> FlowId {
        FlowId {
            index: index as u32,
            generation: self.generation,
        }
    }
}
