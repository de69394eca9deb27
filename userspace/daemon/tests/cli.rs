//! The binary as an operator uses it: output, exit codes, and a whole life from start to SIGTERM.
#![expect(clippy::unwrap_used, reason = "an integration test is test code throughout")]

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::{TcpListener, UdpSocket},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

const BINARY: &str = env!("CARGO_BIN_EXE_trunkline");

fn etc(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../etc").join(name)
}

fn trunkline(arguments: &[&str]) -> Output {
    Command::new(BINARY)
        .args(arguments)
        .env_remove("TRUNKLINE_CONFIG")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A sample whose interfaces every machine has.
fn on_loopback(sample: &str) -> String {
    sample.replace("\"eth0\"", "\"lo\"").replace("\"eth1\"", "\"lo\"")
}

/// A folder of the test's own, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-cli-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_good_configuration_exits_with_0() {
    let folder = Folder::new("good");
    let sample = fs::read_to_string(etc("trunkline.toml")).unwrap();
    let file = folder.write("edge.toml", &on_loopback(&sample));
    let output = trunkline(&["--config", &file, "check"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with("good (2 zones, 3 trunks, 2 routes, 1 number blocks)\n"));
}

#[test]
fn a_broken_configuration_exits_with_2_and_names_every_place() {
    let folder = Folder::new("broken");
    let good = on_loopback(&fs::read_to_string(etc("minimal.toml")).unwrap());
    let file = folder.write(
        "edge.toml",
        &good
            .replace("zone = \"lan\"", "zone = \"wan\"")
            .replace("udp:5060", "upd:5060"),
    );
    let output = trunkline(&["--config", &file, "check"]);
    assert_eq!(output.status.code(), Some(2));
    let report = text(&output.stdout);
    assert!(
        report.contains("edge.toml:5:7: error: unknown transport \"upd\""),
        "{report}"
    );
    assert!(
        report.contains("edge.toml:10:8: error: there is no zone \"wan\""),
        "{report}"
    );
    assert!(report.contains("edge.toml:15:8: error:"), "{report}");
    let output = trunkline(&["--config", &file, "--json", "check"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (
            report["ok"].as_bool(),
            report["problems"].as_array().map(Vec::len)
        ),
        (Some(false), Some(3))
    );
    assert_eq!(
        (
            report["problems"][0]["line"].as_u64(),
            report["problems"][0]["column"].as_u64()
        ),
        (Some(5), Some(7))
    );
    assert_eq!(trunkline(&["--config", &file, "run"]).status.code(), Some(2));
}

#[test]
fn wrong_usage_exits_with_2() {
    assert_eq!(trunkline(&["frobnicate"]).status.code(), Some(2));
    assert_eq!(
        trunkline(&["--config", "/no/such/file", "check"]).status.code(),
        Some(2)
    );
    let sample = etc("trunkline.toml");
    let sample = sample.to_str().unwrap();
    assert_eq!(
        trunkline(&[
            "--config",
            sample,
            "--admin",
            "127.0.0.1:1",
            "explain",
            "pbx",
            "911"
        ])
        .status
        .code(),
        Some(1)
    );
    assert_eq!(
        trunkline(&["--admin", "ftp://127.0.0.1", "status"]).status.code(),
        Some(2)
    );
    assert_eq!(
        trunkline(&["--admin", "http://127.0.0.1:1", "status"])
            .status
            .code(),
        Some(1)
    );
}

#[test]
fn the_configuration_can_come_from_the_environment() {
    let output = Command::new(BINARY)
        .arg("check")
        .env("TRUNKLINE_CONFIG", etc("minimal.toml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
}

#[test]
fn a_route_is_explained_without_an_edge() {
    let folder = Folder::new("explain");
    let sample = fs::read_to_string(etc("trunkline.toml")).unwrap();
    let file = folder.write("edge.toml", &sample.replace("127.0.0.1:8080", "127.0.0.1:1"));
    let output = trunkline(&["--config", &file, "explain", "pbx", "3125550123"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    assert!(report.contains("3125550123 is +13125550123"), "{report}");
    let mut order = report.lines().filter(|line| line.contains("carrier-"));
    assert!(
        order
            .next()
            .is_some_and(|line| line.contains("carrier-a") && line.ends_with("13125550123")),
        "{report}"
    );
    assert!(
        order
            .next()
            .is_some_and(|line| line.contains("carrier-b") && line.ends_with("3125550123")),
        "{report}"
    );
    assert_eq!(
        trunkline(&["--config", &file, "explain", "nobody", "1"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn messages_are_parsed_from_files() {
    let folder = Folder::new("parse");
    let head = "Via: SIP/2.0/UDP 192.0.2.20;branch=z9hG4bKa\r\nFrom: <sip:a@192.0.2.20>;tag=1\r\nTo: <sip:b@192.0.2.10>\r\n\
                Call-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n";
    let good = folder.write("good.sip", &format!("OPTIONS sip:b@192.0.2.10 SIP/2.0\r\n{head}"));
    let bad = folder.write("bad.sip", &format!("OPTIONS sip:b@192.0.2.10 SIP/3.0\r\n{head}"));
    let empty = folder.write("empty.sip", "\r\n\r\n");
    let output = trunkline(&["parse", "--json", &good, &bad, &empty]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let lines: Vec<serde_json::Value> = output
        .stdout
        .lines()
        .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
        .collect();
    let verdicts: Vec<&str> = lines
        .iter()
        .map(|line| line["verdict"].as_str().unwrap())
        .collect();
    assert_eq!(verdicts, ["accept", "reject", "keepalive"]);
    assert_eq!(
        (lines[0]["start"].as_str(), lines[0]["via_sentby"].as_str()),
        (Some("OPTIONS"), Some("192.0.2.20"))
    );
    assert_eq!(
        (lines[1]["kind"].as_str(), lines[1]["answer"].as_u64()),
        (Some("bad_version"), Some(505))
    );
    assert_eq!(trunkline(&["parse", "/no/such/file"]).status.code(), Some(1));
}

/// A running edge on loopback ports of its own.
struct Running {
    child: Child,
    config: String,
    admin: String,
    _folder: Folder,
}

impl Running {
    fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let udp = || {
            UdpSocket::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
                .to_string()
        };
        let admin = format!(
            "127.0.0.1:{}",
            TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port()
        );
        let sample = fs::read_to_string(etc("unprivileged.toml")).unwrap();
        let sample = sample
            .replace("15060", &udp())
            .replace("15070", &udp())
            .replace("127.0.0.1:18080", &admin);
        let config = folder.write("edge.toml", &sample);
        let child = Command::new(BINARY)
            .args(["--config", &config, "run"])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut running = Self {
            child,
            config,
            admin,
            _folder: folder,
        };
        let log = BufReader::new(running.child.stderr.take().unwrap());
        let mut lines = log.lines().map_while(Result::ok);
        assert!(
            lines.any(|line| line.contains("serving")),
            "the edge did not come up"
        );
        // Somebody must read on, or the edge would wait when the pipe is full.
        std::thread::spawn(move || lines.for_each(drop));
        running
    }

    fn ask(&self, verb: &[&str]) -> Output {
        let mut arguments = vec!["--config", self.config.as_str()];
        arguments.extend(verb);
        trunkline(&arguments)
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-s", name, &id])
                .status()
                .unwrap()
                .success()
        );
    }

    fn await_end(mut self) -> Option<i32> {
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("the edge did not end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn an_edge_lives_from_start_to_sigterm() {
    let edge = Running::start("life");
    let status = edge.ask(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(
        (status["state"].as_str(), status["io"].as_str()),
        (Some("serving"), Some("socket"))
    );
    assert!(text(&edge.ask(&["trunks"]).stdout).contains("carrier"));
    assert!(text(&edge.ask(&["calls"]).stdout).starts_with("ID"));
    assert_eq!(edge.ask(&["calls", "show", "nothing"]).status.code(), Some(1));
    assert_eq!(edge.ask(&["calls", "hangup", "nothing"]).status.code(), Some(1));
    assert!(!text(&edge.ask(&["explain", "pbx", "3125550123"]).stdout).contains("No edge answers"));
    assert!(text(&trunkline(&["--admin", &edge.admin, "reload"]).stdout).contains("nothing has changed"));
    edge.signal("HUP");
    assert_eq!(edge.ask(&["drain"]).status.code(), Some(0));
    let status = edge.ask(&["status", "--json"]);
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["state"].as_str(), Some("draining"));
    edge.signal("TERM");
    assert_eq!(edge.await_end(), Some(0));
}

#[test]
fn a_taken_admin_port_fails_the_start() {
    let folder = Folder::new("taken");
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let sample = fs::read_to_string(etc("unprivileged.toml")).unwrap();
    let config = folder.write(
        "edge.toml",
        &sample.replace("127.0.0.1:18080", &taken.local_addr().unwrap().to_string()),
    );
    let output = trunkline(&["--config", &config, "run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("admin interface"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn a_second_edge_takes_neither_files_nor_ports_of_the_first() {
    let edge = Running::start("second");
    let text_of_first = fs::read_to_string(&edge.config).unwrap();
    let refused = |config: &str| {
        let output = trunkline(&["--config", config, "run"]);
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let log = refused(&edge.config);
    assert!(log.contains("another edge uses the state folder"), "{log}");
    let folder = Folder::new("second-ports");
    let admin = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let same_ports = text_of_first.replace(&edge.admin, &admin.to_string());
    let log = refused(&folder.write("edge.toml", &same_ports));
    assert!(log.contains("SIP listener") && log.contains("in use"), "{log}");
}

#[test]
fn an_interface_that_is_not_there_is_warned_of() {
    let folder = Folder::new("nope");
    let sample = fs::read_to_string(etc("unprivileged.toml")).unwrap();
    let file = folder.write("edge.toml", &sample.replacen("\"lo\"", "\"nope9\"", 1));
    let output = trunkline(&["--config", &file, "check"]);
    assert_eq!(output.status.code(), Some(0));
    let report = text(&output.stdout);
    assert!(
        report.contains("warning: this machine has no interface \"nope9\""),
        "{report}"
    );
}

#[test]
fn every_dependency_has_its_reason() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let reasons = fs::read_to_string(etc("../docs/decisions/0001-dependencies.md")).unwrap();
    let (_, dependencies) = manifest.split_once("[workspace.dependencies]").unwrap();
    let (dependencies, _) = dependencies.split_once("\n[").unwrap();
    let names = dependencies
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name.trim());
    for name in names.filter(|name| !name.starts_with("trunkline-") && !name.starts_with('#')) {
        assert!(
            reasons.contains(&format!("| `{name}` | ")),
            "{name} has no line in 0001-dependencies.md"
        );
    }
}
