//! Network namespaces that are gone when the test is.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Whether this process may make namespaces; says why not, for the log of the test.
pub(crate) fn may_run(test: &str) -> bool {
    // SAFETY: takes nothing, returns a number, cannot fail.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        println!("skipped: {test} needs root for network namespaces");
    }
    is_root
}

/// A namespace of our own.
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    pub(crate) fn new(role: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("tlnet-{}-{number}-{role}", std::process::id());
        run("ip", &["netns", "add", &name]);
        let namespace = Self { name };
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs `ip` inside with these words.
    pub(crate) fn ip(&self, words: &str) {
        let mut all = vec!["-n", &self.name];
        all.extend(words.split_whitespace());
        run("ip", &all);
    }

    /// Runs a command inside.
    pub(crate) fn exec(&self, words: &str) {
        let mut all = vec!["netns", "exec", &self.name];
        all.extend(words.split_whitespace());
        run("ip", &all);
    }

    /// Runs `work` on a thread inside and waits for it.
    pub(crate) fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let handle = File::open(format!("/run/netns/{}", self.name)).unwrap();
        std::thread::scope(|scope| {
            let inside = scope.spawn(move || {
                // SAFETY: takes two integers, of which the first is an open descriptor; it moves this thread only.
                let result = unsafe { libc::setns(handle.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(result, 0, "setns: {}", std::io::Error::last_os_error());
                work()
            });
            inside
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// Joins two namespaces by a veth pair with one queue each, up, with addresses `10.9.NET.1` and `.2`, `fd09:NET::1` and
/// `::2`.
pub(crate) fn join(near: &Namespace, near_dev: &str, far: &Namespace, far_dev: &str, net: u8) {
    let queues = "numtxqueues 1 numrxqueues 1";
    near.ip(&format!(
        "link add {near_dev} {queues} type veth peer name {far_dev} {queues} netns {}",
        far.name
    ));
    for (namespace, device, host) in [(near, near_dev, 1), (far, far_dev, 2)] {
        namespace.ip(&format!("addr add 10.9.{net}.{host}/24 dev {device}"));
        namespace.ip(&format!("addr add fd09:{net}::{host}/64 dev {device} nodad"));
        namespace.ip(&format!("link set {device} up"));
        // Checksums are filled in by the sender, and redirected frames are taken.
        namespace.exec(&format!("ethtool -K {device} tx off gro on"));
    }
}

fn run(program: &str, words: &[&str]) {
    let output = Command::new(program).args(words).output().unwrap();
    assert!(
        output.status.success(),
        "{program} {words:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}
