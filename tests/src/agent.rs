//! SIPp as the outside voice: one process per agent, its scenario an XML file of `tests/data/sipp`.

use std::fs::File;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crate::netns::Netns;
use crate::rtp_source::PORTS_PER_CALL;

/// Where the scenarios are.
pub const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/data/sipp");

/// SIPp keeps this port for itself; its calls' media begin at [`MEDIA_PORT_FIRST`].
const MEDIA_PORT: u16 = 30_000;

/// The media port of an agent's first call.
pub const MEDIA_PORT_FIRST: u16 = MEDIA_PORT + PORTS_PER_CALL;

/// Up to so many calls an agent keeps a log of all messages, for a failing test to show.
const MESSAGE_LOG_CALLS_MAX: u32 = 10;

/// What an agent is to do.
#[derive(Clone, Debug)]
pub struct AgentPlan<'a> {
    netns: &'a Netns,
    dir: &'a Path,
    scenario: &'a str,
    local: SocketAddr,
    remote: Option<SocketAddr>,
    called: &'a str,
    calls: u32,
    rate: u32,
    hold: Duration,
    media_port: u16,
    deadline: Duration,
}

/// A running SIPp.
#[derive(Debug)]
pub struct Agent {
    label: String,
    child: Child,
    log: PathBuf,
    media_port: u16,
    deadline: Instant,
}

/// What SIPp counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgentCounts {
    /// Calls that went as the scenario says.
    pub successful: u64,
    /// Calls that did not.
    pub failed: u64,
    /// SIP messages that SIPp had to send again.
    pub retransmissions: u64,
}

/// Where one call's media goes, as its agent learned from the SDP it received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaPath {
    /// The agent's own media port.
    pub local_port: u16,
    /// Where the agent was told to send.
    pub remote: SocketAddr,
}

impl<'a> AgentPlan<'a> {
    /// An agent in `netns` at `local` that plays `scenario` once and waits for calls; its files go to `dir`.
    #[must_use]
    pub fn callee(netns: &'a Netns, dir: &'a Path, scenario: &'a str, local: SocketAddr) -> Self {
        Self {
            netns,
            dir,
            scenario,
            local,
            remote: None,
            called: "+13125550123",
            calls: 1,
            rate: 10,
            hold: Duration::from_millis(500),
            media_port: MEDIA_PORT,
            deadline: Duration::from_secs(20),
        }
    }

    /// An agent like a callee's that calls `remote`.
    #[must_use]
    pub fn caller(
        netns: &'a Netns,
        dir: &'a Path,
        scenario: &'a str,
        local: SocketAddr,
        remote: SocketAddr,
    ) -> Self {
        Self {
            remote: Some(remote),
            ..Self::callee(netns, dir, scenario, local)
        }
    }

    /// The number to call.
    #[must_use]
    pub fn called(mut self, number: &'a str) -> Self {
        self.called = number;
        self
    }

    /// How many calls, begun at `rate` per second.
    #[must_use]
    pub fn calls(mut self, calls: u32, rate: u32) -> Self {
        self.calls = calls;
        self.rate = rate;
        self
    }

    /// How long the scenario's pauses last.
    #[must_use]
    pub fn hold(mut self, hold: Duration) -> Self {
        self.hold = hold;
        self
    }

    /// The media port that SIPp keeps for itself, if another agent at the same address has the usual one.
    #[must_use]
    pub fn media_port(mut self, port: u16) -> Self {
        self.media_port = port;
        self
    }

    /// After how long the agent gives up.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts SIPp; a callee listens when this returns.
    ///
    /// # Panics
    /// If SIPp cannot start.
    #[must_use]
    pub fn start(&self) -> Agent {
        let label = format!(
            "{}-{}",
            self.scenario,
            self.local.to_string().replace([':', '[', ']'], "_")
        );
        let log = self.dir.join(&label);
        let output = File::create(log.with_extension("out")).expect("the test's folder is writable");
        let mut command = self.netns.command("sipp");
        if let Some(remote) = self.remote {
            command.arg(remote.to_string()).arg("-timeout_error");
        }
        let address = self.local.ip().to_string();
        let scenario = format!("{SCENARIOS}/{}.xml", self.scenario);
        command.args([
            "-sf",
            &scenario,
            "-i",
            &address,
            "-mi",
            &address,
            "-s",
            self.called,
            "-nostdin",
        ]);
        for (option, number) in [
            ("-p", u128::from(self.local.port())),
            ("-mp", self.media_port.into()),
            ("-m", self.calls.into()),
            ("-l", self.calls.into()),
            ("-r", self.rate.into()),
            ("-d", self.hold.as_millis()),
            ("-timeout", self.deadline.as_secs().into()),
            ("-fd", 1),
        ] {
            command.arg(option).arg(number.to_string());
        }
        for (trace, file, extension) in [
            ("-trace_err", "-error_file", "err"),
            ("-trace_stat", "-stf", "csv"),
            ("-trace_logs", "-log_file", "log"),
        ] {
            command.arg(trace).arg(file).arg(log.with_extension(extension));
        }
        if self.calls <= MESSAGE_LOG_CALLS_MAX {
            command
                .arg("-trace_msg")
                .arg("-message_file")
                .arg(log.with_extension("msg"));
        }
        let errors = output.try_clone().expect("a file can be shared");
        command
            .env("TERM", "xterm")
            .stdout(output)
            .stderr(Stdio::from(errors));
        let child = command.spawn().expect("sip-tester is installed");
        let deadline = Instant::now() + self.deadline + Duration::from_secs(5);
        let mut agent = Agent {
            label,
            child,
            log,
            media_port: self.media_port,
            deadline,
        };
        if self.remote.is_none() {
            agent.wait_until_bound(self.netns, self.local);
        }
        agent
    }
}

impl Agent {
    /// Waits until `count` calls have told where their media goes.
    ///
    /// # Panics
    /// If the agent ends or its time is over before that.
    pub fn wait_for_media(&mut self, count: usize) -> Vec<MediaPath> {
        loop {
            let paths = self.media();
            if paths.len() >= count {
                return paths;
            }
            let ended = self.child.try_wait().expect("the child exists");
            if let Some(status) = ended {
                assert_eq!(self.media().len(), count, "{status}: {}", self.account());
            }
            assert!(
                Instant::now() < self.deadline,
                "{} of {count} calls have media: {}",
                paths.len(),
                self.account()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for the end; every call must have gone as the scenario says.
    ///
    /// # Panics
    /// With what SIPp wrote if not.
    pub fn finish(mut self) -> AgentCounts {
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the child exists") {
                break status;
            }
            assert!(
                Instant::now() < self.deadline,
                "{} does not end: {}",
                self.label,
                self.account()
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        assert!(
            status.success(),
            "{} failed, {status}: {}",
            self.label,
            self.account()
        );
        let counts = self
            .counts()
            .unwrap_or_else(|| panic!("{} counted nothing: {}", self.label, self.account()));
        assert_eq!(counts.failed, 0, "{}: {}", self.label, self.account());
        counts
    }

    /// All messages so far, sent and received; empty for an agent of many calls.
    #[must_use]
    pub fn messages(&self) -> String {
        let bytes = std::fs::read(self.log.with_extension("msg")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The calls' media paths as far as they are known.
    fn media(&self) -> Vec<MediaPath> {
        let text = std::fs::read_to_string(self.log.with_extension("log")).unwrap_or_default();
        let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
        whole_lines
            .lines()
            .filter_map(|line| media_path(line, self.media_port))
            .collect()
    }

    fn counts(&self) -> Option<AgentCounts> {
        let text = std::fs::read_to_string(self.log.with_extension("csv")).ok()?;
        let names: Vec<&str> = text.lines().next()?.split(';').collect();
        let last: Vec<&str> = text.lines().last()?.split(';').collect();
        let count = |name: &str| {
            last.get(names.iter().position(|found| *found == name)?)?
                .parse()
                .ok()
        };
        Some(AgentCounts {
            successful: count("SuccessfulCall(C)")?,
            failed: count("FailedCall(C)")?,
            retransmissions: count("Retransmissions(C)")?,
        })
    }

    fn wait_until_bound(&mut self, netns: &Netns, local: SocketAddr) {
        let table = if local.is_ipv4() { "udp" } else { "udp6" };
        let port = format!(":{:04X} ", local.port());
        while !netns.within(|| {
            std::fs::read_to_string(format!("/proc/thread-self/net/{table}"))
                .is_ok_and(|text| text.contains(&port))
        }) {
            let ended = self.child.try_wait().expect("the child exists");
            assert!(
                ended.is_none() && Instant::now() < self.deadline,
                "{} does not listen: {}",
                self.label,
                self.account()
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// What SIPp wrote: errors, the end of its messages, the end of its screen.
    fn account(&self) -> String {
        let tail = |extension: &str, lines: usize| {
            let text = std::fs::read(self.log.with_extension(extension)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text).into_owned();
            let skipped = text.lines().count().saturating_sub(lines);
            let kept: Vec<&str> = text.lines().skip(skipped).collect();
            format!("\n--- {}.{extension}\n{}", self.label, kept.join("\n"))
        };
        tail("err", 40) + &tail("msg", 150) + &tail("out", 30)
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // It ends by itself at its deadline if this fails.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            println!("{}", self.account());
        }
    }
}

/// Reads `media CALL-NUMBER ADDRESS PORT`, which the scenarios log.
fn media_path(line: &str, media_port: u16) -> Option<MediaPath> {
    let mut words = line.split_whitespace();
    let (Some("media"), Some(call), Some(address), Some(port)) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return None;
    };
    let local_port = media_port + PORTS_PER_CALL * call.parse::<u16>().ok()?;
    let address: IpAddr = address.parse().ok()?;
    Some(MediaPath {
        local_port,
        remote: SocketAddr::new(address, port.parse().ok()?),
    })
}
