use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const SIGNALLED: [u8; 4] = [198, 51, 100, 20];

fn endpoint(octets: [u8; 4], port: u16) -> Endpoint {
    Endpoint::new(Address::from_ipv4(octets), port)
}

fn rules(policy: LatchPolicy, is_signalled: bool) -> LatchRules {
    LatchRules {
        policy,
        signalled: is_signalled.then(|| endpoint(SIGNALLED, 30000)),
        prefixes: Some(Arc::from([Prefix::new([203, 0, 113, 0].into(), 24)])),
    }
}

fn judge(policy: LatchPolicy, is_signalled: bool, sources: &[Endpoint]) -> Vec<Judgement> {
    let rules = rules(policy, is_signalled);
    let mut latch = Latch::new(&rules);
    sources
        .iter()
        .map(|source| latch.accept(&rules, source))
        .collect()
}

fn named() -> Endpoint {
    endpoint(SIGNALLED, 30000)
}
fn other_port() -> Endpoint {
    endpoint(SIGNALLED, 30100)
}
fn in_prefix() -> Endpoint {
    endpoint([203, 0, 113, 7], 5000)
}
fn stranger() -> Endpoint {
    endpoint([192, 0, 2, 66], 5000)
}

use Judgement::{Believed, Moved, Refused};
use LatchPolicy::{Gated, Open, Signalled};

#[test]
fn the_table_of_first_packets() {
    let rows = [
        (named(), [Believed, Believed, Believed]),
        (other_port(), [Refused, Moved, Moved]),
        (in_prefix(), [Refused, Moved, Moved]),
        (stranger(), [Refused, Refused, Moved]),
    ];
    for (source, expected) in rows {
        let verdicts = [Signalled, Gated, Open].map(|policy| judge(policy, true, &[source])[0]);
        assert_eq!(verdicts, expected, "{source:?}");
    }
}

#[test]
fn the_table_before_signalling_has_named_a_source() {
    let rows = [
        (named(), [Refused, Refused, Moved]),
        (in_prefix(), [Refused, Moved, Moved]),
        (stranger(), [Refused, Refused, Moved]),
    ];
    for (source, expected) in rows {
        let verdicts = [Signalled, Gated, Open].map(|policy| judge(policy, false, &[source])[0]);
        assert_eq!(verdicts, expected, "{source:?}");
    }
}

#[test]
fn a_settled_flow_believes_nobody_else() {
    for policy in [Signalled, Gated, Open] {
        let verdicts = judge(
            policy,
            true,
            &[named(), other_port(), in_prefix(), stranger(), named()],
        );
        assert_eq!(
            verdicts,
            [Believed, Refused, Refused, Refused, Believed],
            "{policy:?}"
        );
    }
}

#[test]
fn a_learned_source_gives_way_to_the_signalled_one_only() {
    for policy in [Gated, Open] {
        let sources = [
            in_prefix(),
            in_prefix(),
            other_port(),
            stranger(),
            named(),
            in_prefix(),
            named(),
        ];
        let expected = [Moved, Believed, Refused, Refused, Moved, Refused, Believed];
        assert_eq!(judge(policy, true, &sources), expected, "{policy:?}");
    }
}

#[test]
fn without_prefixes_gated_learns_from_the_signalled_host_only() {
    let rules = LatchRules {
        prefixes: None,
        ..rules(Gated, true)
    };
    assert_eq!(Latch::new(&rules).accept(&rules, &in_prefix()), Refused);
    assert_eq!(Latch::new(&rules).accept(&rules, &other_port()), Moved);
}

#[test]
fn the_first_answer_keeps_what_was_learned() {
    let (before, after) = (rules(Gated, false), rules(Gated, true));
    let mut latch = Latch::new(&before);
    assert_eq!(latch.accept(&before, &in_prefix()), Moved);
    latch.on_signalled(&before, &after);
    assert_eq!(latch.learned(), Some(in_prefix()));
    assert_eq!(latch.accept(&after, &in_prefix()), Believed);
    assert_eq!(latch.accept(&after, &named()), Moved);
    assert_eq!((latch.learned(), latch.heard()), (None, Some(named())));
}

#[test]
fn an_answer_that_names_the_learned_source_settles() {
    let (before, mut after) = (rules(Gated, false), rules(Gated, true));
    let mut latch = Latch::new(&before);
    latch.accept(&before, &in_prefix());
    after.signalled = Some(in_prefix());
    latch.on_signalled(&before, &after);
    assert_eq!((latch.learned(), latch.heard()), (None, Some(in_prefix())));
}

#[test]
fn another_signalled_source_starts_afresh() {
    let (before, mut after) = (rules(Gated, true), rules(Gated, true));
    after.signalled = Some(endpoint([198, 51, 100, 21], 40000));
    for first in [named(), in_prefix()] {
        let mut latch = Latch::new(&before);
        assert_ne!(latch.accept(&before, &first), Refused);
        latch.on_signalled(&before, &after);
        assert_eq!((latch.believed(), latch.heard()), (after.signalled, None));
        assert_eq!(latch.accept(&after, &named()), Refused);
    }
}

#[test]
fn a_stricter_policy_forgets_what_it_would_not_have_learned() {
    let (before, after) = (rules(Open, true), rules(Signalled, true));
    let mut latch = Latch::new(&before);
    latch.accept(&before, &stranger());
    latch.on_signalled(&before, &after);
    assert_eq!((latch.believed(), latch.heard()), (Some(named()), None));
}

#[test]
fn the_same_signalling_again_changes_nothing() {
    let rules = rules(Gated, true);
    for first in [named(), in_prefix()] {
        let mut latch = Latch::new(&rules);
        latch.accept(&rules, &first);
        latch.on_signalled(&rules, &rules);
        assert_eq!(latch.heard(), Some(first));
    }
}

#[test]
fn prefixes_hold_their_own_family_only() {
    let v4 = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
    assert!(Prefix::new([10, 1, 2, 3].into(), 8).contains(&v4("10.255.0.1")));
    assert!(!Prefix::new([10, 1, 2, 3].into(), 8).contains(&v4("11.0.0.1")));
    assert!(Prefix::new([10, 1, 2, 3].into(), 99).contains(&v4("10.1.2.3")));
    assert!(!Prefix::new([10, 1, 2, 3].into(), 32).contains(&v4("10.1.2.4")));
    assert!(Prefix::new([0, 0, 0, 0].into(), 0).contains(&v4("8.8.8.8")));
    assert!(!Prefix::new([0, 0, 0, 0].into(), 0).contains(&v4("2001:db8::1")));
    let all_v6 = Prefix::new("::".parse().unwrap(), 0);
    assert!(all_v6.contains(&v4("2001:db8::1")));
    assert!(!all_v6.contains(&v4("192.0.2.1")));
    assert!(Prefix::new("2001:db8::".parse().unwrap(), 32).contains(&v4("2001:db8:1::9")));
}

proptest! {
    /// Whatever arrives in whatever order: once the signalled source was heard, nobody else is ever believed.
    #[test]
    fn nobody_is_believed_beside_a_settled_source(
        policy in prop_oneof![Just(Gated), Just(Signalled), Just(Open)],
        order in proptest::collection::vec(0..4_usize, 1..40),
    ) {
        let sources = [named(), other_port(), in_prefix(), stranger()];
        let picked: Vec<_> = order.iter().map(|index| sources[*index]).collect();
        let verdicts = judge(policy, true, &picked);
        let mut learned = None;
        let mut is_settled = false;
        for (source, verdict) in picked.iter().zip(verdicts) {
            if *source == named() {
                prop_assert_ne!(verdict, Refused);
                is_settled = true;
            } else if verdict != Refused {
                prop_assert!(!is_settled);
                prop_assert_ne!(policy, Signalled);
                prop_assert_eq!(*learned.get_or_insert(*source), *source);
            }
        }
    }
}
