//! A network namespace that lives as long as its value.

use std::fs::File;
use std::io::Write as _;
use std::panic::resume_unwind;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, setns};

use crate::leftovers::{name_of, remove_leftovers};

/// Says whether this process may make namespaces; prints why a test is skipped if not.
#[must_use]
pub fn may_make_namespaces() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        println!("skipped: network namespaces need root (scripts/test asks for it)");
    }
    root
}

/// A namespace made for one test; deleted on drop.
#[derive(Debug)]
pub struct Netns {
    name: String,
}

impl Netns {
    /// Makes the namespace of `role` for the test numbered `number`, with its loopback up and IPv6 addresses usable at once.
    ///
    /// # Panics
    /// If the kernel refuses: without a namespace there is no test.
    #[must_use]
    pub fn create(number: u32, role: &str) -> Self {
        remove_leftovers();
        let name = name_of(number, role);
        succeed(Command::new("ip").args(["netns", "add", &name]));
        let netns = Self { name };
        netns.within(|| {
            for (setting, value) in SETTINGS {
                let path = format!("/proc/sys/net/{setting}");
                std::fs::write(&path, value).unwrap_or_else(|error| panic!("{path}: {error}"));
            }
        });
        netns.ip("link set dev lo up");
        netns
    }

    /// The name that `ip netns` knows.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Runs lines of `ip` commands (without the word `ip`) inside.
    ///
    /// # Panics
    /// With the output of `ip` if a line fails.
    pub fn ip(&self, lines: &str) {
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("iproute2 is installed");
        child
            .stdin
            .take()
            .expect("it was piped")
            .write_all(lines.as_bytes())
            .expect("ip reads its batch");
        let output = child.wait_with_output().expect("the child exists");
        assert!(
            output.status.success(),
            "ip -n {}: {}",
            self.name,
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// A command that will run inside and that dies with this process.
    #[must_use]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args([
            "netns",
            "exec",
            &self.name,
            "setpriv",
            "--pdeathsig",
            "KILL",
            program,
        ]);
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command inside to its end.
    ///
    /// # Panics
    /// With the command's output if it fails.
    pub fn run(&self, program: &str, arguments: &[&str]) {
        succeed(self.command(program).args(arguments));
    }

    /// Runs `body` on a thread that is inside; sockets made there stay inside wherever they are used later.
    pub fn within<T: Send>(&self, body: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            let path = format!("/run/netns/{}", self.name);
            let file = File::open(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            setns(file, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace it made");
            body()
        };
        std::thread::scope(|scope| scope.spawn(inside).join()).unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl Drop for Netns {
    fn drop(&mut self) {
        // A namespace that stays is removed by the next run.
        let _ = Command::new("ip").args(["netns", "del", &self.name]).output();
    }
}

fn succeed(command: &mut Command) {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// No duplicate address detection, no router solicitation, no forwarding behind the edge's back.
const SETTINGS: [(&str, &str); 6] = [
    ("ipv6/conf/all/accept_dad", "0"),
    ("ipv6/conf/default/accept_dad", "0"),
    ("ipv6/conf/default/router_solicitations", "0"),
    ("ipv6/conf/all/forwarding", "0"),
    ("ipv4/ip_forward", "0"),
    ("ipv4/icmp_ratelimit", "0"),
];
