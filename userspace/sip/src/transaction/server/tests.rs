use alloc::vec::Vec;

use super::*;
use crate::transaction::timer::ALL_TIMERS;

const TIMEOUT: Duration = Duration::from_secs(32);

fn machine(state: State, may_send_trying: bool) -> Server {
    Server {
        state,
        is_reliable: false,
        may_send_trying,
        has_final: state == State::Completed,
    }
}

fn on(mut machine: Server, input: Input) -> (State, Vec<Step>) {
    let mut steps = Steps::new();
    machine.on(input, &TimerValues::default(), &mut steps);
    (machine.state, steps.as_slice().to_vec())
}

#[test]
fn every_input_in_every_state() {
    use Input::{Final, Provisional, Request, RequestTimeout};
    use State::{Completed, Proceeding, Trying};
    let complete: &[Step] = &[Step::Transmit, Step::Set(Timer::J, TIMEOUT)];
    let fall_silent: &[Step] = &[Step::Set(Timer::J, TIMEOUT)];
    let table: &[(State, Input, State, &[Step])] = &[
        (Trying, Request, Trying, &[]),
        (
            Trying,
            Input::Trying,
            Proceeding,
            &[Step::StopWaiting, Step::Transmit],
        ),
        (Trying, Provisional, Trying, &[]),
        (Trying, Final, Completed, complete),
        (Trying, RequestTimeout, Completed, fall_silent),
        (Trying, Input::Timer(Timer::Trying), Trying, &[Step::OweTrying]),
        (Proceeding, Request, Proceeding, &[Step::Retransmit]),
        (
            Proceeding,
            Input::Trying,
            Proceeding,
            &[Step::StopWaiting, Step::Transmit],
        ),
        (Proceeding, Provisional, Proceeding, &[]),
        (Proceeding, Final, Completed, complete),
        (Proceeding, RequestTimeout, Completed, fall_silent),
        (Completed, Request, Completed, &[Step::Retransmit]),
        (Completed, Input::Trying, Completed, &[]),
        (Completed, Provisional, Completed, &[]),
        (Completed, Final, Completed, &[]),
        (Completed, RequestTimeout, Completed, &[]),
        (Completed, Input::Timer(Timer::J), Completed, &[Step::Terminate]),
    ];
    for (state, input, next, steps) in table {
        let found = on(machine(*state, true), *input);
        assert_eq!(found, (*next, steps.to_vec()), "{state:?} {input:?}");
    }
    for state in [Trying, Proceeding, Completed] {
        for timer in ALL_TIMERS {
            let input = Input::Timer(timer);
            if !table.iter().any(|(at, with, ..)| (*at, *with) == (state, input)) {
                assert_eq!(
                    on(machine(state, true), input),
                    (state, Vec::new()),
                    "{state:?} {timer:?}"
                );
            }
        }
    }
}

#[test]
fn a_100_over_udp_has_to_wait_until_timer_e_is_t2() {
    //= https://www.rfc-editor.org/rfc/rfc4320#section-4.1
    //= type=test
    //# An SIP element MUST NOT respond to a non-INVITE request with a
    //# Status-Code of 100 over any unreliable transport, such as UDP,
    //# before the amount of time it takes a client transaction's Timer E to
    //# be reset to T2.
    let mut steps = Steps::new();
    let mut server = Server::start(false, &TimerValues::default(), &mut steps);
    assert_eq!(
        steps.as_slice(),
        [Step::Set(Timer::Trying, Duration::from_millis(3_500))]
    );
    assert_eq!(on(server, Input::Trying), (State::Trying, Vec::new()));
    server.on(Input::Timer(Timer::Trying), &TimerValues::default(), &mut steps);
    assert_eq!(on(server, Input::Trying).0, State::Proceeding);
}

#[test]
fn a_100_over_a_reliable_transport_may_go_at_once() {
    let server = Server::start(true, &TimerValues::default(), &mut Steps::new());
    assert_eq!(on(server, Input::Trying).0, State::Proceeding);
    let (_, steps) = on(server, Input::Final);
    assert_eq!(steps, [Step::Transmit, Step::Set(Timer::J, Duration::ZERO)]);
}

#[test]
fn after_a_408_that_was_not_sent_nothing_is_sent_again() {
    //= https://www.rfc-editor.org/rfc/rfc4320#section-4.2
    //= type=test
    //# A transaction-stateful SIP element MUST NOT send a response with
    //# Status-Code of 408 to a non-INVITE request.
    let mut server = Server::start(false, &TimerValues::default(), &mut Steps::new());
    server.on(Input::RequestTimeout, &TimerValues::default(), &mut Steps::new());
    assert_eq!(on(server, Input::Request), (State::Completed, Vec::new()));
}
