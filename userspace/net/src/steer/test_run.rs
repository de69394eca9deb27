//! Running the program on one frame, without a network.

use std::time::Duration;

use aya::programs::{TestRun as _, TestRunOptions, Xdp};
use trunkline_xdp_abi::map;

use super::{SteerError, SteerProgram};

/// What the program did with a frame in a test run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestRun {
    /// The XDP action code: 1 drop, 2 pass, 4 redirect.
    pub action: u32,
    /// The frame afterwards.
    pub frame: Vec<u8>,
    /// Time of one run, averaged over all repetitions.
    pub duration: Duration,
}

impl SteerProgram {
    /// Runs the program `repeat` times on `frame` by `BPF_PROG_TEST_RUN`, as if it came in on queue 0 of the loopback
    /// interface. Nothing is sent anywhere, but the counters move.
    ///
    /// # Errors
    /// [`SteerError::Load`] if the kernel refuses: it does so for frames of less than 14 bytes.
    pub fn test_run(&self, frame: &[u8], repeat: u32) -> Result<TestRun, SteerError> {
        let program: &Xdp = self
            .ebpf
            .program(map::PROGRAM)
            .ok_or(SteerError::Abi { found: 0 })?
            .try_into()
            .map_err(SteerError::load)?;
        let mut out = vec![0; frame.len() + 256];
        let options = TestRunOptions {
            data_in: Some(frame),
            data_out: Some(&mut out),
            repeat,
            ..TestRunOptions::new()
        };
        let result = program.test_run(options).map_err(SteerError::load)?;
        out.truncate(result.data_size_out as usize);
        Ok(TestRun {
            action: result.return_value,
            frame: out,
            duration: result.duration,
        })
    }
}
