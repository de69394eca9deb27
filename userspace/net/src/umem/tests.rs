use super::*;

#[test]
fn slots_are_always_somewhere() {
    let region = Region::heap(8, 2048, 256);
    assert_eq!((region.free(), region.app()), (8, 0));
    let frames: Vec<_> = std::iter::from_fn(|| region.alloc()).collect();
    assert_eq!((region.free(), region.app(), frames.len()), (0, 8, 8));
    drop(frames);
    assert_eq!((region.free(), region.app()), (8, 0));
}

#[test]
fn a_slot_in_the_kernel_is_neither_free_nor_in_the_application() {
    let region = Region::heap(4, 2048, 256);
    let slot = region.take_free().unwrap();
    assert_eq!((region.free(), region.app()), (3, 0));
    let frame = region.frame(slot, 256, 60, 1, 2);
    assert_eq!((frame.interface(), frame.queue(), frame.len()), (1, 2, 60));
    assert_eq!((region.free(), region.app()), (3, 1));
    let again = frame.into_slot();
    assert_eq!((again, region.free(), region.app()), (slot, 3, 0));
    region.put_free(again);
    assert_eq!(region.free(), 4);
}

#[test]
fn frames_outlive_the_link_that_made_them() {
    let region = Region::heap(2, 128, 64);
    let mut frame = region.alloc().unwrap();
    drop(region);
    frame.fill_from(b"still here").unwrap();
    assert_eq!(frame.bytes(), b"still here");
}

#[test]
fn a_ledger_that_lost_a_slot_is_not_balanced() {
    let mut ledger = SlotLedger {
        fill: 1,
        rx: 2,
        app: 3,
        tx: 4,
        completion: 5,
        free: 6,
        total: 21,
    };
    assert!(ledger.is_balanced());
    ledger.app -= 1;
    assert!(!ledger.is_balanced());
}
