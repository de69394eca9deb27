extern crate std;

use core::time::Duration;
use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

fn drain<T: Copy>(wheel: &mut Wheel<T>, now: Timestamp) -> Vec<T> {
    core::iter::from_fn(|| wheel.pop_expired(now)).collect()
}

#[test]
fn a_timer_is_never_early_and_at_most_a_millisecond_late() {
    let mut wheel = Wheel::new(Timestamp::ZERO, 4);
    wheel.set(Timestamp::from_nanos(1_500_000), 'a').unwrap();
    wheel.set(Timestamp::from_millis(2), 'b').unwrap();
    assert_eq!(drain(&mut wheel, Timestamp::from_nanos(1_999_999)), []);
    assert_eq!(drain(&mut wheel, Timestamp::from_millis(2)), ['a', 'b']);
    assert!(wheel.is_empty());
}

#[test]
fn a_full_wheel_refuses_and_takes_again_after_a_cancel() {
    let mut wheel = Wheel::new(Timestamp::ZERO, 2);
    let first = wheel.set(Timestamp::from_millis(5), 1).unwrap();
    wheel.set(Timestamp::from_millis(6), 2).unwrap();
    assert_eq!(wheel.set(Timestamp::from_millis(7), 3), None);
    assert!(wheel.cancel(first));
    assert!(wheel.set(Timestamp::from_millis(4), 4).is_some());
    assert_eq!((wheel.len(), wheel.capacity()), (2, 2));
    assert_eq!(drain(&mut wheel, Timestamp::from_millis(10)), [4, 2]);
}

#[test]
fn a_stale_key_cancels_nothing() {
    let mut wheel = Wheel::new(Timestamp::ZERO, 1);
    let old = wheel.set(Timestamp::from_millis(1), 1).unwrap();
    assert!(wheel.cancel(old));
    assert!(!wheel.cancel(old));
    let expired = wheel.set(Timestamp::from_millis(1), 2).unwrap();
    assert_eq!(wheel.pop_expired(Timestamp::from_millis(1)), Some(2));
    assert!(!wheel.cancel(expired));
    wheel.set(Timestamp::from_millis(9), 3).unwrap();
    assert!(!wheel.cancel(old) && !wheel.cancel(expired));
    assert_eq!(wheel.len(), 1);
}

#[test]
fn a_deadline_in_the_past_is_due_at_once() {
    let mut wheel = Wheel::new(Timestamp::from_millis(1_000), 2);
    wheel.set(Timestamp::ZERO, ()).unwrap();
    assert_eq!(wheel.next_deadline(), Some(Timestamp::from_millis(1_000)));
    assert_eq!(wheel.pop_expired(Timestamp::from_millis(1_000)), Some(()));
}

#[test]
fn the_farthest_deadline_keeps_its_place() {
    let mut wheel = Wheel::new(Timestamp::ZERO, 2);
    wheel.set(Timestamp::MAX, 'z').unwrap();
    wheel
        .set(Timestamp::ZERO + Duration::from_secs(3_600 * 24 * 365 * 100), 'y')
        .unwrap();
    assert_eq!(
        drain(
            &mut wheel,
            Timestamp::ZERO + Duration::from_secs(3_600 * 24 * 365 * 99)
        ),
        []
    );
    assert_eq!(
        drain(
            &mut wheel,
            Timestamp::ZERO + Duration::from_secs(3_600 * 24 * 365 * 101)
        ),
        ['y']
    );
    assert!(wheel.next_deadline().unwrap() <= Timestamp::MAX);
    assert_eq!(drain(&mut wheel, Timestamp::MAX), []);
    assert_eq!(wheel.len(), 1, "the last partial millisecond never completes");
}

#[derive(Clone, Debug)]
enum Step {
    Set(u64),
    Cancel(usize),
    Advance(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let nanos = prop_oneof![
        0..3_000_000_u64,
        0..200_000_000_u64,
        0..40_000_000_000_u64,
        0..u64::MAX / 1_024
    ];
    let step = prop_oneof![
        4 => nanos.clone().prop_map(Step::Set),
        2 => any::<usize>().prop_map(Step::Cancel),
        3 => nanos.prop_map(Step::Advance),
    ];
    prop::collection::vec(step, 1..200)
}

proptest! {
    #[test]
    fn behaves_as_a_sorted_map(steps in steps(), start in 0..u64::MAX / 4) {
        let mut now = Timestamp::from_nanos(start);
        let mut wheel = Wheel::new(now, 24);
        let mut model: BTreeMap<usize, (u64, TimerKey)> = BTreeMap::new();
        let mut stale = Vec::new();
        for (id, step) in steps.into_iter().enumerate() {
            match step {
                Step::Set(nanos) => {
                    let deadline = now + Duration::from_nanos(nanos);
                    match wheel.set(deadline, id) {
                        Some(key) => { model.insert(id, (deadline.as_nanos().div_ceil(TICK_NANOS), key)); }
                        None => prop_assert_eq!(model.len(), 24),
                    }
                }
                Step::Cancel(pick) if !model.is_empty() => {
                    let id = *model.keys().nth(pick % model.len()).unwrap();
                    let (_, key) = model.remove(&id).unwrap();
                    prop_assert!(wheel.cancel(key));
                    stale.push(key);
                }
                Step::Cancel(_) => {}
                Step::Advance(nanos) => {
                    now += Duration::from_nanos(nanos);
                    let tick = now.as_nanos() / TICK_NANOS;
                    let mut last = 0;
                    while let Some(id) = wheel.pop_expired(now) {
                        let (due, key) = model.remove(&id).expect("only what was set expires");
                        prop_assert!(due <= tick, "early");
                        prop_assert!(due >= last, "out of order");
                        last = due;
                        stale.push(key);
                    }
                    prop_assert!(model.values().all(|(due, _)| *due > tick), "late");
                }
            }
            prop_assert_eq!(wheel.len(), model.len());
            let next = wheel.next_deadline().map(Timestamp::as_millis);
            prop_assert_eq!(next.is_some(), !model.is_empty());
            if let Some(next) = next {
                prop_assert!(next <= model.values().map(|(due, _)| *due).min().unwrap());
            }
            prop_assert!(stale.iter().all(|key| !wheel.cancel(*key)));
        }
    }
}
