use super::*;

const BRANCH: &str = "z9hG4bKone";

fn ack(branch: &str, to: &str) -> String {
    request("ACK", branch, "").replace(
        "To: <sip:bob@192.0.2.20>",
        &format!("To: <sip:bob@192.0.2.20>{to}"),
    )
}

#[test]
fn an_invite_again_gets_the_latest_provisional_response_again() {
    let mut bench = Bench::new();
    let invite = request("INVITE", BRANCH, "");
    let key = bench.new_request(&invite, &udp());
    assert_eq!(bench.request(&invite, &udp()), OnRequest::Absorbed);
    assert_eq!(bench.sent(), [""; 0]);
    assert!(bench.respond(key, Status::TRYING));
    assert_eq!(bench.request(&invite, &udp()), OnRequest::Absorbed);
    assert!(bench.respond(key, Status::RINGING));
    assert_eq!(bench.request(&invite, &udp()), OnRequest::Absorbed);
    let expected = [
        "SIP/2.0 100 Trying",
        "SIP/2.0 100 Trying",
        "SIP/2.0 180 Ringing",
        "SIP/2.0 180 Ringing",
    ];
    assert_eq!(bench.sent(), expected);
    assert_eq!(bench.layer.counters().absorbed, 3);
    assert_eq!(bench.layer.counters().retransmissions, 2);
}

#[test]
fn a_failure_is_repeated_until_its_ack_and_then_absorbs_for_t4() {
    let mut bench = Bench::new();
    let invite = request("INVITE", BRANCH, "");
    let key = bench.new_request(&invite, &udp());
    assert!(bench.layer.set_user(key, 9));
    assert!(bench.respond(key, Status::BUSY_HERE));
    assert!(!bench.respond(key, Status::OK), "there is one final response");
    bench.sent();
    let times: Vec<u64> = bench.pass(8_000).into_iter().map(|(time, _)| time).collect();
    assert_eq!(times, [500, 1_500, 3_500, 7_500]);
    assert_eq!(bench.request(&invite, &udp()), OnRequest::Absorbed);
    assert_eq!(bench.sent(), ["SIP/2.0 486 Busy Here"]);
    assert_eq!(bench.request(&ack(BRANCH, ";tag=t"), &udp()), OnRequest::Absorbed);
    assert_eq!(bench.request(&ack(BRANCH, ";tag=t"), &udp()), OnRequest::Absorbed);
    assert_eq!(bench.request(&invite, &udp()), OnRequest::Absorbed);
    assert_eq!(bench.sent(), [""; 0]);
    assert_eq!(bench.pass(5_000), []);
    assert_eq!(
        bench.events(),
        [(5_000, TransactionEvent::ServerEnded { key, user: 9 })]
    );
    assert_eq!(
        bench.request(&ack(BRANCH, ";tag=t"), &udp()),
        OnRequest::AckForSuccess,
        "matches nothing"
    );
    bench.assert_empty();
}

#[test]
fn a_failure_without_an_ack_is_reported_after_32_seconds() {
    let mut bench = Bench::new();
    let key = bench.new_request(&request("INVITE", BRANCH, ""), &udp());
    assert!(bench.respond(key, Status::NOT_FOUND));
    bench.sent();
    let times: Vec<u64> = bench.pass(40_000).into_iter().map(|(time, _)| time).collect();
    assert_eq!(
        times,
        [
            500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500
        ]
    );
    assert_eq!(
        bench.events(),
        [
            (32_000, TransactionEvent::AckMissing { key, user: 0 }),
            (32_000, TransactionEvent::ServerEnded { key, user: 0 })
        ]
    );
    assert_eq!(bench.layer.counters().acks_missing, 1);
    bench.assert_empty();
}

#[test]
fn over_tcp_a_failure_is_sent_once() {
    let mut bench = Bench::new();
    let invite = request("INVITE", BRANCH, "");
    let key = bench.new_request(&invite, &tcp());
    assert!(bench.respond(key, Status::NOT_FOUND));
    bench.sent();
    assert_eq!(bench.pass(10_000), []);
    assert_eq!(bench.request(&ack(BRANCH, ";tag=t"), &tcp()), OnRequest::Absorbed);
    bench.layer.expire(bench.now, &mut bench.sent, &mut |_| {});
    bench.assert_empty();
}

#[test]
fn a_2xx_absorbs_invites_passes_acks_and_is_repeated_by_the_user() {
    let mut bench = Bench::new();
    let invite = request("INVITE", BRANCH, "");
    let key = bench.new_request(&invite, &udp());
    assert!(!bench.layer.resend(key, &mut bench.sent), "nothing was sent yet");
    assert!(bench.respond(key, Status::OK));
    assert_eq!(bench.request(&invite, &udp()), OnRequest::Absorbed);
    assert_eq!(bench.sent(), ["SIP/2.0 200 OK"]);
    assert!(bench.layer.resend(key, &mut bench.sent));
    assert_eq!(bench.sent(), ["SIP/2.0 200 OK"]);
    assert!(!bench.respond(key, Status::BUSY_HERE));
    // A client of RFC 2543 sends the ACK for a 2xx with the branch of the INVITE.
    assert_eq!(
        bench.request(&ack(BRANCH, ";tag=t"), &udp()),
        OnRequest::AckForSuccess
    );
    assert_eq!(
        bench.request(&ack("z9hG4bKother", ";tag=t"), &udp()),
        OnRequest::AckForSuccess
    );
    assert_eq!(bench.pass(32_000), []);
    assert_eq!(
        bench.events(),
        [(32_000, TransactionEvent::ServerEnded { key, user: 0 })]
    );
    assert!(!bench.layer.resend(key, &mut bench.sent), "stale");
    assert!(!bench.respond(key, Status::OK), "stale");
    bench.assert_empty();
}

#[test]
fn a_non_invite_request_again_gets_its_final_response_again_for_32_seconds() {
    let mut bench = Bench::new();
    let options = request("OPTIONS", BRANCH, "");
    let key = bench.new_request(&options, &udp());
    assert_eq!(bench.request(&options, &udp()), OnRequest::Absorbed);
    assert_eq!(bench.sent(), [""; 0]);
    assert!(bench.respond(key, Status::OK));
    assert!(!bench.respond(key, Status::NOT_FOUND));
    assert_eq!(bench.request(&options, &udp()), OnRequest::Absorbed);
    assert_eq!(bench.sent(), ["SIP/2.0 200 OK", "SIP/2.0 200 OK"]);
    assert_eq!(bench.pass(31_999), []);
    assert_eq!(bench.request(&options, &udp()), OnRequest::Absorbed);
    bench.pass(1);
    assert_eq!(
        bench.events(),
        [(1, TransactionEvent::ServerEnded { key, user: 0 })]
    );
    bench.assert_empty();
}

#[test]
fn a_slow_non_invite_request_is_owed_a_100_and_never_gets_a_408() {
    let mut bench = Bench::new();
    let key = bench.new_request(&request("INFO", BRANCH, ""), &udp());
    assert!(!bench.respond(key, Status::TRYING), "too early");
    assert!(!bench.respond(key, Status::RINGING), "never");
    bench.pass(3_500);
    assert_eq!(
        bench.events(),
        [(3_500, TransactionEvent::TryingDue { key, user: 0 })]
    );
    assert!(bench.respond(key, Status::TRYING));
    assert_eq!(
        bench.request(&request("INFO", BRANCH, ""), &udp()),
        OnRequest::Absorbed
    );
    assert_eq!(bench.sent(), ["SIP/2.0 100 Trying", "SIP/2.0 100 Trying"]);
    assert!(!bench.respond(key, Status::REQUEST_TIMEOUT));
    assert_eq!(
        bench.request(&request("INFO", BRANCH, ""), &udp()),
        OnRequest::Absorbed
    );
    assert_eq!(bench.sent(), [""; 0]);
    bench.pass(32_000);
    bench.assert_empty();
}

#[test]
fn a_cancel_finds_its_invite_and_is_a_transaction_itself() {
    let mut bench = Bench::new();
    let invite = bench.new_request(&request("INVITE", BRANCH, ""), &udp());
    let text = request("CANCEL", BRANCH, "");
    let OnRequest::Cancel {
        cancel,
        invite: found,
    } = bench.request(&text, &udp())
    else {
        panic!()
    };
    assert_eq!(found, Some(invite));
    assert!(bench.respond(cancel, Status::OK));
    assert!(bench.respond(invite, Status::REQUEST_TERMINATED));
    assert_eq!(bench.request(&text, &udp()), OnRequest::Absorbed);
    let expected = [
        "SIP/2.0 200 OK",
        "SIP/2.0 487 Request Terminated",
        "SIP/2.0 200 OK",
    ];
    assert_eq!(bench.sent(), expected);
    let again = bench.request(&ack(BRANCH, ";tag=t"), &udp());
    assert_eq!(again, OnRequest::Absorbed);
    bench.pass(32_000);
    bench.assert_empty();
}

#[test]
fn a_cancel_after_the_2xx_still_names_the_invite_and_one_for_nothing_names_none() {
    let mut bench = Bench::new();
    let invite = bench.new_request(&request("INVITE", BRANCH, ""), &udp());
    assert!(bench.respond(invite, Status::OK));
    let late = bench.request(&request("CANCEL", BRANCH, ""), &udp());
    assert!(matches!(late, OnRequest::Cancel { invite: Some(found), .. } if found == invite));
    assert!(
        !bench.respond(invite, Status::REQUEST_TERMINATED),
        "the 2xx stands"
    );
    let stray = bench.request(&request("CANCEL", "z9hG4bKother", ""), &udp());
    assert!(matches!(stray, OnRequest::Cancel { invite: None, .. }));
}

#[test]
fn the_same_request_on_another_way_is_merged() {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.2.2
    //= type=test
    //# If the request has no tag in the To header field, the UAS core MUST
    //# check the request against ongoing transactions.
    let mut bench = Bench::new();
    let first = bench.new_request(&request("INVITE", BRANCH, ""), &udp());
    let OnRequest::Merged(second) = bench.request(&request("INVITE", "z9hG4bKtwo", ""), &udp()) else {
        panic!()
    };
    assert_ne!(first, second);
    assert!(bench.respond(second, Status::LOOP_DETECTED));
    assert_eq!(bench.layer.counters().merged, 1);
    let in_dialog = request("INVITE", "z9hG4bKthree", "")
        .replace("To: <sip:bob@192.0.2.20>", "To: <sip:bob@192.0.2.20>;tag=t");
    bench.new_request(&in_dialog, &udp());
    let next = request("INVITE", "z9hG4bKfour", "").replace("CSeq: 7", "CSeq: 8");
    bench.new_request(&next, &udp());
    // The same texts in another zone are another request.
    bench.new_request(&request("INVITE", BRANCH, ""), &Path { zone: 2, ..udp() });
    for key in [first, second] {
        assert!(bench.layer.abandon_server(key));
    }
    bench.new_request(&request("INVITE", "z9hG4bKfive", ""), &udp());
}

#[test]
fn sent_by_is_part_of_the_key_and_its_host_has_no_case() {
    let mut bench = Bench::new();
    let text = request("OPTIONS", BRANCH, "").replace("UDP 192.0.2.20:5060", "UDP pbx.example");
    bench.new_request(&text, &udp());
    assert_eq!(
        bench.request(&text.replace("pbx.example", "PBX.Example:5060"), &udp()),
        OnRequest::Absorbed
    );
    let other_port = text
        .replace("pbx.example", "pbx.example:5070")
        .replace("Call-ID: call", "Call-ID: b");
    bench.new_request(&other_port, &udp());
    let other_host = text
        .replace("pbx.example", "pbx2.example")
        .replace("Call-ID: call", "Call-ID: c");
    bench.new_request(&other_host, &udp());
}

#[test]
fn the_responses_go_where_the_via_says() {
    let mut bench = Bench::new();
    let source = Path {
        remote: address("203.0.113.5:40000"),
        ..udp()
    };
    let plain = request("OPTIONS", BRANCH, "").replace("UDP 192.0.2.20:5060", "UDP 10.0.0.1:5070");
    let key = bench.new_request(&plain, &source);
    assert!(bench.respond(key, Status::OK));
    assert_eq!(bench.sent.0.pop().unwrap().0.remote, address("203.0.113.5:5070"));
    let rport = request("INFO", "z9hG4bKtwo", "").replace("branch=", "rport;branch=");
    let key = bench.new_request(&rport, &source);
    assert!(bench.respond(key, Status::OK));
    assert_eq!(bench.sent.0.pop().unwrap().0.remote, address("203.0.113.5:40000"));
    let over_tcp = Path {
        transport: Transport::Tcp,
        ..source
    };
    let key = bench.new_request(&request("BYE", "z9hG4bKthree", ""), &over_tcp);
    assert!(bench.respond(key, Status::OK));
    assert_eq!(bench.sent.0.pop().unwrap().0, over_tcp);
}

#[test]
fn requests_of_rfc_2543_are_matched_by_their_headers() {
    let mut bench = Bench::new();
    for branch in ["1", "z9hG4bK"] {
        let invite = request("INVITE", branch, "").replace("Call-ID: call", &format!("Call-ID: {branch}"));
        let key = bench.new_request(&invite, &udp());
        assert_eq!(bench.request(&invite, &udp()), OnRequest::Absorbed);
        assert!(bench.respond(key, Status::BUSY_HERE));
        let good = ack(branch, ";tag=t").replace("Call-ID: call", &format!("Call-ID: {branch}"));
        let foreign = good.replace(";tag=t\r\n", ";tag=other\r\n");
        assert_eq!(
            bench.request(&foreign, &udp()),
            OnRequest::AckForSuccess,
            "another To tag"
        );
        assert_eq!(bench.request(&good, &udp()), OnRequest::Absorbed);
        let other = bench.request(
            &invite.replace("sip:bob@192.0.2.20 SIP", "sip:eve@192.0.2.20 SIP"),
            &udp(),
        );
        assert!(
            matches!(other, OnRequest::Merged(_)),
            "another Request-URI is another transaction"
        );
        let cancel = invite.replace("INVITE", "CANCEL");
        let found = bench.request(&cancel, &udp());
        assert!(matches!(found, OnRequest::Cancel { invite: Some(found), .. } if found == key));
    }
}

#[test]
fn a_full_layer_says_so_and_recovers() {
    let mut bench = Bench::with_capacity(1);
    let key = bench.new_request(&request("OPTIONS", BRANCH, ""), &udp());
    assert_eq!(
        bench.request(&request("INVITE", "z9hG4bKtwo", ""), &udp()),
        OnRequest::Full
    );
    assert_eq!(
        bench.request(&request("OPTIONS", BRANCH, ""), &udp()),
        OnRequest::Absorbed
    );
    assert_eq!(bench.layer.counters().full, 1);
    assert!(bench.respond(key, Status::OK));
    bench.pass(32_000);
    bench.assert_empty();
    bench.new_request(&request("INVITE", "z9hG4bKtwo", ""), &udp());
}

#[test]
fn a_stale_key_does_nothing() {
    let mut bench = Bench::with_capacity(1);
    let stale = bench.new_request(&request("OPTIONS", BRANCH, ""), &udp());
    assert!(bench.layer.abandon_server(stale));
    bench.assert_empty();
    bench.new_request(&request("INVITE", "z9hG4bKtwo", ""), &udp());
    assert!(!bench.respond(stale, Status::OK));
    assert!(!bench.layer.set_user(stale, 1));
    assert!(!bench.layer.abandon_server(stale));
    assert_eq!(
        (bench.layer.server_user(stale), bench.layer.server_path(stale)),
        (None, None)
    );
    assert_eq!(bench.sent(), [""; 0]);
}

#[test]
fn many_requests_at_once_keep_apart() {
    let mut bench = Bench::with_capacity(500);
    let texts: Vec<String> = (0..500)
        .map(|number| {
            let branch = format!("z9hG4bK{number}");
            request("OPTIONS", &branch, "").replace("Call-ID: call", &format!("Call-ID: {number}"))
        })
        .collect();
    let keys: Vec<ServerKey> = texts.iter().map(|text| bench.new_request(text, &udp())).collect();
    assert!(
        texts
            .iter()
            .all(|text| bench.request(text, &udp()) == OnRequest::Absorbed)
    );
    for (index, key) in keys.iter().enumerate().filter(|(index, _)| index % 3 != 0) {
        assert!(bench.layer.abandon_server(*key), "{index}");
    }
    for (index, text) in texts.iter().enumerate() {
        let is_known = bench.request(text, &udp()) == OnRequest::Absorbed;
        assert_eq!(is_known, index % 3 == 0);
    }
}
