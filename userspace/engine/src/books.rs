//! What all parts of the engine counted, at one moment.

use std::sync::Arc;

use trunkline_xdp_abi::verdict::DropReason;

use crate::counters::Tier;
use crate::datapath::Steered;
use crate::report::{self, Conservation, WorkerReport};

/// The counts of all workers and of the XDP program, read once.
#[derive(Clone, Debug)]
pub struct Books {
    /// The newest report of each worker.
    pub reports: Vec<Arc<WorkerReport>>,
    /// What the XDP program counted; read after `reports`.
    pub steered: Steered,
}

impl Books {
    pub(crate) fn new(reports: Vec<Arc<WorkerReport>>, steered: Steered) -> Self {
        Self { reports, steered }
    }

    /// Frames dropped by reason: by the XDP program, on the way to the workers, and by the workers.
    #[must_use]
    pub fn drops(&self) -> [u64; DropReason::COUNT] {
        let mut drops = report::drops(&self.reports);
        for (sum, own) in drops.iter_mut().zip(self.steered.drops) {
            *sum += own;
        }
        drops
    }

    /// Frames that the workers took out of AF_XDP rings.
    #[must_use]
    pub fn from_rings(&self) -> u64 {
        let rows = self
            .reports
            .iter()
            .flat_map(|report| report.packets.zones(Tier::Worker));
        rows.map(|row| row.rx.packets).sum()
    }

    /// Datagrams that were lost in the kernel's own sockets.
    #[must_use]
    pub fn lost_in_the_sockets(&self) -> u64 {
        self.reports
            .iter()
            .map(|report| report::lost_in_the_sockets(report))
            .sum()
    }

    /// Frames that workers gave to their links and that the links could not send.
    #[must_use]
    pub fn unsent(&self) -> u64 {
        let links = self
            .reports
            .iter()
            .flat_map(|report| [Some(&report.link), report.kernel_link.as_ref()]);
        links.flatten().map(report::lost_on_the_way_out).sum()
    }

    /// The sums that must balance.
    #[must_use]
    pub fn conservation(&self) -> Conservation {
        let mut sums = Conservation::default();
        for report in &self.reports {
            sums.add_worker(report);
        }
        sums.received += self.steered.seen().saturating_sub(self.from_rings());
        sums.passed += self.steered.passed.iter().sum::<u64>();
        sums.dropped += self.steered.drops.iter().sum::<u64>();
        sums
    }
}
