//! From the configuration to the plan that calls are routed by, and from one plan to the next.

use std::sync::Arc;

use trunkline_call::{
    plan::{Parts, PlanError, RoutePlan, Trunk},
    trunk::TrunkState,
};

use crate::config::checked::Config;

/// The plan of `config`, with number `epoch`.
///
/// A trunk that stands in `previous` with the same name, peers and limits keeps its state: its health, and the calls that
/// count against its limits. Any other trunk starts anew.
///
/// # Errors
/// [`PlanError`] if the configuration holds an index that points at nothing; a checked one holds none.
pub(crate) fn make(
    config: &Config,
    epoch: u64,
    previous: Option<&RoutePlan>,
) -> Result<RoutePlan, PlanError> {
    let mut trunks = config.trunks.clone();
    for trunk in &mut trunks {
        trunk.state = previous
            .and_then(|plan| kept_state(plan, trunk))
            .unwrap_or_else(|| fresh_state(trunk));
    }
    RoutePlan::new(Parts {
        epoch,
        node_name: config.node.name.clone(),
        zones: config.zones.clone(),
        trunks,
        dids: config.dids.clone(),
        routes: config.routes.clone(),
        attempt_timeout: config.calls.attempt_timeout,
        ring_timeout: config.calls.ring_timeout,
    })
}

fn kept_state(previous: &RoutePlan, trunk: &Trunk) -> Option<Arc<TrunkState>> {
    let before = previous.trunks.iter().find(|before| before.name == trunk.name)?;
    let is_same = before.peers == trunk.peers && before.limits == trunk.limits;
    is_same.then(|| Arc::clone(&before.state))
}

fn fresh_state(trunk: &Trunk) -> Arc<TrunkState> {
    Arc::new(TrunkState::new(trunk.peers.len(), trunk.limits))
}

/// What differs between two plans, one line for each setting: "-" before what was, "+" before what is.
pub(crate) fn difference(before: &RoutePlan, after: &RoutePlan) -> Vec<String> {
    let (before, after) = (outline(before), outline(after));
    let gone = before
        .iter()
        .filter(|line| !after.contains(line))
        .map(|line| format!("- {line}"));
    let come = after
        .iter()
        .filter(|line| !before.contains(line))
        .map(|line| format!("+ {line}"));
    gone.chain(come).collect()
}

/// What a running edge cannot change in `before`, as far as `after` differs in it.
pub(crate) fn fixed_difference(before: &RoutePlan, after: &RoutePlan) -> Vec<String> {
    let (before, after) = (zone_lines(before), zone_lines(after));
    let gone = before
        .iter()
        .filter(|line| !after.contains(line))
        .map(|line| format!("- {line}"));
    let come = after
        .iter()
        .filter(|line| !before.contains(line))
        .map(|line| format!("+ {line}"));
    gone.chain(come).collect()
}

/// Every setting of a plan as a line of its own.
fn outline(plan: &RoutePlan) -> Vec<String> {
    let mut lines = zone_lines(plan);
    lines.push(format!("node name = {}", plan.node_name));
    lines.push(format!("calls attempt_timeout = {:?}", plan.attempt_timeout));
    lines.push(format!("calls ring_timeout = {:?}", plan.ring_timeout));
    for trunk in &plan.trunks {
        trunk_lines(plan, trunk, &mut lines);
    }
    let trunk_name = |id: u16| plan.trunk(id).map_or("?", |trunk| trunk.name.as_str()).to_owned();
    for did in &plan.dids {
        for range in &did.numbers {
            lines.push(format!(
                "did {}-{} = {}",
                range.low,
                range.high,
                trunk_name(did.trunk)
            ));
        }
    }
    for (place, route) in plan.routes.iter().enumerate() {
        let from: Vec<String> = route.from.iter().map(|id| trunk_name(*id)).collect();
        let trunks: Vec<String> = route
            .trunks
            .iter()
            .map(|chosen| {
                format!(
                    "{} weight {} price {:?}",
                    trunk_name(chosen.trunk),
                    chosen.weight,
                    chosen.price_micros
                )
            })
            .collect();
        lines.push(format!(
            "route {} from {from:?} prefix {:?} = {trunks:?} {:?} failover on {:?} timeout {}",
            place + 1,
            route.prefixes,
            route.strategy,
            route.failover_on.codes,
            route.failover_on.timeout
        ));
    }
    lines
}

fn zone_lines(plan: &RoutePlan) -> Vec<String> {
    let mut lines = Vec::new();
    for zone in &plan.zones {
        let name = &zone.name;
        lines.push(format!("zone {name} interface = {}", zone.interface));
        lines.push(format!("zone {name} address = {:?}", zone.addresses));
        lines.push(format!("zone {name} sip = {:?}", zone.listeners));
        lines.push(format!(
            "zone {name} rtp_ports = {}-{}",
            zone.rtp_ports.0, zone.rtp_ports.1
        ));
    }
    lines
}

fn trunk_lines(plan: &RoutePlan, trunk: &Trunk, lines: &mut Vec<String>) {
    let zone = plan.zone(trunk.zone).map_or("?", |zone| zone.name.as_str());
    let mut line = |key: &str, value: String| lines.push(format!("trunk {} {key} = {value}", trunk.name));
    line("zone", zone.to_owned());
    for peer in &trunk.peers {
        line(
            "peer",
            format!(
                "{} weight {} priority {}",
                peer.address, peer.weight, peer.priority
            ),
        );
    }
    for source in &trunk.sources {
        line("source", format!("{}/{}", source.address, source.len));
    }
    line("options_interval", format!("{:?}", trunk.options_interval));
    line(
        "down_after, up_after",
        format!("{}, {}", trunk.down_after, trunk.up_after),
    );
    line("limits", format!("{:?}", trunk.limits));
    line("codecs", format!("{:?}", trunk.codecs));
    line("numbers", format!("{:?}", trunk.numbers));
    line("media", format!("{:?}", trunk.media));
    line("sip", format!("{:?}", trunk.sip));
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config;

    fn plan(text: &str, epoch: u64, previous: Option<&RoutePlan>) -> RoutePlan {
        let outcome = config::judge(Path::new("edge.toml"), text, &|_| Err(String::new()));
        make(&outcome.config.expect("the sample is good"), epoch, previous).unwrap()
    }

    const SAMPLE: &str = include_str!("../../../../etc/trunkline.toml");

    #[test]
    fn an_unchanged_trunk_keeps_its_state() {
        let before = plan(SAMPLE, 1, None);
        let after = plan(&SAMPLE.replace("calls = 300", "calls = 100"), 2, Some(&before));
        assert!(Arc::ptr_eq(&before.trunks[0].state, &after.trunks[0].state));
        assert!(!Arc::ptr_eq(&before.trunks[1].state, &after.trunks[1].state));
        assert_eq!(after.epoch, 2);
    }

    #[test]
    fn the_difference_names_what_changed() {
        let before = plan(SAMPLE, 1, None);
        assert!(difference(&before, &plan(SAMPLE, 2, None)).is_empty());
        let after = plan(
            &SAMPLE.replace("198.51.100.11:5060;weight=1", "198.51.100.12:5060"),
            2,
            None,
        );
        assert_eq!(
            difference(&before, &after),
            [
                "- trunk carrier-a peer = 198.51.100.11:5060 weight 1 priority 1",
                "- trunk carrier-a source = 198.51.100.11/32",
                "+ trunk carrier-a peer = 198.51.100.12:5060 weight 1 priority 1",
                "+ trunk carrier-a source = 198.51.100.12/32",
            ]
        );
        assert!(fixed_difference(&before, &after).is_empty());
        let moved = plan(&SAMPLE.replace("\"192.0.2.10\"", "\"192.0.2.11\""), 2, None);
        assert_eq!(fixed_difference(&before, &moved).len(), 2);
    }
}
