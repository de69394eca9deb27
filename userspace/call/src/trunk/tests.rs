use super::*;

#[test]
fn limits_take_and_give_back() {
    let limits = Limits {
        calls: Some(2),
        cps: None,
        bandwidth_bps: Some(200),
    };
    let state = TrunkState::new(1, limits);
    let now = Timestamp::from_nanos(1);
    assert_eq!(state.admit(now, Direction::In, 100), Ok(()));
    assert_eq!(state.admit(now, Direction::Out, 101), Err(Limit::Bandwidth));
    assert_eq!(state.admit(now, Direction::Out, 100), Ok(()));
    assert_eq!(state.admit(now, Direction::Out, 0), Err(Limit::Calls));
    assert_eq!(
        (state.active(Direction::In), state.active(Direction::Out)),
        (1, 1)
    );
    state.release(Direction::In, 100);
    state.release(Direction::Out, 100);
    assert_eq!((state.active_total(), state.bandwidth_bps()), (0, 0));
    assert_eq!(
        (state.rejections(Limit::Calls), state.rejections(Limit::Bandwidth)),
        (1, 1)
    );
}

#[test]
fn a_peer_falls_and_rises_by_counts() {
    let state = TrunkState::new(2, Limits::default());
    let peer = state.peer(0).unwrap();
    assert!(!peer.on_failure(3) && !peer.on_failure(3) && peer.is_up());
    assert!(peer.on_failure(3) && !peer.is_up());
    assert!(state.is_up(), "the other peer still stands");
    assert!(!peer.on_success(2) && !peer.is_up());
    assert!(peer.on_success(2) && peer.is_up());
}

#[test]
fn a_hold_off_ends_by_itself() {
    let state = TrunkState::new(1, Limits::default());
    let peer = state.peer(0).unwrap();
    peer.hold_off(Timestamp::from_nanos(10));
    assert!(!peer.is_available(Timestamp::from_nanos(9)));
    assert!(peer.is_available(Timestamp::from_nanos(10)));
}
