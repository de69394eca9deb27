//! The edge's configuration for a test, as the file an operator would write.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use crate::topology::{Family, Host};

/// How packets reach the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Io {
    /// XDP and AF_XDP.
    Xdp,
    /// Ordinary UDP sockets.
    Socket,
}

/// A whole configuration.
#[derive(Clone, Debug)]
pub struct EdgeConfig {
    /// How packets reach it.
    pub io: Io,
    /// How many workers, one per queue.
    pub workers: u8,
    /// The family of the PBX side.
    pub core: Family,
    /// The family of the carrier side.
    pub carrier: Family,
    /// The trunks.
    pub trunks: Vec<Trunk>,
    /// The trunks of the one outgoing route, in order.
    pub route: Vec<&'static str>,
    /// How often trunks are asked whether they live.
    pub options_interval: &'static str,
    /// What else the file says, after everything else.
    pub more: String,
}

/// One trunk.
#[derive(Clone, Debug)]
pub struct Trunk {
    /// Its name.
    pub name: &'static str,
    /// Its zone: `core` or `carrier`.
    pub zone: &'static str,
    /// Its only peer, at port 5060.
    pub peer: Host,
    /// What else its table says, one key a line.
    pub more: String,
}

impl EdgeConfig {
    /// A PBX and the first carrier; the PBX's calls to +1 go to the carrier, its calls to +1 202 555 01xx to the PBX.
    #[must_use]
    pub fn new(io: Io, workers: u8, core: Family, carrier: Family) -> Self {
        Self {
            io,
            workers,
            core,
            carrier,
            trunks: vec![
                Trunk::new("pbx", "core", Host::Pbx),
                Trunk::new("carrier-a", "carrier", Host::CarrierA),
            ],
            route: vec!["carrier-a"],
            options_interval: "0",
            more: String::new(),
        }
    }

    /// Adds the second carrier as what is tried after the first.
    pub fn add_second_carrier(&mut self) {
        self.trunks
            .push(Trunk::new("carrier-b", "carrier", Host::CarrierB));
        self.route.push("carrier-b");
    }

    /// The trunk called `name`.
    ///
    /// # Panics
    /// If there is no such trunk.
    pub fn trunk_mut(&mut self, name: &str) -> &mut Trunk {
        self.trunks
            .iter_mut()
            .find(|trunk| trunk.name == name)
            .expect("the trunk was added before")
    }

    /// The PBX's SIP address.
    #[must_use]
    pub fn pbx(&self) -> SocketAddr {
        sip(Host::Pbx.address(self.core))
    }

    /// The edge's SIP address towards the PBX.
    #[must_use]
    pub fn edge_core(&self) -> SocketAddr {
        sip(Host::EdgeCore.address(self.core))
    }

    /// The edge's SIP address towards the carriers.
    #[must_use]
    pub fn edge_carrier(&self) -> SocketAddr {
        sip(Host::EdgeCarrier.address(self.carrier))
    }

    /// The SIP address of a host on the carrier side.
    #[must_use]
    pub fn on_carrier_side(&self, host: Host) -> SocketAddr {
        sip(host.address(self.carrier))
    }

    /// The file's text; the edge's own files go to `dir`.
    #[must_use]
    pub fn text(&self, dir: &Path) -> String {
        let io = match self.io {
            Io::Xdp => "xdp",
            Io::Socket => "socket",
        };
        let cores: &[usize] = if self.workers > 1 { &[0, 1] } else { &[1] };
        let mut text = format!(
            "[node]\nname = \"edge\"\nstate_dir = {:?}\nlog = \"info\"\n\n[dataplane]\nio = \"{io}\"\n\
             cores = {cores:?}\nmedia = \"worker\"\n\n[admin]\nlisten = \"127.0.0.1:8080\"\n\n[cdr]\nfile = \"cdr.jsonl\"\n",
            dir.join("state"),
        );
        let zones = [
            ("core", Host::EdgeCore.address(self.core)),
            ("carrier", Host::EdgeCarrier.address(self.carrier)),
        ];
        for (name, address) in zones {
            write_zone(&mut text, name, address);
        }
        for trunk in &self.trunks {
            let family = if trunk.zone == "core" {
                self.core
            } else {
                self.carrier
            };
            write_trunk(
                &mut text,
                trunk,
                sip(trunk.peer.address(family)),
                self.options_interval,
            );
        }
        if !self.route.is_empty() {
            write_routing(&mut text, &self.route);
        }
        text + &self.more
    }
}

impl Trunk {
    /// A trunk whose peer is `peer`.
    #[must_use]
    pub fn new(name: &'static str, zone: &'static str, peer: Host) -> Self {
        Self {
            name,
            zone,
            peer,
            more: String::new(),
        }
    }
}

fn sip(address: IpAddr) -> SocketAddr {
    SocketAddr::new(address, 5060)
}

fn write_zone(text: &mut String, name: &str, address: IpAddr) {
    let _ = write!(
        text,
        "\n[[zone]]\nname = \"{name}\"\ninterface = \"{name}\"\naddress = \"{address}\"\nsip = [\"udp:5060\"]\n\
         rtp_ports = \"20000-20999\"\n"
    );
}

fn write_trunk(text: &mut String, trunk: &Trunk, peer: SocketAddr, options_interval: &str) {
    let _ = write!(
        text,
        "\n[[trunk]]\nname = \"{}\"\nzone = \"{}\"\npeers = [\"{peer}\"]\noptions_interval = \"{options_interval}\"\n\
         numbers = {{ country = \"1\", out = \"+e164\" }}\n{}",
        trunk.name, trunk.zone, trunk.more
    );
}

fn write_routing(text: &mut String, trunks: &[&str]) {
    let _ = write!(
        text,
        "\n[[did]]\nnumbers = [\"+12025550100-+12025550199\"]\ntrunk = \"pbx\"\n\n[[route]]\nfrom = [\"pbx\"]\n\
         prefix = [\"+1\"]\ntrunks = {trunks:?}\nstrategy = \"priority\"\nfailover_on = [408, 500, 503, \"timeout\"]\n\n"
    );
}
