use super::*;

fn received(link: &mut SimLink) -> Vec<Vec<u8>> {
    let mut batch = Batch::new();
    link.rx(&mut batch);
    batch.drain().map(|frame| frame.bytes().to_vec()).collect()
}

#[test]
fn a_perfect_wire_delivers_at_once_and_in_order() {
    let (mut link, endpoint) = SimLink::pair(&SimConfig::default());
    endpoint.inject(3, b"one");
    endpoint.inject(4, b"two");
    let mut batch = Batch::new();
    assert_eq!(link.rx(&mut batch), 2);
    assert_eq!(batch.frames()[0].interface(), 3);
    assert_eq!(batch.frames()[1].bytes(), b"two");
    assert!(batch.frames()[0].headroom() >= frame::HEADROOM_MIN);
    assert_eq!(link.slots().app, 2);
    let frame = batch.pop().unwrap();
    link.tx(1, frame);
    assert_eq!(endpoint.take(), [(1, b"two".to_vec())]);
    batch.clear();
    assert_eq!(link.slots().free, link.slots().total);
}

#[test]
fn delay_is_virtual() {
    let impairment = Impairment {
        delay: Duration::from_millis(20),
        ..Impairment::default()
    };
    let (mut link, endpoint) = SimLink::pair(&SimConfig {
        impairment,
        ..SimConfig::default()
    });
    endpoint.inject(0, b"late");
    assert!(received(&mut link).is_empty());
    assert_eq!(endpoint.next_arrival(), Some(Timestamp::from_millis(20)));
    endpoint.set_now(Timestamp::from_millis(20));
    assert_eq!(received(&mut link), [b"late"]);
    endpoint.set_now(Timestamp::ZERO);
    assert_eq!(endpoint.now(), Timestamp::from_millis(20));
}

#[test]
fn the_same_seed_gives_the_same_fate() {
    let impairment = Impairment {
        loss_per_mille: 200,
        duplicate_per_mille: 100,
        reorder_per_mille: 100,
        reorder_by: Duration::from_millis(3),
        delay: Duration::from_millis(1),
        jitter: Duration::from_millis(1),
    };
    let run = |seed| {
        let (mut link, endpoint) = SimLink::pair(&SimConfig {
            seed,
            impairment,
            ..SimConfig::default()
        });
        for number in 0..1000_u16 {
            endpoint.inject(0, &number.to_be_bytes());
            endpoint.set_now(endpoint.now().saturating_add(Duration::from_micros(100)));
        }
        endpoint.set_now(Timestamp::from_millis(1_000));
        let mut all = Vec::new();
        loop {
            let some = received(&mut link);
            if some.is_empty() {
                break;
            }
            all.extend(some);
        }
        (all, endpoint.counters())
    };
    let (first, counters) = run(7);
    assert_eq!((first.clone(), counters), run(7));
    assert_ne!(first, run(8).0);
    assert_eq!(
        first.len() as u64,
        counters.offered - counters.lost + counters.duplicated
    );
    assert!((150..250).contains(&counters.lost), "{counters:?}");
    assert!(
        first.windows(2).any(|pair| pair[0] > pair[1]),
        "nothing was reordered"
    );
}

#[test]
fn without_slots_frames_wait_on_the_wire() {
    let (mut link, endpoint) = SimLink::pair(&SimConfig {
        slots: 1,
        ..SimConfig::default()
    });
    let held = link.alloc().unwrap();
    assert!(link.alloc().is_none());
    endpoint.inject(0, b"x");
    assert!(received(&mut link).is_empty());
    link.release(held);
    assert_eq!(received(&mut link), [b"x"]);
    assert_eq!(link.counters().alloc_failed, 1);
}
