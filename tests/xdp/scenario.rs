//! Steering configurations to judge the frames under.

use std::net::IpAddr;

use trunkline_net::steer::{Mode, Source, SteerConfig};
use trunkline_xdp_abi::map::{INTERFACE_ANY, SourceKey};
use trunkline_xdp_abi::{Address, Classified, Local, Tables, classify};

/// The same knowledge for both sides.
pub(crate) struct Scenario {
    /// What is special about it.
    pub(crate) name: &'static str,
    locals: Vec<(IpAddr, Local)>,
    sources: Vec<Source>,
}

impl Scenario {
    /// The addresses of the captures are ours, and everybody may send SIP.
    pub(crate) fn open() -> Self {
        Self {
            name: "our addresses, all sources",
            locals: ours(INTERFACE_ANY, 0, 0),
            sources: vec![source(0, "0.0.0.0", 0), source(0, "::", 0)],
        }
    }

    /// The addresses are ours, nobody may send SIP.
    pub(crate) fn closed() -> Self {
        Self {
            name: "our addresses, no sources",
            locals: ours(0, 0, 0),
            sources: Vec::new(),
        }
    }

    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        vec![
            Self::open(),
            Self::closed(),
            Self {
                name: "none of our addresses",
                locals: vec![("203.0.113.1".parse().unwrap(), serving(0, 0))],
                sources: vec![source(0, "0.0.0.0", 0), source(0, "::", 0)],
            },
            Self {
                name: "no addresses at all",
                locals: Vec::new(),
                sources: Vec::new(),
            },
            Self {
                name: "two zones, exact sources, the IPv6 one allowed in the wrong zone",
                locals: ours(0, 3, 31),
                sources: vec![
                    source(3, "198.51.100.20", 32),
                    source(3, "2001:db8::20", 128),
                    source(31, "198.51.100.0", 24),
                ],
            },
            Self {
                name: "prefixes that end inside a byte, and just beside",
                locals: ours(0, 1, 2),
                sources: vec![source(1, "198.51.100.16", 30), source(2, "2001:db8::", 33)],
            },
            Self {
                name: "our addresses on another interface",
                locals: ours(1, 0, 0),
                sources: vec![source(0, "0.0.0.0", 0), source(0, "::", 0)],
            },
        ]
    }

    /// For the loader.
    pub(crate) fn config(&self, interface: &str) -> SteerConfig {
        SteerConfig {
            interfaces: vec![interface.to_owned()],
            mode: Mode::Auto,
            locals: self.locals.clone(),
            sources: self.sources.clone(),
        }
    }

    /// What userspace decides about a frame of the interface in slot 0.
    pub(crate) fn judge(&self, frame: &[u8]) -> Classified {
        let locals: Vec<(Address, Local)> = self
            .locals
            .iter()
            .map(|(ip, local)| (Address::from(*ip), *local))
            .collect();
        let sources: Vec<(SourceKey, u32)> = self.sources.iter().map(Source::key).collect();
        classify(
            frame,
            &Tables {
                interface: 0,
                locals: &locals,
                sources: &sources,
            },
        )
    }
}

/// The addresses of the captures, the IPv4 ones in `zone4`, the IPv6 one in `zone6`.
fn ours(interface: u8, zone4: u8, zone6: u8) -> Vec<(IpAddr, Local)> {
    vec![
        ("192.0.2.10".parse().unwrap(), serving(zone4, interface)),
        ("198.51.100.20".parse().unwrap(), serving(zone4, interface)),
        ("2001:db8:1::10".parse().unwrap(), serving(zone6, interface)),
    ]
}

fn serving(zone: u8, interface: u8) -> Local {
    Local::new(zone, interface, &[5080, 5060], Some((30_000, 49_999))).unwrap()
}

fn source(zone: u8, address: &str, prefix_len: u8) -> Source {
    Source {
        zone,
        address: address.parse().unwrap(),
        prefix_len,
    }
}
