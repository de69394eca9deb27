use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use super::*;

#[test]
fn time_runs_out() {
    let (mut waiter, _waker) = Waiter::new().unwrap();
    let begin = Instant::now();
    assert_eq!(
        waiter.wait(&[], Some(Duration::from_millis(5))).unwrap(),
        Woken::default()
    );
    assert!(begin.elapsed() >= Duration::from_millis(5));
}

#[test]
fn a_wake_before_the_wait_is_not_lost() {
    let (mut waiter, waker) = Waiter::new().unwrap();
    waker.wake();
    waker.wake();
    assert!(waiter.wait(&[], None).unwrap().woken);
    assert!(!waiter.wait(&[], Some(Duration::ZERO)).unwrap().woken);
    waker.wake();
    assert!(waiter.wait(&[], None).unwrap().woken);
}

#[test]
fn readable_descriptors_end_the_wait() {
    let (mut waiter, _waker) = Waiter::new().unwrap();
    let (mut near, far) = UnixStream::pair().unwrap();
    assert!(
        !waiter
            .wait(&[far.as_raw_fd()], Some(Duration::ZERO))
            .unwrap()
            .ready
    );
    near.write_all(b"x").unwrap();
    assert_eq!(
        waiter.wait(&[far.as_raw_fd()], None).unwrap(),
        Woken {
            ready: true,
            woken: false
        }
    );
}

#[test]
fn every_hand_over_is_seen() {
    let (mut waiter, waker) = Waiter::new().unwrap();
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        for number in 0..10_000_u32 {
            sender.send(number).unwrap();
            waker.wake();
        }
    });
    let mut seen = 0;
    while seen < 10_000 {
        let woken = waiter.wait(&[], Some(Duration::from_secs(5))).unwrap();
        assert!(woken.woken, "stuck after {seen}");
        seen += receiver.try_iter().count();
    }
    thread.join().unwrap();
}
