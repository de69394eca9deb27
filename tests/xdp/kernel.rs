//! The loaded program, run on one frame at a time by `BPF_PROG_TEST_RUN`.

use std::collections::HashMap;

use trunkline_net::steer::SteerProgram;
use trunkline_xdp_abi::{PassReason, Verdict};

use crate::scenario::Scenario;

/// Less than this the kernel does not take for a test run: an Ethernet header.
pub(crate) const TEST_RUN_MIN: usize = 14;
/// More than this would not lie in one piece: a program without fragment support never meets such a frame.
pub(crate) const TEST_RUN_MAX: usize = 3_400;

const XDP_DROP: u32 = 1;
const XDP_PASS: u32 = 2;

/// The program and its counters as they were last seen.
pub(crate) struct Kernel {
    program: SteerProgram,
    seen: HashMap<(Option<u8>, Verdict), (u64, u64)>,
}

impl Kernel {
    /// Loads the program; `None`, and the reason printed, if this is not root.
    pub(crate) fn load(scenario: &Scenario) -> Option<Self> {
        if !is_root() {
            return None;
        }
        let program = SteerProgram::load(&scenario.config("lo")).unwrap_or_else(|e| panic!("{e}"));
        Some(Self {
            program,
            seen: HashMap::new(),
        })
    }

    /// The verdict about `frame` as the counters tell it, with the zone, having checked that the action fits, that
    /// exactly one counter moved by one frame of this length, and that the frame was left alone.
    pub(crate) fn judge(&mut self, frame: &[u8]) -> (Option<u8>, Verdict) {
        let run = self.program.test_run(frame, 1).unwrap();
        assert_eq!(run.frame, frame, "the program changed the frame");
        let mut moved = Vec::new();
        for count in self.program.counters().unwrap() {
            let key = (count.zone, count.verdict);
            let (packets, bytes) = self
                .seen
                .insert(key, (count.packets, count.bytes))
                .unwrap_or((0, 0));
            if (packets, bytes) != (count.packets, count.bytes) {
                moved.push((key, count.packets - packets, count.bytes - bytes));
            }
        }
        let [(key, packets, bytes)] = moved[..] else {
            panic!("counters that moved: {moved:?}")
        };
        assert_eq!((packets, bytes), (1, frame.len() as u64));
        let action = match key.1 {
            Verdict::Drop(_) => XDP_DROP,
            Verdict::Kernel(_) => XDP_PASS,
            Verdict::Sip { .. } | Verdict::Rtp { .. } => panic!("redirected without a socket"),
        };
        assert_eq!(run.action, action, "{key:?}");
        key
    }

    /// The program.
    pub(crate) fn program(&mut self) -> &mut SteerProgram {
        &mut self.program
    }
}

/// What the program does with a verdict on a queue that has no socket.
pub(crate) fn without_socket(verdict: Verdict) -> Verdict {
    match verdict {
        Verdict::Sip { .. } => Verdict::Kernel(PassReason::SipNoSocket),
        Verdict::Rtp { .. } => Verdict::Kernel(PassReason::RtpNoSocket),
        Verdict::Kernel(_) | Verdict::Drop(_) => verdict,
    }
}

/// Whether programs can be loaded; says so if not.
pub(crate) fn is_root() -> bool {
    let is_root = nix::unistd::Uid::effective().is_root();
    if !is_root {
        eprintln!("skipped: loading the XDP program needs root; run: sudo -E cargo test --test xdp");
    }
    is_root
}
