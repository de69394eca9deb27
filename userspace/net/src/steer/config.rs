//! What the XDP program is told.

use std::net::IpAddr;

use trunkline_xdp_abi::map::SourceKey;
use trunkline_xdp_abi::{Address, Local};

/// How the program is attached to an interface.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// In the driver if it can, else generic.
    #[default]
    Auto,
    /// In the driver, or not at all.
    Driver,
    /// In the kernel's stack, after it made an skb: works everywhere, slower.
    Generic,
}

/// What the program is to know and where it is to run.
#[derive(Clone, Debug, Default)]
pub struct SteerConfig {
    /// Interface names; the position is the slot. At most
    /// [`INTERFACES_MAX`](trunkline_xdp_abi::map::INTERFACES_MAX).
    pub interfaces: Vec<String>,
    /// How to attach.
    pub mode: Mode,
    /// Our addresses and what is served on each.
    pub locals: Vec<(IpAddr, Local)>,
    /// Who may send SIP.
    pub sources: Vec<Source>,
}

/// A prefix from which SIP is allowed into a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The zone.
    pub zone: u8,
    /// Any address of the prefix.
    pub address: IpAddr,
    /// Bits of the prefix, as its family counts them.
    pub prefix_len: u8,
}

impl Source {
    /// The trie's key for this prefix and how many of its bits count; the others are zero.
    #[must_use]
    pub fn key(&self) -> (SourceKey, u32) {
        let address = Address::from(self.address);
        let bits = SourceKey::bits(&address, self.prefix_len).min(SourceKey::BITS);
        let mask = u128::MAX.checked_shl(SourceKey::BITS - bits).unwrap_or(0);
        let address = Address((u128::from_be_bytes(address.0) & mask).to_be_bytes());
        (
            SourceKey {
                zone: self.zone,
                address,
            },
            bits,
        )
    }
}
