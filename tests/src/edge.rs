//! The edge under test: the real binary, run in its namespace as an operator runs it.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::edge_config::EdgeConfig;
use crate::metrics::Metrics;
use crate::topology::Topology;

const ADMIN: &str = "http://127.0.0.1:8080";
const START_TIMEOUT: Duration = Duration::from_secs(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of its log a failing test shows.
const LOG_LINES_SHOWN: usize = 80;

/// A running edge.
#[derive(Debug)]
pub struct Edge<'a> {
    topology: &'a Topology,
    child: Child,
}

impl<'a> Edge<'a> {
    /// Writes the configuration, starts the edge and waits until it serves.
    ///
    /// # Panics
    /// With the edge's log if it ends or does not serve in time.
    #[must_use]
    pub fn start(topology: &'a Topology, config: &EdgeConfig) -> Self {
        let dir = topology.dir.path();
        let file = dir.join("trunkline.toml");
        std::fs::write(&file, config.text(dir)).expect("the test's folder is writable");
        let log = File::create(log_of(dir)).expect("the test's folder is writable");
        let errors = log.try_clone().expect("a file can be shared");
        let binary = binary();
        let mut command = topology.edge.command(binary.to_str().expect("the path is text"));
        command
            .arg("--config")
            .arg(&file)
            .arg("run")
            .stdout(log)
            .stderr(Stdio::from(errors));
        let child = command.spawn().expect("iproute2 and util-linux are installed");
        let mut edge = Self { topology, child };
        edge.wait_until_serving();
        edge
    }

    /// What `/metrics` shows now.
    ///
    /// # Panics
    /// If the edge does not answer.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        Metrics::parse(&self.fetch("/metrics").expect("the edge answers"))
    }

    /// What an API path shows now.
    ///
    /// # Panics
    /// If the edge does not answer with JSON.
    #[must_use]
    pub fn api(&self, path: &str) -> Value {
        let text = self.fetch(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}: {text}"))
    }

    /// Asks again and again until `is_so` holds of the metrics, and returns them.
    ///
    /// # Panics
    /// After ten seconds, with `what` was waited for and the metrics.
    pub fn wait_for(&self, what: &str, is_so: impl Fn(&Metrics) -> bool) -> Metrics {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let metrics = self.metrics();
            if is_so(&metrics) {
                return metrics;
            }
            assert!(
                Instant::now() < deadline,
                "waited for: {what}\n{}",
                metrics.moved()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends the edge as an operator does; it must drain and exit with 0.
    ///
    /// # Panics
    /// If it does not.
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let deadline = Instant::now() + STOP_TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child exists") {
                break status;
            }
            assert!(Instant::now() < deadline, "the edge does not stop on SIGTERM");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(status.success(), "the edge ended with {status}");
    }

    /// The records written so far.
    ///
    /// # Panics
    /// If a line is not JSON.
    #[must_use]
    pub fn call_records(&self) -> Vec<Value> {
        let path = self.topology.dir.path().join("state/cdr.jsonl");
        let text = std::fs::read_to_string(path).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
            .collect()
    }

    /// The end of the edge's log.
    #[must_use]
    pub fn log(&self) -> String {
        let text = std::fs::read(log_of(self.topology.dir.path())).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let skipped = text.lines().count().saturating_sub(LOG_LINES_SHOWN);
        text.lines().skip(skipped).collect::<Vec<_>>().join("\n")
    }

    fn wait_until_serving(&mut self) {
        let deadline = Instant::now() + START_TIMEOUT;
        while self.fetch("/healthz").is_err() {
            let ended = self.child.try_wait().expect("the child exists");
            assert!(ended.is_none(), "the edge ended at start: {ended:?}");
            assert!(Instant::now() < deadline, "the edge does not serve");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn fetch(&self, path: &str) -> Result<String, ureq::Error> {
        self.topology.edge.within(|| {
            ureq::get(format!("{ADMIN}{path}"))
                .call()?
                .body_mut()
                .read_to_string()
        })
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().cast_signed());
        kill(pid, signal).expect("the child is not yet reaped");
    }
}

impl Drop for Edge<'_> {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It dies with this process if this fails.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            println!("--- the edge's log\n{}", self.log());
        }
    }
}

/// The binary: `$TRUNKLINE_BIN`, or the one beside this test's own folder.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("TRUNKLINE_BIN") {
        return path.into();
    }
    let own = std::env::current_exe().expect("a test knows its own path");
    let profile = own
        .ancestors()
        .nth(2)
        .expect("tests run from target/PROFILE/deps");
    let path = profile.join("trunkline");
    match path.metadata() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            panic!(
                "{} is not built: run `cargo build --package trunkline` or set TRUNKLINE_BIN",
                path.display()
            )
        }
        _ => path,
    }
}

fn log_of(dir: &Path) -> PathBuf {
    dir.join("edge.log")
}
