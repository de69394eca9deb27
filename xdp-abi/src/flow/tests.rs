use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use super::{IN_KERNEL, RULES_WORDS, Rules, is_being_written, observe, publish};

#[test]
fn a_reader_sees_whole_rules_or_none_while_they_change() {
    let place: [AtomicU64; RULES_WORDS] = Default::default();
    let is_done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: std::vec::Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (mut whole, mut last) = (0_u64, 0);
                    while !is_done.load(Ordering::Relaxed) || whole == 0 {
                        if let Some([head, rest @ ..]) = observe(&place) {
                            assert!(!is_being_written(head));
                            assert!(rest.iter().all(|word| *word == rest[0]), "{rest:?}");
                            assert_eq!(head >> 32, rest[0], "the flags are of other rules");
                            assert!(rest[0] >= last, "back to older rules");
                            last = rest[0];
                            whole += 1;
                        }
                    }
                    whole
                })
            })
            .collect();
        for number in 1..=200_000_u64 {
            let mut words = [number; RULES_WORDS];
            words[0] = number << 32;
            publish(&place, &words);
        }
        is_done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
    assert_eq!(observe(&place).unwrap()[0] as u32, 400_000);
}

#[test]
fn a_writer_that_dies_half_way_leaves_nothing_to_believe_and_the_next_one_mends_it() {
    let place: [AtomicU64; RULES_WORDS] = Default::default();
    place[0].store(7, Ordering::Relaxed);
    assert_eq!(observe(&place), None);
    publish(&place, &[5; RULES_WORDS]);
    assert_eq!(observe(&place).unwrap()[0], 8, "an even count, and no flags");
}

#[test]
fn rules_name_flags_port_and_payload_types() {
    let rules = Rules {
        head: Rules::head(IN_KERNEL, 5004) | 6,
        payload_types: [1 << 8, 1 << (101 - 64)],
        payload_type_map: [[101, 96], [0xff; 2], [0xff; 2], [0xff; 2]],
        ..Rules::NONE
    };
    assert_eq!((rules.flags(), rules.remote_port()), (IN_KERNEL, 5004));
    let allowed: std::vec::Vec<u8> = (0..128).filter(|number| rules.is_allowed(*number)).collect();
    assert_eq!(allowed, [8, 101]);
    assert_eq!((rules.mapped(101), rules.mapped(8)), (96, 8));
}
