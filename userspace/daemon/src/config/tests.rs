//! What an operator sees of a configuration: the samples load, and everything wrong is reported at once.

use std::{net::IpAddr, path::Path, time::Duration};

use trunkline_call::plan::{OutFormat, Strategy};

use super::*;
use crate::config::checked::{CdrSync, Io, LogFormat};

/// Names of the tests: one resolves, the rest do not.
fn resolve(name: &str) -> Result<Vec<IpAddr>, String> {
    match name {
        "sip.carrier.example" => Ok(vec![
            "198.51.100.30".parse().unwrap(),
            "2001:db8::30".parse().unwrap(),
        ]),
        _ => Err("no such name".to_owned()),
    }
}

fn judge_text(text: &str) -> Outcome {
    judge(Path::new("edge.toml"), text, &resolve)
}

/// The minimal sample with `head` before it and `trunk` in its last trunk table.
fn minimal(head: &str, trunk: &str) -> String {
    let sample = include_str!("../../../../etc/minimal.toml");
    let changed = sample.replace(
        "peers = \"198.51.100.10\"\n",
        &format!("peers = \"198.51.100.10\"\n{trunk}\n"),
    );
    format!("{head}\n{changed}")
}

fn sole_problem(text: &str) -> String {
    let outcome = judge_text(text);
    assert_eq!(outcome.problems.len(), 1, "{:#?}", outcome.problems);
    outcome.problems[0].to_string()
}

#[test]
fn every_sample_is_good_and_free_of_warnings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let outcome = judge(&path, &std::fs::read_to_string(&path).unwrap(), &resolve);
        assert!(outcome.problems.is_empty(), "{:#?}", outcome.problems);
        assert!(outcome.config.is_some());
        count += 1;
    }
    assert!(count >= 3, "only {count} samples were found");
}

#[test]
fn the_sample_means_what_it_says() {
    let config = judge_text(include_str!("../../../../etc/trunkline.toml"))
        .config
        .unwrap();
    assert_eq!(config.node.name, "edge1");
    assert_eq!(config.node.log_format, LogFormat::Text);
    assert_eq!(config.dataplane.io, Io::Auto);
    assert_eq!(config.interfaces, ["eth0", "eth1"]);
    assert_eq!(config.zones[1].addresses.len(), 2);
    let pbx = &config.trunks[0];
    assert_eq!((pbx.zone, pbx.peers[1].priority, pbx.sources[0].len), (0, 2, 28));
    assert_eq!((pbx.limits.calls, pbx.limits.cps), (Some(500), Some(50)));
    let carrier = &config.trunks[1];
    assert_eq!(carrier.limits.bandwidth_bps, Some(40_000_000));
    assert_eq!((carrier.peers[0].weight, carrier.sources.len()), (3, 2));
    assert_eq!(carrier.options_interval, Some(Duration::from_secs(30)));
    assert_eq!(
        (carrier.media.dscp, carrier.media.timeout),
        (46, Duration::from_secs(60))
    );
    assert_eq!(config.trunks[2].numbers.out, OutFormat::National);
    assert_eq!(config.dids[0].numbers[1].high, "+12025550199");
    assert_eq!(config.routes[0].failover_on.codes, [408, 500, 503]);
    assert_eq!(config.routes[1].strategy, Strategy::LeastCost);
    assert_eq!(config.routes[1].trunks[1].price_micros, Some(11_500));
}

#[test]
fn the_configuration_in_the_readme_is_good() {
    let readme = include_str!("../../../../README.md");
    let text = readme
        .split("```toml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    let judged = judge_text(text);
    assert!(judged.problems.is_empty(), "{:?}", judged.problems);
    assert!(text.lines().count() <= 10);
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = judge_text(include_str!("../../../../etc/minimal.toml"))
        .config
        .unwrap();
    assert_eq!(config.admin.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.node.state_dir, Path::new("/var/lib/trunkline"));
    assert_eq!(config.cdr.file, Path::new("/var/lib/trunkline/cdr.jsonl"));
    assert_eq!(config.cdr.sync, CdrSync::Second);
    let trunk = &config.trunks[0];
    assert_eq!((trunk.down_after, trunk.up_after), (3, 2));
    assert_eq!(trunk.peers[0].address.to_string(), "192.0.2.20:5060");
    assert!(config.routes[0].failover_on.timeout);
}

#[test]
fn all_problems_of_a_file_are_reported_at_once() {
    let outcome = judge_text(include_str!("tests/broken.toml"));
    assert!(outcome.config.is_none());
    let mut report = String::new();
    for problem in &outcome.problems {
        report.push_str(&problem.to_string());
        report.push('\n');
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/broken.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, &report).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap();
    assert_eq!(
        report, expected,
        "run with UPDATE_SNAPSHOTS=1 and read the difference"
    );
}

#[test]
fn broken_toml_is_reported_with_the_problems_behind_it() {
    let text = minimal("[node]\nname = \n", "limits = { clals = 3 }");
    let problems = judge_text(&text).problems;
    assert!(
        problems
            .iter()
            .any(|problem| problem.line == 2 && problem.problem.starts_with("not TOML")),
        "{problems:#?}"
    );
    assert!(
        problems.iter().any(|problem| problem.problem.contains("clals")),
        "{problems:#?}"
    );
}

#[test]
fn a_public_admin_address_needs_a_token() {
    let text = minimal("[admin]\nlisten = \"0.0.0.0:8080\"", "");
    assert!(sole_problem(&text).starts_with("edge.toml:2:10: error: the admin interface would be open"));
}

#[test]
fn a_token_is_read_and_never_shown() {
    let folder = std::env::temp_dir().join(format!("trunkline-token-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("admin.token"), "0123456789abcdef\n").unwrap();
    let text = minimal(
        "[admin]\nlisten = \"0.0.0.0:8080\"\ntoken_file = \"admin.token\"",
        "",
    );
    let config = judge(&folder.join("edge.toml"), &text, &resolve).config.unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(config.admin.token.as_ref().unwrap().reveal(), "0123456789abcdef");
    assert!(!format!("{config:?}").contains("0123456789abcdef"));
}

#[test]
fn what_would_be_wrong_to_leave_out_is_refused() {
    let tls = minimal("", "").replace("sip = \"udp:5060\"", "sip = [\"udp:5060\", \"tls:5061\"]");
    assert!(sole_problem(&tls).contains("error: TLS listeners are not in this build"));
    assert!(
        sole_problem(&minimal("", "media = { srtp = \"required\" }"))
            .contains("error: SRTP is not in this build")
    );
    let tcp = minimal("", "").replace("\"198.51.100.10\"", "\"198.51.100.10;transport=tcp\"");
    assert!(sole_problem(&tcp).contains("error: only UDP peers"));
}

#[test]
fn what_is_not_honoured_is_said() {
    for (head, trunk, word) in [
        ("[dataplane]\nmedia = \"kernel\"", "", "relayed in the workers"),
        (
            "",
            "register = { registrar = \"r.example\", aor = \"sip:a@r.example\", expires = \"1h\" }",
            "`register` is not",
        ),
    ] {
        let outcome = judge_text(&minimal(head, trunk));
        assert!(outcome.config.is_some(), "{:#?}", outcome.problems);
        let problem = outcome.problems[0].to_string();
        assert!(
            problem.contains("warning:") && problem.contains(word),
            "{problem}"
        );
    }
    let tcp = minimal("", "").replace("sip = \"udp:5060\"", "sip = [\"udp:5060\", \"tcp:5060\"]");
    assert!(sole_problem(&tcp).contains("warning: TCP listeners are not in this build"));
}

#[test]
fn names_of_peers_become_addresses_of_the_families_of_the_zone() {
    let text = minimal("", "").replace("\"198.51.100.10\"", "\"sip.carrier.example:5070\"");
    let outcome = judge_text(&text);
    assert!(outcome.problems[0].to_string().contains("resolved once"));
    let peers = &outcome.config.unwrap().trunks[1].peers;
    assert_eq!(peers.len(), 1);
    assert_eq!(peers[0].address.to_string(), "198.51.100.30:5070");
}

#[test]
fn a_trunk_may_have_sources_and_no_peers() {
    let text = minimal("", "").replace("peers = \"198.51.100.10\"", "sources = \"198.51.100.0/24\"");
    let config = judge_text(&text).config.unwrap();
    assert!(config.trunks[1].peers.is_empty());
    assert_eq!(config.trunks[1].sources[0].len, 24);
}

#[test]
fn a_peer_is_not_one_of_our_own_listeners() {
    let zone = minimal("", "");
    let ours = zone
        .split("address = \"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .to_owned();
    let text = zone.replace("\"198.51.100.10\"", &format!("\"{ours}:5060\""));
    let problem = sole_problem(&text);
    assert!(
        problem.contains("error:") && problem.contains("is a listener of our own zone"),
        "{problem}"
    );
    let elsewhere = zone.replace("\"198.51.100.10\"", &format!("\"{ours}:5099\""));
    assert!(judge_text(&elsewhere).config.is_some());
}

#[test]
fn a_missing_interface_is_a_warning() {
    let text = minimal("[dataplane]\nio = \"socket\"", "");
    let outcome = judge_on(Path::new("edge.toml"), &text, &resolve, &|_| false);
    assert!(outcome.config.is_some());
    assert!(!outcome.problems.is_empty());
    for problem in outcome.problems {
        assert!(
            problem
                .to_string()
                .contains("warning: this machine has no interface"),
            "{problem}"
        );
    }
}

#[test]
fn listeners_beyond_those_that_xdp_knows_are_said() {
    let listeners = |count: u16| {
        let list: Vec<String> = (0..count)
            .map(|place| format!("\"udp:{}\"", 5060 + place))
            .collect();
        minimal("", "").replace("sip = \"udp:5060\"", &format!("sip = [{}]", list.join(", ")))
    };
    assert!(judge_text(&listeners(8)).problems.is_empty());
    assert!(sole_problem(&listeners(10)).contains("warning: the XDP program knows 8 UDP listeners"));
}
