//! Numbers and prefixes of a plan, sorted once so that a call finds its rule in a few steps.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Did, Route, RoutePlan, TrunkId};

/// The sorted view.
#[derive(Debug, Clone, Default)]
pub(super) struct Lookup {
    /// Ranges by (length, low): low, high, index of the DID.
    ranges: Vec<(String, String, usize)>,
    /// Routes in file order by prefix.
    prefixes: BTreeMap<String, Vec<usize>>,
}

impl Lookup {
    pub(super) fn new(dids: &[Did], routes: &[Route]) -> Self {
        let mut ranges = Vec::new();
        for (place, did) in dids.iter().enumerate() {
            ranges.extend(did.numbers.iter().map(|r| (r.low.clone(), r.high.clone(), place)));
        }
        ranges.sort_by(|a, b| (a.0.len(), &a.0).cmp(&(b.0.len(), &b.0)));
        let mut prefixes: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, route) in routes.iter().enumerate() {
            for prefix in &route.prefixes {
                prefixes.entry(prefix.clone()).or_default().push(place);
            }
        }
        Self { ranges, prefixes }
    }
}

impl RoutePlan {
    /// Index of the DID that `number` (normalised, with `+`) belongs to. Where ranges overlap, the one that
    /// begins last is
    /// used.
    #[must_use]
    pub fn did_of(&self, number: &str) -> Option<usize> {
        let ranges = &self.lookup.ranges;
        let behind = ranges.partition_point(|(low, ..)| (low.len(), low.as_str()) <= (number.len(), number));
        ranges[..behind]
            .iter()
            .rev()
            .take_while(|(low, ..)| low.len() == number.len())
            .find(|(_, high, _)| high.len() == number.len() && number <= high.as_str())
            .map(|&(.., place)| place)
    }

    /// Index of the route for a call from `from` to `number`, and the prefix that matched.
    #[must_use]
    pub fn route_of<'n>(&self, from: TrunkId, number: &'n str) -> Option<(usize, &'n str)> {
        for len in (0..=number.len()).rev() {
            let Some(prefix) = number.get(..len) else { continue };
            let Some(places) = self.lookup.prefixes.get(prefix) else {
                continue;
            };
            let serves = |&&place: &&usize| {
                let from_list = &self.routes[place].from;
                from_list.is_empty() || from_list.contains(&from)
            };
            if let Some(&place) = places.iter().find(serves) {
                return Some((place, prefix));
            }
        }
        None
    }
}
