use std::collections::HashSet;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const QUARANTINE: Duration = Duration::from_secs(5);

fn range(zone: u8, address: [u8; 4], low: u16, high: u16) -> PortRange {
    PortRange {
        zone,
        address: address.into(),
        low,
        high,
    }
}

fn pool(low: u16, high: u16) -> PortPool {
    PortPool::new(&[range(0, [192, 0, 2, 10], low, high)], 0, 1, QUARANTINE, 7)
}

fn drain(pool: &mut PortPool, now: Timestamp) -> Vec<PortPair> {
    core::iter::from_fn(|| pool.take_pair(now, 0, false)).collect()
}

#[test]
fn pairs_are_even_and_odd_and_inside_the_range() {
    for (low, high, expected) in [
        (20000, 20007, 4),
        (20001, 20008, 3),
        (20000, 20000, 0),
        (65534, 65535, 1),
        (65535, 65535, 0),
        (0, 3, 1),
    ] {
        let mut pool = pool(low, high);
        let pairs = drain(&mut pool, Timestamp::ZERO);
        assert_eq!(pairs.len(), expected, "{low}-{high}");
        for pair in pairs {
            assert!(pair.rtp % 2 == 0 && pair.rtp >= low && pair.rtcp() <= high && pair.rtp != 0);
        }
    }
}

#[test]
fn exhaustion_is_counted_and_ends_after_quarantine() {
    let mut pool = pool(20000, 20003);
    let mut pairs = drain(&mut pool, Timestamp::ZERO);
    assert_eq!((pairs.len(), pool.counts().exhausted), (2, 1));
    let port = pairs[0].rtp;
    assert!(pool.give_back(Timestamp::from_millis(100), pairs.remove(0)));
    assert_eq!(pool.take_pair(Timestamp::from_millis(5_099), 0, false), None);
    let expected = PortCounts {
        free: 0,
        taken: 1,
        quarantined: 1,
        exhausted: 2,
    };
    assert_eq!(pool.counts(), expected);
    assert_eq!(
        pool.take_pair(Timestamp::from_millis(5_100), 0, false)
            .map(|pair| pair.rtp),
        Some(port)
    );
}

#[test]
fn a_pair_is_given_back_once_and_to_where_it_came_from() {
    let mut pool = pool(20000, 20099);
    let pair = pool.take_pair(Timestamp::ZERO, 0, false).unwrap();
    let forged = |zone, address: [u8; 4], rtp| PortPair {
        zone,
        address: address.into(),
        rtp,
    };
    let (address, rtp) = ([192, 0, 2, 10], pair.rtp);
    assert!(!pool.give_back(Timestamp::ZERO, forged(1, address, rtp)));
    assert!(!pool.give_back(Timestamp::ZERO, forged(0, [192, 0, 2, 11], rtp)));
    assert!(!pool.give_back(Timestamp::ZERO, forged(0, address, rtp ^ 2)));
    assert!(!pool.give_back(Timestamp::ZERO, forged(0, address, 19998)));
    assert!(pool.give_back(Timestamp::ZERO, pair));
    assert!(!pool.give_back(Timestamp::ZERO, forged(0, address, rtp)));
    assert_eq!((pool.counts().taken, pool.counts().quarantined), (0, 1));
}

#[test]
fn zones_families_and_addresses_are_kept_apart() {
    let v6 = PortRange {
        zone: 1,
        address: "2001:db8::10".parse().unwrap(),
        low: 30000,
        high: 30001,
    };
    let ranges = [
        range(0, [192, 0, 2, 10], 20000, 20003),
        v6,
        range(1, [198, 51, 100, 1], 30000, 30001),
    ];
    let mut pool = PortPool::new(&ranges, 0, 1, QUARANTINE, 1);
    let now = Timestamp::ZERO;
    assert_eq!(pool.take_pair(now, 1, true).unwrap().address, v6.address);
    assert_eq!(pool.take_pair(now, 1, true), None);
    assert_eq!(pool.take_pair(now, 1, false).unwrap().address, ranges[2].address);
    assert_eq!(pool.take_pair(now, 2, false), None);
    assert_eq!(pool.take_pair_on(now, 0, v6.address), None);
    assert!(pool.take_pair_on(now, 0, ranges[0].address).is_some());
}

#[test]
fn several_addresses_of_a_zone_are_used_in_turn() {
    let ranges = [
        range(0, [192, 0, 2, 10], 20000, 20999),
        range(0, [192, 0, 2, 11], 20000, 20999),
    ];
    let mut pool = PortPool::new(&ranges, 0, 1, QUARANTINE, 1);
    let first =
        (0..100).filter(|_| pool.take_pair(Timestamp::ZERO, 0, false).unwrap().address == ranges[0].address);
    assert_eq!(first.count(), 50);
}

#[test]
fn an_empty_pool_says_none() {
    let mut pool = PortPool::new(&[], 0, 1, QUARANTINE, 0);
    assert_eq!(pool.take_pair(Timestamp::ZERO, 0, false), None);
    assert_eq!(pool.counts().exhausted, 1);
}

#[test]
fn workers_share_the_ports_without_overlap_or_gap() {
    for workers in [1_u8, 2, 3, 7] {
        let mut seen = HashSet::new();
        for owner in 0..workers {
            let ranges = [range(0, [192, 0, 2, 10], 20000, 20999)];
            let mut pool = PortPool::new(&ranges, owner, workers, QUARANTINE, 7);
            for pair in drain(&mut pool, Timestamp::ZERO) {
                assert_eq!(
                    (owner_of(pair.rtp, workers), owner_of(pair.rtcp(), workers)),
                    (owner, owner)
                );
                assert!(seen.insert(pair.rtp));
            }
        }
        assert_eq!(seen.len(), 500);
    }
    assert_eq!(owner_of(20001, 0), 0);
}

#[test]
fn the_order_depends_on_the_seed_and_is_not_that_of_numbers() {
    let order = |seed| {
        let mut pool = PortPool::new(&[range(0, [192, 0, 2, 10], 20000, 21999)], 0, 1, QUARANTINE, seed);
        drain(&mut pool, Timestamp::ZERO)
            .iter()
            .map(|pair| pair.rtp)
            .collect::<Vec<_>>()
    };
    assert_eq!(order(5), order(5));
    assert_ne!(order(5), order(9));
    let rises = order(5).windows(2).filter(|pair| pair[0] < pair[1]).count();
    assert!((400..600).contains(&rises), "{rises} of 999 steps go up");
}

proptest! {
    /// No pair is ever handed out twice, none rests too short, and all add up.
    #[test]
    fn no_pair_is_lost_or_given_twice(seed: u64, steps in proptest::collection::vec((any::<bool>(), 0..3_000_u64), 1..300)) {
        let mut pool = PortPool::new(&[range(0, [192, 0, 2, 10], 20000, 20039)], 0, 1, QUARANTINE, seed);
        let mut held: Vec<PortPair> = Vec::new();
        let mut given_back: Vec<(u16, Timestamp)> = Vec::new();
        let mut now = Timestamp::ZERO;
        for (is_take, millis) in steps {
            now += Duration::from_millis(millis);
            if is_take {
                if let Some(pair) = pool.take_pair(now, 0, false) {
                    prop_assert!(held.iter().all(|other| other.rtp != pair.rtp));
                    let last = given_back.iter().rev().find(|(port, _)| *port == pair.rtp);
                    prop_assert!(last.is_none_or(|(_, at)| now.saturating_since(*at) >= QUARANTINE));
                    held.push(pair);
                }
            } else if !held.is_empty() {
                let pair = held.swap_remove(millis as usize % held.len());
                given_back.push((pair.rtp, now));
                prop_assert!(pool.give_back(now, pair));
            }
            let counts = pool.counts();
            prop_assert_eq!(counts.taken, held.len());
            prop_assert_eq!(counts.free + counts.taken + counts.quarantined, 20);
        }
    }
}
