use super::*;

fn region() -> Rc<Region> {
    Region::heap(4, 512, 256)
}

#[test]
fn windows_stay_inside_the_slot() {
    let mut frame = region().alloc().unwrap();
    assert_eq!(
        (frame.headroom(), frame.len(), frame.tailroom(), frame.capacity()),
        (256, 0, 256, 512)
    );
    assert_eq!(frame.set_window(0, 257), Err(WindowError));
    assert_eq!(frame.set_window(-257, 1), Err(WindowError));
    assert_eq!(frame.set_window(isize::MAX, 1), Err(WindowError));
    assert_eq!(frame.place(usize::MAX, 2), Err(WindowError));
    assert_eq!((frame.headroom(), frame.len()), (256, 0));
    frame.set_window(-256, 512).unwrap();
    assert_eq!((frame.headroom(), frame.len(), frame.tailroom()), (0, 512, 0));
}

#[test]
fn growing_to_the_front_keeps_what_was_there() {
    let mut frame = region().alloc().unwrap();
    frame.fill_from(b"payload").unwrap();
    frame.set_window(-4, 11).unwrap();
    frame.bytes_mut()[..4].copy_from_slice(b"head");
    assert_eq!(frame.bytes(), b"headpayload");
}

#[test]
fn shifting_moves_the_bytes() {
    let mut frame = region().alloc().unwrap();
    frame.fill_from(b"abcdef").unwrap();
    frame.set_window(2, 4).unwrap();
    frame.shift_to(256).unwrap();
    assert_eq!((frame.bytes(), frame.headroom()), (&b"cdef"[..], 256));
    assert_eq!(frame.shift_to(510), Err(WindowError));
}

#[test]
fn slots_do_not_overlap() {
    let region = region();
    let mut frames: Vec<_> = std::iter::from_fn(|| region.alloc()).collect();
    for (number, frame) in frames.iter_mut().enumerate() {
        frame.place(0, 512).unwrap();
        frame.bytes_mut().fill(number as u8);
    }
    for (number, frame) in frames.iter().enumerate() {
        assert!(frame.bytes().iter().all(|byte| *byte == number as u8));
    }
}

#[test]
fn a_full_batch_gives_the_frame_back() {
    let region = Region::heap(BATCH_MAX as u32 + 1, 128, 64);
    let mut batch = Batch::new();
    while !batch.is_full() {
        batch.push(region.alloc().unwrap()).unwrap();
    }
    assert_eq!(batch.room(), 0);
    let refused = batch.push(region.alloc().unwrap()).unwrap_err();
    assert_eq!(refused.len(), 0);
    batch.clear();
    assert_eq!(region.app(), 1);
}
