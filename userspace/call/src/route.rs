//! Which trunks a call may take, in which order. `explain` and calls use the same code.

use alloc::string::String;
use alloc::vec::Vec;

use trunkline_sip::token::Entropy;
use trunkline_time::Timestamp;

use crate::number::E164;
use crate::plan::{FailoverOn, Peer, RoutePlan, RouteTrunk, Strategy, TrunkId};

/// Most attempts of one call.
pub const ATTEMPTS_MAX: usize = 16;

/// Which rule of the plan was used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rule {
    /// The number belongs to the enterprise side: index in [`RoutePlan::dids`].
    Did(usize),
    /// A route: index in [`RoutePlan::routes`] and the prefix that matched.
    Route(usize, String),
}

/// The trunks that a call may take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// Where it stands in the plan.
    pub rule: Rule,
    /// The trunks, in order.
    pub trunks: Vec<RouteTrunk>,
    /// How they are ordered.
    pub strategy: Strategy,
    /// What makes a call go on.
    pub failover_on: FailoverOn,
}

/// One place to send an INVITE to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The trunk.
    pub trunk: TrunkId,
    /// Index of the peer in the trunk.
    pub peer: usize,
    /// Price per minute in millionths of the currency unit.
    pub price_micros: Option<u64>,
}

/// Finds the rule for a call from `from` to `number`.
///
/// A number of the enterprise side goes to its trunk, unless the call comes from that very trunk. Otherwise
/// the route with the longest prefix that serves `from` is used; among equals the first in file order.
/// Trunks stand in their static order: by list, by falling weight, or by price. [`Selection::targets`] adds
/// chance and health.
#[must_use]
pub fn select(plan: &RoutePlan, from: TrunkId, number: &E164) -> Option<Selection> {
    if let Some(place) = plan.did_of(number.as_str()) {
        let trunk = plan.dids[place].trunk;
        if trunk != from {
            return Some(Selection {
                rule: Rule::Did(place),
                trunks: alloc::vec![RouteTrunk::new(trunk)],
                strategy: Strategy::Priority,
                failover_on: FailoverOn::default(),
            });
        }
    }
    let (place, prefix) = plan.route_of(from, number.as_str())?;
    let route = &plan.routes[place];
    let mut trunks = route.trunks.clone();
    match route.strategy {
        Strategy::Priority => {}
        Strategy::Weight => trunks.sort_by_key(|t| core::cmp::Reverse(t.weight)),
        Strategy::LeastCost => trunks.sort_by_key(|t| t.price_micros.unwrap_or(u64::MAX)),
    }
    Some(Selection {
        rule: Rule::Route(place, String::from(prefix)),
        trunks,
        strategy: route.strategy,
        failover_on: route.failover_on.clone(),
    })
}

impl Selection {
    /// Every peer to try, in order.
    ///
    /// Trunks and peers of equal rank are drawn by weight. A peer that is down or asked to be left alone is
    /// skipped, unless no peer of any trunk is left: then all are tried, since health may be wrong and an
    /// attempt costs less than a refusal. At most [`ATTEMPTS_MAX`].
    pub fn targets(&self, plan: &RoutePlan, now: Timestamp, entropy: &mut dyn Entropy) -> Vec<Target> {
        let mut trunks = self.trunks.clone();
        if self.strategy == Strategy::Weight {
            shuffle(&mut trunks, entropy, |t| t.weight);
        }
        let mut available = Vec::new();
        let mut all = Vec::new();
        for chosen in &trunks {
            let Some(trunk) = plan.trunk(chosen.trunk) else {
                continue;
            };
            for peer in peers_in_order(&trunk.peers, entropy) {
                let target = Target {
                    trunk: chosen.trunk,
                    peer,
                    price_micros: chosen.price_micros,
                };
                if trunk.state.peer(peer).is_some_and(|p| p.is_available(now)) {
                    available.push(target);
                }
                all.push(target);
            }
        }
        let mut targets = if available.is_empty() { all } else { available };
        targets.truncate(ATTEMPTS_MAX);
        targets
    }
}

/// Indexes of the peers: by priority, drawn by weight among equals.
fn peers_in_order(peers: &[Peer], entropy: &mut dyn Entropy) -> Vec<usize> {
    let mut order: Vec<usize> = (0..peers.len()).collect();
    order.sort_by_key(|&i| peers[i].priority);
    let mut start = 0;
    while start < order.len() {
        let priority = peers[order[start]].priority;
        let end = start
            + order[start..]
                .iter()
                .take_while(|&&i| peers[i].priority == priority)
                .count();
        shuffle(&mut order[start..end], entropy, |&i| peers[i].weight);
        start = end;
    }
    order
}

/// Draws without putting back, by weight; an item of weight 0 comes only after all others.
fn shuffle<T>(items: &mut [T], entropy: &mut dyn Entropy, weight: impl Fn(&T) -> u32) {
    for place in 0..items.len().saturating_sub(1) {
        let total: u64 = items[place..].iter().map(|i| u64::from(weight(i))).sum();
        if total == 0 {
            return;
        }
        let mut draw = entropy.next_u64() % total;
        let chosen = items[place..].iter().position(|i| {
            let share = u64::from(weight(i));
            let here = draw < share;
            draw = draw.saturating_sub(share);
            here
        });
        items[place..=place + chosen.unwrap_or(0)].rotate_right(1);
    }
}

#[cfg(test)]
mod tests;
