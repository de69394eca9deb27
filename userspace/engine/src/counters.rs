//! What a worker counts about packets: plain integers that only it writes, copied out with each report.

use trunkline_xdp_abi::verdict::DropReason;

/// Packets and bytes. Bytes count whole Ethernet frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Packets.
    pub packets: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Traffic {
    pub(crate) fn add(&mut self, len: usize) {
        self.packets += 1;
        self.bytes += len as u64;
    }
}

/// What came in and went out in one zone by one tier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ZoneTraffic {
    /// Received.
    pub rx: Traffic,
    /// Sent.
    pub tx: Traffic,
}

/// By which way a packet came to the worker, or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// AF_XDP rings.
    Worker,
    /// The kernel's sockets.
    Socket,
}

impl Tier {
    /// The metric's label.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::Socket => "socket",
        }
    }
}

/// All packet counts of one worker since start.
///
/// Conservation: received + handed in + originated = sent + handed out + consumed + passed + dropped.
#[derive(Clone, Debug)]
pub struct PacketCounters {
    /// By zone index; the last row is for frames of no zone. One table per [`Tier`].
    zones: [Vec<ZoneTraffic>; 2],
    /// Frames taken in for good: SIP that was parsed, packets that ended here.
    pub consumed: u64,
    /// Frames that we made: SIP that we sent.
    pub originated: u64,
    /// Frames that reached a worker although they are the kernel's; they end here.
    pub passed: u64,
    /// Frames given to other workers.
    pub handed_out: u64,
    /// Frames got from other workers.
    pub handed_in: u64,
    /// Frames dropped, by [`DropReason::index`].
    pub drops: [u64; DropReason::COUNT],
}

impl PacketCounters {
    /// All zero, for a plan of `zones` zones.
    #[must_use]
    pub fn new(zones: usize) -> Self {
        let rows = vec![ZoneTraffic::default(); zones + 1];
        Self {
            zones: [rows.clone(), rows],
            consumed: 0,
            originated: 0,
            passed: 0,
            handed_out: 0,
            handed_in: 0,
            drops: [0; DropReason::COUNT],
        }
    }

    /// Makes room for a plan with more zones. The row for no zone keeps its place at the end.
    pub fn grow(&mut self, zones: usize) {
        for table in &mut self.zones {
            while table.len() <= zones {
                let last = table.len() - 1;
                table.insert(last, ZoneTraffic::default());
            }
        }
    }

    /// The rows of `tier`: one per zone, and the last for frames of no zone.
    #[must_use]
    pub fn zones(&self, tier: Tier) -> &[ZoneTraffic] {
        &self.zones[tier as usize]
    }

    fn row(&mut self, tier: Tier, zone: u8) -> &mut ZoneTraffic {
        let table = &mut self.zones[tier as usize];
        let last = table.len() - 1;
        &mut table[usize::from(zone).min(last)]
    }

    pub(crate) fn received(&mut self, tier: Tier, zone: u8, len: usize) {
        self.row(tier, zone).rx.add(len);
    }

    pub(crate) fn sent(&mut self, tier: Tier, zone: u8, len: usize) {
        self.row(tier, zone).tx.add(len);
    }

    pub(crate) fn dropped(&mut self, reason: DropReason) {
        self.drops[reason.index()] += 1;
    }

    /// Frames dropped for `reason`.
    #[must_use]
    pub fn drops_of(&self, reason: DropReason) -> u64 {
        self.drops[reason.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_of_no_zone_keep_their_row_when_zones_are_added() {
        let mut counters = PacketCounters::new(1);
        counters.received(Tier::Worker, 0, 60);
        counters.received(Tier::Worker, 0xff, 70);
        counters.grow(3);
        counters.received(Tier::Worker, 2, 80);
        let bytes: Vec<u64> = counters
            .zones(Tier::Worker)
            .iter()
            .map(|row| row.rx.bytes)
            .collect();
        assert_eq!(bytes, [60, 0, 80, 70]);
    }
}
