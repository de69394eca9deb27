use super::*;

const INVITE: &str = "INVITE sip:bob@192.0.2.20 SIP/2.0";
const ACK: &str = "ACK sip:bob@192.0.2.20 SIP/2.0";
const OPTIONS: &str = "OPTIONS sip:bob@192.0.2.20 SIP/2.0";

fn at(times: &[u64], line: &str) -> Vec<(u64, String)> {
    times.iter().map(|time| (*time, String::from(line))).collect()
}

#[test]
fn an_unanswered_invite_is_sent_seven_times_and_times_out_after_32_seconds() {
    let mut bench = Bench::new();
    let (key, _) = bench.start(Method::Invite, &udp()).unwrap();
    assert_eq!(bench.sent(), [INVITE]);
    assert_eq!(
        bench.pass(40_000),
        at(&[500, 1_500, 3_500, 7_500, 15_500, 31_500], INVITE)
    );
    assert_eq!(
        bench.events(),
        [
            (32_000, TransactionEvent::ClientTimeout { key, user: 70 }),
            (32_000, TransactionEvent::ClientEnded { key, user: 70 })
        ]
    );
    assert_eq!(bench.layer.counters().retransmissions, 6);
    assert_eq!(bench.layer.counters().timeouts, 1);
    bench.assert_empty();
}

#[test]
fn an_unanswered_options_backs_off_to_t2() {
    let mut bench = Bench::new();
    let (key, _) = bench.start(Method::Options, &udp()).unwrap();
    assert_eq!(bench.sent(), [OPTIONS]);
    let times = [
        500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500,
    ];
    assert_eq!(bench.pass(40_000), at(&times, OPTIONS));
    assert_eq!(
        bench.events()[0],
        (32_000, TransactionEvent::ClientTimeout { key, user: 70 })
    );
    bench.assert_empty();
}

#[test]
fn over_tcp_nothing_is_repeated_but_the_timeout_stays() {
    let mut bench = Bench::new();
    bench.start(Method::Invite, &tcp()).unwrap();
    bench.start(Method::Options, &tcp()).unwrap();
    bench.sent();
    assert_eq!(bench.pass(33_000), []);
    assert_eq!(bench.events().len(), 4);
    bench.assert_empty();
}

#[test]
fn a_provisional_response_stops_the_invite_for_good() {
    let mut bench = Bench::new();
    let (key, branch) = bench.start(Method::Invite, &udp()).unwrap();
    assert_eq!(
        bench.response(100, "INVITE", &branch),
        OnResponse::Pass { key, user: 70 }
    );
    assert_eq!(
        bench.response(180, "INVITE", &branch),
        OnResponse::Pass { key, user: 70 }
    );
    assert_eq!(
        bench.response(180, "INVITE", &branch),
        OnResponse::Pass { key, user: 70 }
    );
    bench.sent();
    assert_eq!(bench.pass(200_000), []);
    assert_eq!(bench.events(), []);
    assert_eq!(bench.layer.counts().invite_clients, 1);
}

#[test]
fn a_provisional_response_slows_options_to_t2() {
    let mut bench = Bench::new();
    let (key, branch) = bench.start(Method::Options, &udp()).unwrap();
    bench.sent();
    assert_eq!(
        bench.response(100, "OPTIONS", &branch),
        OnResponse::Pass { key, user: 70 }
    );
    assert_eq!(bench.pass(9_000), at(&[500, 4_500, 8_500], OPTIONS));
    assert_eq!(
        bench.response(200, "OPTIONS", &branch),
        OnResponse::Pass { key, user: 70 }
    );
    assert_eq!(bench.response(200, "OPTIONS", &branch), OnResponse::Absorbed);
    assert_eq!(bench.pass(5_000), []);
    assert_eq!(
        bench.events(),
        [(5_000, TransactionEvent::ClientEnded { key, user: 70 })]
    );
    assert_eq!(bench.response(200, "OPTIONS", &branch), OnResponse::Stray);
    bench.assert_empty();
}

#[test]
fn a_failed_invite_is_acknowledged_here_each_time_and_passed_once() {
    let mut bench = Bench::new();
    bench.entropy += 1;
    let branch = bench.layer.next_branch(1).unwrap();
    let routes = "Via: SIP/2.0/UDP 192.0.2.99;branch=z9hG4bKbelow\r\nRoute: <sip:p1.example;lr>\r\n\
                  Route: <sip:p2.example;lr>\r\n";
    let invite = request("INVITE", branch.as_str(), routes);
    let (now, bytes) = (bench.now, invite.as_bytes());
    let key = bench
        .layer
        .start(
            now,
            Method::Invite,
            branch.as_bytes(),
            &udp(),
            bytes,
            5,
            &mut bench.sent,
        )
        .unwrap();
    bench.sent();
    let pass = bench.response(486, "INVITE", branch.as_str());
    assert_eq!(pass, OnResponse::Pass { key, user: 5 });
    let (path, ack) = bench.sent.0.pop().unwrap();
    assert_eq!(path, udp());
    let ack = String::from_utf8(ack).unwrap();
    let expected = format!(
        "ACK sip:bob@192.0.2.20 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch={branch}\r\n\
         Route: <sip:p1.example;lr>\r\nRoute: <sip:p2.example;lr>\r\nMax-Forwards: 70\r\n\
         From: \"Alice\" <sip:alice@192.0.2.10>;tag=from\r\nTo: <sip:bob@192.0.2.20>;tag=to\r\n\
         Call-ID: call\r\nCSeq: 7 ACK\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(ack, expected);
    assert_eq!(
        bench.response(486, "INVITE", branch.as_str()),
        OnResponse::Absorbed
    );
    assert_eq!(bench.sent.0.pop().unwrap().1, ack.as_bytes());
    assert_eq!(
        bench.response(200, "INVITE", branch.as_str()),
        OnResponse::Absorbed
    );
    assert_eq!(bench.sent(), [""; 0]);
    assert_eq!(bench.pass(31_999), []);
    assert_eq!(bench.layer.counts().invite_clients, 1);
    bench.pass(1);
    bench.assert_empty();
}

#[test]
fn after_a_2xx_each_further_2xx_goes_up_and_no_ack_is_made() {
    let mut bench = Bench::new();
    let (key, branch) = bench.start(Method::Invite, &udp()).unwrap();
    bench.sent();
    assert_eq!(
        bench.response(200, "INVITE", &branch),
        OnResponse::Pass { key, user: 70 }
    );
    assert_eq!(
        bench.response(200, "INVITE", &branch),
        OnResponse::SuccessAgain { user: 70 }
    );
    assert_eq!(bench.response(180, "INVITE", &branch), OnResponse::Absorbed);
    assert_eq!(bench.response(486, "INVITE", &branch), OnResponse::Absorbed);
    assert_eq!(bench.sent(), [""; 0]);
    bench.pass(32_000);
    assert_eq!(
        bench.events(),
        [(32_000, TransactionEvent::ClientEnded { key, user: 70 })]
    );
    assert_eq!(bench.response(200, "INVITE", &branch), OnResponse::Stray);
    bench.assert_empty();
}

#[test]
fn over_tcp_a_final_response_ends_the_transaction_in_the_same_turn() {
    let mut bench = Bench::new();
    let (_, invite) = bench.start(Method::Invite, &tcp()).unwrap();
    let (_, options) = bench.start(Method::Options, &tcp()).unwrap();
    let _ = bench.response(503, "INVITE", &invite);
    let _ = bench.response(200, "OPTIONS", &options);
    assert_eq!(bench.sent(), [INVITE, OPTIONS, ACK]);
    bench.layer.expire(bench.now, &mut bench.sent, &mut |_| {});
    bench.assert_empty();
}

#[test]
fn a_cancel_waits_for_a_provisional_response() {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-9.1
    //= type=test
    //# If no provisional response has been received, the CANCEL request MUST
    //# NOT be sent; rather, the client MUST wait for the arrival of a
    //# provisional response before sending the request.
    let mut bench = Bench::new();
    let (key, branch) = bench.start(Method::Invite, &udp()).unwrap();
    let mut buffer = [0; 1_000];
    assert_eq!(bench.layer.write_cancel(key, &mut buffer), None);
    let early = bench.layer.start(
        bench.now,
        Method::Cancel,
        branch.as_bytes(),
        &udp(),
        b"CANCEL",
        1,
        &mut bench.sent,
    );
    assert_eq!(early, None);
    let _ = bench.response(100, "INVITE", &branch);
    assert!(bench.layer.write_cancel(key, &mut buffer).is_some());
    assert_eq!(
        bench.layer.write_cancel(key, &mut buffer[..40]),
        None,
        "too short"
    );
    let _ = bench.response(486, "INVITE", &branch);
    assert_eq!(bench.layer.write_cancel(key, &mut buffer), None, "too late");
}

fn cancel(bench: &mut Bench, invite: ClientKey, branch: &str) -> ClientKey {
    let mut buffer = [0; 1_000];
    let len = bench.layer.write_cancel(invite, &mut buffer).unwrap();
    let path = bench.layer.client_path(invite).unwrap();
    bench
        .layer
        .start(
            bench.now,
            Method::Cancel,
            branch.as_bytes(),
            &path,
            &buffer[..len],
            71,
            &mut bench.sent,
        )
        .unwrap()
}

#[test]
fn cancel_and_its_invite_share_a_branch_but_not_a_transaction() {
    let mut bench = Bench::new();
    let (invite, branch) = bench.start(Method::Invite, &udp()).unwrap();
    let _ = bench.response(180, "INVITE", &branch);
    bench.sent();
    let cancel = cancel(&mut bench, invite, &branch);
    let bytes = bench.sent.0.pop().unwrap().1;
    let text = String::from_utf8(bytes).unwrap();
    let expected = format!(
        "CANCEL sip:bob@192.0.2.20 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.20:5060;branch={branch}\r\n\
         Max-Forwards: 70\r\nFrom: \"Alice\" <sip:alice@192.0.2.10>;tag=from\r\n\
         To: <sip:bob@192.0.2.20>\r\nCall-ID: call\r\nCSeq: 7 CANCEL\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(text, expected);
    assert_eq!(
        bench.response(200, "CANCEL", &branch),
        OnResponse::Pass {
            key: cancel,
            user: 71
        }
    );
    assert_eq!(
        bench.response(487, "INVITE", &branch),
        OnResponse::Pass {
            key: invite,
            user: 70
        }
    );
    assert_eq!(bench.sent(), [ACK]);
    bench.pass(32_000);
    bench.assert_empty();
}

#[test]
fn the_2xx_that_crosses_a_cancel_still_goes_up() {
    let mut bench = Bench::new();
    let (invite, branch) = bench.start(Method::Invite, &udp()).unwrap();
    let _ = bench.response(180, "INVITE", &branch);
    cancel(&mut bench, invite, &branch);
    assert_eq!(
        bench.response(200, "INVITE", &branch),
        OnResponse::Pass {
            key: invite,
            user: 70
        }
    );
    assert!(matches!(
        bench.response(481, "CANCEL", &branch),
        OnResponse::Pass { .. }
    ));
    bench.pass(32_000);
    bench.assert_empty();
}

#[test]
fn an_invite_that_never_ends_after_its_cancel_is_given_up() {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-9.1
    //= type=test
    //# If there is no final response for the original
    //# request in 64*T1 seconds (T1 is defined in Section 17.1.1.1), the
    //# client SHOULD then consider the original transaction cancelled and
    //# SHOULD destroy the client transaction handling the original request.
    let mut bench = Bench::new();
    let (invite, branch) = bench.start(Method::Invite, &udp()).unwrap();
    let _ = bench.response(180, "INVITE", &branch);
    cancel(&mut bench, invite, &branch);
    let _ = bench.response(200, "CANCEL", &branch);
    bench.pass(32_000);
    assert!(bench.events().contains(&(
        32_000,
        TransactionEvent::ClientTimeout {
            key: invite,
            user: 70
        }
    )));
    bench.assert_empty();
}

#[test]
fn a_cancel_outlives_its_invite_and_is_still_found() {
    let mut bench = Bench::new();
    let (invite, branch) = bench.start(Method::Invite, &tcp()).unwrap();
    let _ = bench.response(180, "INVITE", &branch);
    let cancel = cancel(&mut bench, invite, &branch);
    let _ = bench.response(487, "INVITE", &branch);
    bench.pass(1);
    assert_eq!(
        bench.layer.counts(),
        Counts {
            clients: 1,
            ..Counts::default()
        }
    );
    assert_eq!(
        bench.layer.client_branch(invite),
        None,
        "the INVITE's key is stale"
    );
    assert_eq!(bench.response(487, "INVITE", &branch), OnResponse::Stray);
    assert_eq!(
        bench.response(200, "CANCEL", &branch),
        OnResponse::Pass {
            key: cancel,
            user: 71
        }
    );
    bench.pass(1);
    bench.assert_empty();
}

#[test]
fn a_response_needs_the_whole_branch_the_method_and_a_single_via() {
    let mut bench = Bench::new();
    let (key, branch) = bench.start(Method::Options, &udp()).unwrap();
    let mut other = branch.clone();
    let last = if other.pop() == Some('0') { '1' } else { '0' };
    other.push(last);
    assert_eq!(bench.response(200, "OPTIONS", &other), OnResponse::Stray);
    assert_eq!(bench.response(200, "INFO", &branch), OnResponse::Stray);
    assert_eq!(bench.response(200, "CANCEL", &branch), OnResponse::Stray);
    assert_eq!(
        bench.response(200, "OPTIONS", "z9hG4bKforeign"),
        OnResponse::Stray
    );
    let two = format!("{branch}\r\nVia: SIP/2.0/UDP 192.0.2.77;branch=z9hG4bKsecond");
    assert_eq!(bench.response(200, "OPTIONS", &two), OnResponse::Stray);
    assert_eq!(bench.layer.counters().strays, 5);
    assert_eq!(
        bench.response(200, "OPTIONS", &branch),
        OnResponse::Pass { key, user: 70 }
    );
}

#[test]
fn methods_without_a_name_here_are_told_apart() {
    let mut bench = Bench::new();
    let branch = bench.layer.next_branch(9).unwrap();
    let bytes = request("FOO", branch.as_str(), "");
    let (now, path) = (bench.now, udp());
    let key = bench
        .layer
        .start(
            now,
            Method::Other,
            branch.as_bytes(),
            &path,
            bytes.as_bytes(),
            1,
            &mut bench.sent,
        )
        .unwrap();
    assert_eq!(bench.response(200, "FO", branch.as_str()), OnResponse::Stray);
    assert_eq!(
        bench.response(200, "FOO", branch.as_str()),
        OnResponse::Pass { key, user: 1 }
    );
}

#[test]
fn a_full_layer_starts_nothing_and_recovers() {
    let mut bench = Bench::with_capacity(2);
    bench.start(Method::Options, &udp()).unwrap();
    bench.start(Method::Options, &udp()).unwrap();
    assert_eq!(bench.layer.next_branch(1), None);
    bench.pass(32_000);
    bench.assert_empty();
    assert!(bench.start(Method::Options, &udp()).is_some());
}

#[test]
fn there_is_no_room_for_a_cancel_in_a_full_layer() {
    let mut bench = Bench::with_capacity(1);
    let (key, branch) = bench.start(Method::Invite, &udp()).unwrap();
    let _ = bench.response(180, "INVITE", &branch);
    let mut buffer = [0; 1_000];
    let len = bench.layer.write_cancel(key, &mut buffer).unwrap();
    let (now, path) = (bench.now, udp());
    let cancel = bench.layer.start(
        now,
        Method::Cancel,
        branch.as_bytes(),
        &path,
        &buffer[..len],
        1,
        &mut bench.sent,
    );
    assert_eq!(cancel, None);
    assert_eq!(bench.layer.counters().full, 1);
}

#[test]
fn a_branch_starts_one_request_and_survives_what_ends_meanwhile() {
    let mut bench = Bench::new();
    let (other, _) = bench.start(Method::Options, &udp()).unwrap();
    let branch = bench.layer.next_branch(77).unwrap();
    assert!(bench.layer.abandon_client(other));
    let bytes = request("OPTIONS", branch.as_str(), "");
    let (now, path) = (bench.now, udp());
    let start = |bench: &mut Bench| {
        bench.layer.start(
            now,
            Method::Options,
            branch.as_bytes(),
            &path,
            bytes.as_bytes(),
            1,
            &mut bench.sent,
        )
    };
    let key = start(&mut bench).unwrap();
    assert_eq!(start(&mut bench), None, "used already");
    assert!(bench.layer.abandon_client(key));
    assert!(!bench.layer.abandon_client(key), "stale");
    assert_eq!(start(&mut bench), None, "its place has a new generation");
    let now = bench.now;
    let foreign = bench
        .layer
        .start(now, Method::Bye, b"z9hG4bKx", &path, b"", 1, &mut bench.sent);
    assert_eq!(foreign, None);
    bench.assert_empty();
}

#[test]
fn retransmission_takes_the_bytes_as_they_were() {
    let mut bench = Bench::new();
    bench.start(Method::Invite, &udp()).unwrap();
    let first = bench.sent.0.pop().unwrap();
    bench.now += Duration::from_millis(500);
    bench.layer.expire(bench.now, &mut bench.sent, &mut |_| {});
    assert_eq!(bench.sent.0.pop().unwrap(), first);
}
