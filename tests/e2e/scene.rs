//! The stage of a test: a topology, a configuration, and who stands where.

use std::net::{IpAddr, SocketAddr};
use std::thread::sleep;
use std::time::Duration;

use trunkline_tests::agent::{Agent, AgentPlan, MEDIA_PORT_FIRST};
use trunkline_tests::edge::Edge;
use trunkline_tests::edge_config::{EdgeConfig, Io};
use trunkline_tests::netns::{Netns, may_make_namespaces};
use trunkline_tests::rtp_source::{RtpEndpoints, StreamReport, assert_exchanged};
use trunkline_tests::topology::{Family, Host, Topology};

/// Packets on their way when sending stops have arrived after this.
const SETTLE: Duration = Duration::from_millis(150);

/// What varies between runs of the same test.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) io: Io,
    pub(crate) workers: u8,
    pub(crate) core: Family,
    pub(crate) carrier: Family,
}

/// XDP, one queue, IPv4.
pub(crate) const XDP: Setup = Setup {
    io: Io::Xdp,
    workers: 1,
    core: Family::V4,
    carrier: Family::V4,
};

/// Ordinary sockets, one worker, IPv4.
pub(crate) const SOCKET: Setup = Setup {
    io: Io::Socket,
    ..XDP
};

impl Setup {
    /// With two queues and two workers.
    pub(crate) const fn two_workers(self) -> Self {
        Self { workers: 2, ..self }
    }

    /// With IPv6 on both sides.
    pub(crate) const fn ipv6(self) -> Self {
        Self {
            core: Family::V6,
            carrier: Family::V6,
            ..self
        }
    }

    /// With IPv4 towards the PBX and IPv6 towards the carrier.
    pub(crate) const fn v4_to_v6(self) -> Self {
        Self {
            core: Family::V4,
            carrier: Family::V6,
            ..self
        }
    }

    /// With IPv6 towards the PBX and IPv4 towards the carrier.
    pub(crate) const fn v6_to_v4(self) -> Self {
        Self {
            core: Family::V6,
            carrier: Family::V4,
            ..self
        }
    }
}

/// Declares one test per setup; each runs the function named first.
macro_rules! in_setups {
    ($body:ident: $($name:ident = $setup:expr;)+) => {
        $(
            #[test]
            fn $name() {
                if let Some(mut scene) = $crate::scene::Scene::build($setup) {
                    $body(&mut scene);
                }
            }
        )+
    };
}
pub(crate) use in_setups;

/// A topology and the edge's configuration in it.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) topology: Topology,
    pub(crate) config: EdgeConfig,
}

impl Scene {
    /// Builds it; `None`, with the reason printed, where namespaces are not permitted.
    pub(crate) fn build(setup: Setup) -> Option<Self> {
        may_make_namespaces().then(|| Self {
            topology: Topology::build(setup.workers),
            config: EdgeConfig::new(setup.io, setup.workers, setup.core, setup.carrier),
        })
    }

    /// Starts the edge.
    pub(crate) fn edge(&self) -> Edge<'_> {
        Edge::start(&self.topology, &self.config)
    }

    /// The PBX calling the edge.
    pub(crate) fn caller<'a>(&'a self, scenario: &'a str) -> AgentPlan<'a> {
        let (local, remote) = (self.config.pbx(), self.config.edge_core());
        AgentPlan::caller(
            &self.topology.pbx,
            self.topology.dir.path(),
            scenario,
            local,
            remote,
        )
    }

    /// The PBX calling the edge from another port than its own, beside a first caller.
    pub(crate) fn second_caller<'a>(&'a self, scenario: &'a str) -> AgentPlan<'a> {
        let local = SocketAddr::new(self.config.pbx().ip(), 5062);
        AgentPlan::caller(
            &self.topology.pbx,
            self.topology.dir.path(),
            scenario,
            local,
            self.config.edge_core(),
        )
        .media_port(50_000)
    }

    /// The PBX waiting for calls.
    pub(crate) fn pbx<'a>(&'a self, scenario: &'a str) -> AgentPlan<'a> {
        AgentPlan::callee(
            &self.topology.pbx,
            self.topology.dir.path(),
            scenario,
            self.config.pbx(),
        )
    }

    /// A carrier waiting for calls.
    pub(crate) fn carrier<'a>(&'a self, host: Host, scenario: &'a str) -> AgentPlan<'a> {
        let local = self.config.on_carrier_side(host);
        AgentPlan::callee(&self.topology.carrier, self.topology.dir.path(), scenario, local)
    }

    /// The first carrier calling the edge.
    pub(crate) fn calling_carrier<'a>(&'a self, scenario: &'a str) -> AgentPlan<'a> {
        let local = self.config.on_carrier_side(Host::CarrierA);
        AgentPlan::caller(
            &self.topology.carrier,
            self.topology.dir.path(),
            scenario,
            local,
            self.config.edge_carrier(),
        )
    }

    /// Opens media endpoints for `calls` calls between the PBX and `carrier`.
    pub(crate) fn media(&self, carrier: Host, calls: u16) -> Media {
        let open =
            |netns: &Netns, address: IpAddr| RtpEndpoints::open(netns, address, MEDIA_PORT_FIRST, calls);
        Media {
            pbx: open(&self.topology.pbx, self.config.pbx().ip()),
            carrier: open(&self.topology.carrier, self.config.on_carrier_side(carrier).ip()),
            calls: usize::from(calls),
        }
    }

    /// No byte that one side received names an address of the other side.
    pub(crate) fn assert_topology_hidden(&self, pbx: &Agent, carrier: &Agent) {
        let config = &self.config;
        for (agent, hidden) in [
            (
                pbx,
                [config.edge_carrier(), config.on_carrier_side(Host::CarrierA)],
            ),
            (carrier, [config.edge_core(), config.pbx()]),
        ] {
            for address in hidden {
                let address = address.ip().to_string();
                let messages = agent.messages();
                let named = messages.lines().find(|line| names(line, &address));
                assert_eq!(named, None, "{address} is not to be seen here");
            }
        }
    }
}

/// Whether the line has exactly this address in it, not a longer one that begins or ends alike.
fn names(line: &str, address: &str) -> bool {
    line.match_indices(address).any(|(at, _)| {
        let edge = |byte: Option<&u8>| byte.is_none_or(|byte| !byte.is_ascii_hexdigit());
        edge(line.as_bytes().get(at + address.len())) && (at == 0 || edge(line.as_bytes().get(at - 1)))
    })
}

/// The media endpoints of both sides.
#[derive(Debug)]
pub(crate) struct Media {
    pbx: RtpEndpoints,
    carrier: RtpEndpoints,
    calls: usize,
}

impl Media {
    /// Waits until all calls have media paths, then lets both sides send.
    pub(crate) fn begin(&self, pbx: &mut Agent, carrier: &mut Agent) {
        let pbx_paths = pbx.wait_for_media(self.calls);
        let carrier_paths = carrier.wait_for_media(self.calls);
        for path in pbx_paths {
            self.pbx.send_to(path.local_port, path.remote);
        }
        for path in carrier_paths {
            self.carrier.send_to(path.local_port, path.remote);
        }
    }

    /// Stops sending and waits for what is on its way.
    pub(crate) fn end(&self) {
        self.pbx.quiet();
        self.carrier.quiet();
        sleep(SETTLE);
    }

    /// Both sides send for `duration`; every packet must arrive at its counterpart, with every byte as it was sent.
    pub(crate) fn exchange(self, pbx: &mut Agent, carrier: &mut Agent, duration: Duration) -> Exchanged {
        self.begin(pbx, carrier);
        sleep(duration);
        self.end();
        self.finish()
    }

    /// Closes the endpoints and checks what they heard.
    pub(crate) fn finish(self) -> Exchanged {
        let (pbx, carrier) = (self.pbx.finish(), self.carrier.finish());
        assert_exchanged(&pbx, &carrier);
        Exchanged { pbx, carrier }
    }
}

/// What both sides report after all of it arrived.
#[derive(Debug)]
pub(crate) struct Exchanged {
    pub(crate) pbx: Vec<StreamReport>,
    pub(crate) carrier: Vec<StreamReport>,
}

impl Exchanged {
    /// Packets sent by both sides.
    pub(crate) fn packets(&self) -> u64 {
        Self::sent(&self.pbx) + Self::sent(&self.carrier)
    }

    /// Packets sent by one side.
    pub(crate) fn sent(side: &[StreamReport]) -> u64 {
        side.iter().map(|report| u64::from(report.sent)).sum()
    }
}
