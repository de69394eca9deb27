//! The way that a call would take, by the same rules that calls follow.

use serde::{Deserialize, Serialize};
use trunkline_call::{
    number::{self, E164},
    plan::{RoutePlan, RouteTrunk, Strategy, Trunk},
    route::{self, Rule},
};
use trunkline_time::Timestamp;

/// The way of one call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Explanation {
    pub(crate) from: String,
    /// The number as asked for.
    pub(crate) number: String,
    /// The number in E.164.
    pub(crate) normalised: String,
    pub(crate) emergency: bool,
    /// The rule that decides; none if the call would be refused by 404.
    pub(crate) rule: Option<RuleFound>,
    /// The trunks in the order in which they are tried.
    pub(crate) trunks: Vec<Step>,
    /// Whether health and headroom are those of a running edge.
    pub(crate) live: bool,
}

/// The rule that decides about a call.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct RuleFound {
    /// "did" or "route".
    pub(crate) kind: String,
    /// Its place in the file among its kind, from 1.
    pub(crate) place: usize,
    /// The prefix of a route that the number begins with.
    pub(crate) prefix: String,
    pub(crate) strategy: String,
    /// Statuses, and "timeout", on which the next trunk is tried.
    pub(crate) failover_on: Vec<String>,
}

/// One trunk on the way.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Step {
    pub(crate) trunk: String,
    pub(crate) zone: String,
    /// Whether any peer answers.
    pub(crate) up: bool,
    pub(crate) peers_up: usize,
    pub(crate) peers: usize,
    /// Peers that an OPTIONS has had a result from.
    pub(crate) peers_probed: usize,
    pub(crate) calls: u32,
    pub(crate) calls_limit: Option<u32>,
    pub(crate) cps_limit: Option<u32>,
    pub(crate) bandwidth_bps: u64,
    pub(crate) bandwidth_limit_bps: Option<u64>,
    pub(crate) weight: u32,
    /// Price per minute in currency units.
    pub(crate) price: Option<f64>,
    /// The number as it is sent to this trunk.
    pub(crate) sent_number: String,
}

/// Why there is no explanation.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Unexplained {
    /// There is no such trunk.
    Trunk(String),
    /// What was asked for is not a number that the trunk could dial.
    Number(String),
}

impl std::fmt::Display for Unexplained {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Trunk(name) => write!(f, "there is no trunk \"{name}\""),
            Self::Number(number) => write!(f, "\"{number}\" is not a number that this trunk can dial"),
        }
    }
}

impl std::error::Error for Unexplained {}

/// Explains a call from the trunk named `from` to `number`, dialled as that trunk dials.
///
/// # Errors
/// [`Unexplained`] if there is no such trunk or the number cannot be understood.
pub(crate) fn explain(
    plan: &RoutePlan,
    now: Timestamp,
    from: &str,
    number: &str,
    live: bool,
) -> Result<Explanation, Unexplained> {
    let source = plan
        .trunk_by_name(from)
        .ok_or_else(|| Unexplained::Trunk(from.to_owned()))?;
    let rules = plan
        .trunk(source)
        .map(|trunk| &trunk.numbers)
        .ok_or_else(|| Unexplained::Trunk(from.to_owned()))?;
    let normalised =
        number::normalise(rules, number).ok_or_else(|| Unexplained::Number(number.to_owned()))?;
    let selection = route::select(plan, source, &normalised);
    let trunks = selection.iter().flat_map(|selection| &selection.trunks);
    let steps = trunks
        .filter_map(|chosen| Some(step(plan, now, plan.trunk(chosen.trunk)?, chosen, &normalised)))
        .collect();
    Ok(Explanation {
        from: from.to_owned(),
        number: number.to_owned(),
        normalised: normalised.as_str().to_owned(),
        emergency: normalised.is_emergency(),
        rule: selection.as_ref().map(rule_found),
        trunks: steps,
        live,
    })
}

fn rule_found(selection: &route::Selection) -> RuleFound {
    let (kind, place, prefix) = match &selection.rule {
        Rule::Did(place) => ("did", *place, String::new()),
        Rule::Route(place, prefix) => ("route", *place, prefix.clone()),
    };
    let codes = selection.failover_on.codes.iter().map(ToString::to_string);
    RuleFound {
        kind: kind.to_owned(),
        place: place + 1,
        prefix,
        strategy: strategy(selection.strategy).to_owned(),
        failover_on: codes
            .chain(selection.failover_on.timeout.then(|| "timeout".to_owned()))
            .collect(),
    }
}

fn step(plan: &RoutePlan, now: Timestamp, trunk: &Trunk, chosen: &RouteTrunk, number: &E164) -> Step {
    let available = |index: usize| trunk.state.peer(index).is_some_and(|peer| peer.is_available(now));
    let was_probed = |index: usize| {
        trunk
            .state
            .peer(index)
            .is_some_and(|peer| peer.probe().status != 0)
    };
    Step {
        trunk: trunk.name.clone(),
        zone: plan
            .zone(trunk.zone)
            .map_or_else(String::new, |zone| zone.name.clone()),
        up: trunk.state.is_up(),
        peers_up: (0..trunk.peers.len()).filter(|index| available(*index)).count(),
        peers: trunk.peers.len(),
        peers_probed: (0..trunk.peers.len()).filter(|index| was_probed(*index)).count(),
        calls: trunk.state.active_total(),
        calls_limit: trunk.limits.calls,
        cps_limit: trunk.limits.cps,
        bandwidth_bps: trunk.state.bandwidth_bps(),
        bandwidth_limit_bps: trunk.limits.bandwidth_bps,
        weight: chosen.weight,
        price: chosen.price_micros.map(|micros| micros as f64 / 1e6),
        sent_number: number::write(&trunk.numbers, number),
    }
}

fn strategy(strategy: Strategy) -> &'static str {
    match strategy {
        Strategy::Priority => "priority",
        Strategy::Weight => "weight",
        Strategy::LeastCost => "least-cost",
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    fn plan() -> RoutePlan {
        let text = include_str!("../../../etc/trunkline.toml");
        let outcome = config::judge(Path::new("edge.toml"), text, &|_| Err(String::new()));
        config::plan::make(&outcome.config.expect("the sample is good"), 1, None).unwrap()
    }

    fn explained(from: &str, number: &str) -> Explanation {
        explain(&plan(), Timestamp::ZERO, from, number, false).unwrap()
    }

    #[test]
    fn a_national_number_takes_the_longest_prefix() {
        let way = explained("pbx", "3125550123");
        assert_eq!(way.normalised, "+13125550123");
        let rule = way.rule.unwrap();
        assert_eq!(
            (rule.kind.as_str(), rule.place, rule.prefix.as_str()),
            ("route", 1, "+1")
        );
        assert_eq!(rule.failover_on, ["408", "500", "503", "timeout"]);
        let sent: Vec<(&str, &str)> = way
            .trunks
            .iter()
            .map(|step| (step.trunk.as_str(), step.sent_number.as_str()))
            .collect();
        assert_eq!(sent, [("carrier-a", "13125550123"), ("carrier-b", "3125550123")]);
    }

    #[test]
    fn least_cost_puts_the_cheaper_trunk_first() {
        let way = explained("pbx", "+442079460000");
        assert_eq!(way.trunks[0].trunk, "carrier-b");
        assert_eq!(way.trunks[0].price, Some(0.0115));
    }

    #[test]
    fn a_number_of_the_enterprise_goes_to_its_trunk() {
        let way = explained("carrier-a", "+12025550150");
        assert_eq!(way.rule.unwrap().kind, "did");
        assert_eq!(way.trunks[0].trunk, "pbx");
    }

    #[test]
    fn a_number_without_a_rule_has_no_way() {
        let way = explained("carrier-a", "+442079460000");
        assert!(way.rule.is_none() && way.trunks.is_empty());
    }

    #[test]
    fn strange_questions_are_refused() {
        let ask = |from, number| explain(&plan(), Timestamp::ZERO, from, number, false).unwrap_err();
        assert_eq!(ask("pxb", "1"), Unexplained::Trunk("pxb".to_owned()));
        assert_eq!(ask("pbx", "alice"), Unexplained::Number("alice".to_owned()));
    }
}
