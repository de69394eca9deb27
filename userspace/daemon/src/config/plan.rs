//! From the configuration to the plan that calls are routed by, and from one plan to the next.

mod outline;

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
    compared(&outline::settings(before), &outline::settings(after))
}

/// What a running edge cannot change in the zones of `before`, as far as `after` differs in it. Each plan comes with the
/// names of its interfaces.
pub(crate) fn fixed_difference(
    before: (&RoutePlan, &[String]),
    after: (&RoutePlan, &[String]),
) -> Vec<String> {
    let lines = |(plan, interfaces): (&RoutePlan, &[String])| outline::zones(plan, interfaces);
    compared(&lines(before), &lines(after))
}

fn compared(before: &[String], after: &[String]) -> Vec<String> {
    let gone = before.iter().filter(|line| !after.contains(line));
    let come = after.iter().filter(|line| !before.contains(line));
    gone.map(|line| format!("- {line}"))
        .chain(come.map(|line| format!("+ {line}")))
        .collect()
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

    fn zones_differ(before: &RoutePlan, after: &RoutePlan) -> Vec<String> {
        fixed_difference((before, &[]), (after, &[]))
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
        assert!(zones_differ(&before, &after).is_empty());
        let moved = plan(&SAMPLE.replace("\"192.0.2.10\"", "\"192.0.2.11\""), 2, None);
        assert_eq!(zones_differ(&before, &moved).len(), 2);
        let (old, new) = (
            ["eth0".to_owned(), "eth1".to_owned()],
            ["eth0".to_owned(), "eth2".to_owned()],
        );
        assert_eq!(
            fixed_difference((&before, &old), (&before, &new)),
            [
                "- zone carriers interface = eth1",
                "+ zone carriers interface = eth2"
            ]
        );
    }

    #[test]
    fn a_difference_is_in_the_words_of_the_file() {
        let before = plan(SAMPLE, 1, None);
        let after = plan(
            &SAMPLE
                .replace("calls = 500", "calls = 400")
                .replace("strategy = \"least-cost\"", "strategy = \"priority\""),
            2,
            None,
        );
        let lines = difference(&before, &after);
        assert!(
            lines.contains(&"- trunk pbx limits = 500 calls, 50 calls/s".to_owned()),
            "{lines:#?}"
        );
        assert!(
            lines.contains(&"+ trunk pbx limits = 400 calls, 50 calls/s".to_owned()),
            "{lines:#?}"
        );
        for line in outline::settings(&before)
            .iter()
            .chain(&outline::zones(&before, &[]))
        {
            let is_debug = ["Some(", "None", " { ", "[]"]
                .iter()
                .any(|sign| line.contains(sign));
            assert!(!is_debug, "{line}");
        }
    }
}
