//! PBX — edge — carrier: three namespaces joined by two veth pairs.
//!
//! ```text
//!   pbx                edge                     carrier
//!   eth0 ──────── core      carrier ─────────── eth0
//!   10.1.0.2      10.1.0.1  10.2.0.1            10.2.0.2 (carrier a), .3 (carrier b), .66 (a stranger)
//!   fd00:1::2     fd00:1::1 fd00:2::1           fd00:2::2, ::3, ::66
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::leftovers::{TestDir, next_number};
use crate::netns::Netns;

/// An address family of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6.
    V6,
}

/// Who has an address in the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// The enterprise side.
    Pbx,
    /// The edge towards the PBX.
    EdgeCore,
    /// The edge towards the carriers.
    EdgeCarrier,
    /// The first carrier.
    CarrierA,
    /// The second carrier.
    CarrierB,
    /// A host on the carrier side that no trunk knows.
    Stranger,
}

impl Host {
    /// This host's address in `family`.
    #[must_use]
    pub fn address(self, family: Family) -> IpAddr {
        let (network, host) = match self {
            Self::Pbx => (1, 2),
            Self::EdgeCore => (1, 1),
            Self::EdgeCarrier => (2, 1),
            Self::CarrierA => (2, 2),
            Self::CarrierB => (2, 3),
            Self::Stranger => (2, 0x66),
        };
        match family {
            Family::V4 => Ipv4Addr::new(10, network, 0, host).into(),
            Family::V6 => Ipv6Addr::new(0xfd00, u16::from(network), 0, 0, 0, 0, 0, u16::from(host)).into(),
        }
    }
}

/// The three namespaces, joined and addressed in both families.
#[derive(Debug)]
pub struct Topology {
    /// Where the PBX lives.
    pub pbx: Netns,
    /// Where the edge lives, with interfaces `core` and `carrier`.
    pub edge: Netns,
    /// Where both carriers and the stranger live.
    pub carrier: Netns,
    /// Files of this test.
    pub dir: TestDir,
}

impl Topology {
    /// Builds it; each veth has `queues` receive and transmit queues at both ends.
    ///
    /// # Panics
    /// If the kernel refuses a step.
    #[must_use]
    pub fn build(queues: u8) -> Self {
        let number = next_number();
        let topology = Self {
            pbx: Netns::create(number, "pbx"),
            edge: Netns::create(number, "edge"),
            carrier: Netns::create(number, "carrier"),
            dir: TestDir::create(number).expect("the temporary folder is writable"),
        };
        topology.join("core", &topology.pbx, queues);
        topology.join("carrier", &topology.carrier, queues);
        topology.edge.ip(&addresses("core", &[Host::EdgeCore]));
        topology.edge.ip(&addresses("carrier", &[Host::EdgeCarrier]));
        topology.pbx.ip(&addresses("eth0", &[Host::Pbx]));
        topology.carrier.ip(&addresses(
            "eth0",
            &[Host::CarrierA, Host::CarrierB, Host::Stranger],
        ));
        topology
    }

    fn join(&self, interface: &str, far: &Netns, queues: u8) {
        let q = format!("numtxqueues {queues} numrxqueues {queues}");
        self.edge.ip(&format!(
            "link add name {interface} {q} type veth peer name eth0 {q} netns {}\nlink set dev {interface} up\n",
            far.name()
        ));
        far.ip("link set dev eth0 up");
        // The edge's XDP program must see full checksums, and redirected frames arrive only where NAPI runs.
        far.run("ethtool", &["-K", "eth0", "tx", "off", "gro", "on"]);
    }
}

fn addresses(interface: &str, hosts: &[Host]) -> String {
    hosts.iter().fold(String::new(), |lines, host| {
        let (v4, v6) = (host.address(Family::V4), host.address(Family::V6));
        lines + &format!("addr add {v4}/24 dev {interface}\naddr add {v6}/64 dev {interface} nodad\n")
    })
}
