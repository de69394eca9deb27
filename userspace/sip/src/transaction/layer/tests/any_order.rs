//! Any requests, responses, answers and times in any order: nothing panics, nothing leaks, and the books agree.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Move {
    Request {
        method: usize,
        branch: u8,
        call: u8,
        path: bool,
    },
    Respond {
        which: usize,
        status: u16,
    },
    Resend {
        which: usize,
    },
    AbandonServer {
        which: usize,
    },
    Start {
        method: usize,
        path: bool,
    },
    Cancel {
        which: usize,
    },
    Response {
        which: usize,
        method: usize,
        status: u16,
    },
    AbandonClient {
        which: usize,
    },
    Pass {
        millis: u64,
    },
}

const METHODS: [Method; 6] = [
    Method::Invite,
    Method::Ack,
    Method::Cancel,
    Method::Bye,
    Method::Options,
    Method::Info,
];
const STATUSES: [u16; 8] = [100, 180, 183, 200, 302, 408, 486, 603];

fn moves() -> impl Strategy<Value = Move> {
    let which = 0..1_000_usize;
    let method = 0..METHODS.len();
    let status = prop::sample::select(&STATUSES[..]);
    prop_oneof![
        6 => (method.clone(), 0..4_u8, 0..3_u8, any::<bool>())
            .prop_map(|(method, branch, call, path)| Move::Request { method, branch, call, path }),
        5 => (which.clone(), status.clone()).prop_map(|(which, status)| Move::Respond { which, status }),
        1 => which.clone().prop_map(|which| Move::Resend { which }),
        1 => which.clone().prop_map(|which| Move::AbandonServer { which }),
        4 => (method.clone(), any::<bool>()).prop_map(|(method, path)| Move::Start { method, path }),
        2 => which.clone().prop_map(|which| Move::Cancel { which }),
        6 => (which.clone(), method, status)
            .prop_map(|(which, method, status)| Move::Response { which, method, status }),
        1 => which.prop_map(|which| Move::AbandonClient { which }),
        4 => prop_oneof![0..3_u64, 0..900_u64, 0..40_000_u64].prop_map(|millis| Move::Pass { millis }),
    ]
}

/// What the user of the layer remembers; keys stay in it when they are stale.
#[derive(Default)]
struct User {
    servers: Vec<ServerKey>,
    clients: Vec<(ClientKey, String)>,
}

fn path(is_reliable: bool) -> Path {
    if is_reliable { tcp() } else { udp() }
}

fn make(bench: &mut Bench, user: &mut User, step: &Move) {
    let server = |which: usize| user.servers.get(which % user.servers.len().max(1)).copied();
    let client = |which: usize| user.clients.get(which % user.clients.len().max(1)).cloned();
    match *step {
        Move::Request {
            method,
            branch,
            call,
            path: is_reliable,
        } => {
            // Branch 0 is of RFC 2543.
            let branch = if branch == 0 {
                String::from("1")
            } else {
                format!("z9hG4bK{branch}")
            };
            let text = request(METHODS[method].as_str(), &branch, "");
            let text = text.replace("Call-ID: call", &format!("Call-ID: {call}"));
            match bench.request(&text, &path(is_reliable)) {
                OnRequest::New(key) | OnRequest::Merged(key) => user.servers.push(key),
                OnRequest::Cancel { cancel, .. } => user.servers.push(cancel),
                OnRequest::Absorbed | OnRequest::AckForSuccess | OnRequest::Full => {}
            }
        }
        Move::Respond { which, status } => {
            if let Some(key) = server(which) {
                bench.respond(key, Status::new(status).unwrap());
            }
        }
        Move::Resend { which } => {
            if let Some(key) = server(which) {
                bench.layer.resend(key, &mut bench.sent);
            }
        }
        Move::AbandonServer { which } => {
            if let Some(key) = server(which) {
                bench.layer.abandon_server(key);
            }
        }
        Move::Start {
            method,
            path: is_reliable,
        } => {
            let method = METHODS[method];
            if !matches!(method, Method::Ack | Method::Cancel) {
                user.clients.extend(bench.start(method, &path(is_reliable)));
            }
        }
        Move::Cancel { which } => {
            if let Some((invite, branch)) = client(which) {
                cancel(bench, user, invite, branch);
            }
        }
        Move::Response {
            which,
            method,
            status,
        } => {
            if let Some((_, branch)) = client(which) {
                let _ = bench.response(status, METHODS[method].as_str(), &branch);
            }
        }
        Move::AbandonClient { which } => {
            if let Some((key, _)) = client(which) {
                bench.layer.abandon_client(key);
            }
        }
        Move::Pass { millis } => {
            bench.now += Duration::from_millis(millis);
            bench.layer.expire(bench.now, &mut bench.sent, &mut |_| {});
        }
    }
}

fn cancel(bench: &mut Bench, user: &mut User, invite: ClientKey, branch: String) {
    let mut buffer = [0; 1_000];
    let Some(len) = bench.layer.write_cancel(invite, &mut buffer) else {
        return;
    };
    let (now, to) = (bench.now, bench.layer.client_path(invite).unwrap());
    let (branch_bytes, bytes) = (branch.as_bytes(), &buffer[..len]);
    let cancel = Method::Cancel;
    let started = bench
        .layer
        .start(now, cancel, branch_bytes, &to, bytes, 1, &mut bench.sent);
    user.clients.extend(started.map(|key| (key, branch)));
}

proptest! {
    #[test]
    fn nothing_leaks_whatever_happens(steps in prop::collection::vec(moves(), 1..120)) {
        let mut bench = Bench::with_capacity(4);
        let mut user = User::default();
        for step in &steps {
            make(&mut bench, &mut user, step);
            bench.sent.0.clear();
            let counts = bench.layer.counts();
            let (places, keys, identities) = bench.layer.servers.places_taken();
            prop_assert_eq!(counts.invite_servers + counts.servers, places);
            prop_assert_eq!(keys, places as usize);
            prop_assert!(identities <= keys);
            // The place of an INVITE that ended before its CANCEL is still taken.
            prop_assert!(counts.invite_clients + counts.clients <= bench.layer.clients.places_taken());
            prop_assert!(bench.layer.timer_count() <= 16);
        }
        for key in user.servers {
            bench.layer.abandon_server(key);
        }
        for (key, _) in user.clients {
            bench.layer.abandon_client(key);
        }
        bench.assert_empty();
    }
}
