//! Which remote source a flow believes.
//!
//! Signalling names a source for every flow once the other side has sent its SDP. A device behind a NAT sends from
//! elsewhere, so a trunk may let a flow learn the source from the media itself; but a flow that learns from anybody hands
//! the call to whoever sends first. What is allowed:
//!
//! | the packet comes from | `signalled` | `gated` | `open` |
//! | --- | --- | --- | --- |
//! | the signalled source | believed, settles | believed, settles | believed, settles |
//! | another port of the signalled host | refused | learned | learned |
//! | a source in the trunk's prefixes | refused | learned | learned |
//! | anywhere else | refused | refused | learned |
//!
//! "Learned" holds under three conditions, whatever the policy: media from the signalled source was not seen before, no
//! other source was learned before, and the packet is sound RTP or RTCP. A flow that has *settled* on the signalled source
//! never believes another one. A flow that has *learned* a source refuses all others but the signalled one: if that speaks
//! up after all, it is believed and the flow settles.
//!
//! Before signalling has named a source (the called side before its first SDP answer) the first row is empty and so is the
//! second; the rest holds, so that early media from a carrier passes under `gated` and nothing does under `signalled`.
//!
//! When signalling names another source later (a re-INVITE), everything is forgotten and the table starts again. When it
//! names a source for the first time, one that was learned stays until the signalled one speaks up.

use alloc::sync::Arc;
use core::net::{IpAddr, SocketAddr};

use trunkline_xdp_abi::Address;

/// An address and a UDP port, in the form that packets are compared with: 18 bytes without alignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    address: Address,
    port_be: [u8; 2],
}

impl Endpoint {
    /// The endpoint at `address` (IPv4 as IPv4-mapped) with the UDP port `port`.
    #[inline]
    #[must_use]
    pub const fn new(address: Address, port: u16) -> Self {
        Self {
            address,
            port_be: port.to_be_bytes(),
        }
    }

    /// The address, IPv4 as IPv4-mapped.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The UDP port.
    #[must_use]
    pub const fn port(&self) -> u16 {
        u16::from_be_bytes(self.port_be)
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(socket: SocketAddr) -> Self {
        Self::new(Address::from(socket.ip()), socket.port())
    }
}

impl From<Endpoint> for SocketAddr {
    fn from(endpoint: Endpoint) -> Self {
        SocketAddr::new(endpoint.address.to_ip(), endpoint.port())
    }
}

/// An address prefix from which a trunk sends media.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    network: u128,
    mask: u128,
}

impl Prefix {
    /// The addresses that agree with `address` in the first `len` bits, counted as the address family does.
    ///
    /// A `len` beyond the width of the address means the whole address. No prefix holds addresses of both families.
    #[must_use]
    pub fn new(address: IpAddr, len: u8) -> Self {
        let len = match address {
            IpAddr::V4(_) => 96 + u32::from(len.min(32)),
            IpAddr::V6(_) => u32::from(len.min(128)),
        };
        let mask = u128::MAX.checked_shl(128 - len).unwrap_or(0);
        Self {
            network: bits(&Address::from(address)) & mask,
            mask,
        }
    }

    /// Whether `address` is one of them.
    #[must_use]
    pub fn contains(&self, address: &Address) -> bool {
        // `::/0` is all of IPv6; an IPv4-mapped address is none.
        let is_of_family = self.mask != 0 || bits(address) >> 32 != 0xffff;
        is_of_family && bits(address) & self.mask == self.network
    }
}

/// What a trunk allows a flow to learn from media; see the table of this module.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LatchPolicy {
    /// Only the signalled host and the trunk's prefixes.
    #[default]
    Gated,
    /// Nothing: only the signalled source is ever believed.
    Signalled,
    /// Any source.
    Open,
}

/// What signalling and the trunk say about the source of a flow. Looked at only when the source is not the one believed.
#[derive(Clone, Debug, Default)]
pub struct LatchRules {
    /// What may be learned.
    pub policy: LatchPolicy,
    /// The source that signalling named.
    pub signalled: Option<Endpoint>,
    /// Prefixes from which the trunk sends media.
    pub prefixes: Option<Arc<[Prefix]>>,
}

impl LatchRules {
    /// Whether `source` may be learned while the signalled source was not heard.
    fn may_learn(&self, source: &Endpoint) -> bool {
        match self.policy {
            LatchPolicy::Signalled => false,
            LatchPolicy::Open => true,
            LatchPolicy::Gated => {
                self.signalled
                    .is_some_and(|signalled| signalled.address == source.address)
                    || self
                        .prefixes
                        .iter()
                        .flat_map(|list| list.iter())
                        .any(|prefix| prefix.contains(&source.address))
            }
        }
    }
}

/// What a flow makes of a packet's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The source is the one that the flow believes, as before.
    Believed,
    /// The flow believes this source from now on, and its twin has to send there.
    Moved,
    /// Not believed. The packet is dropped.
    Refused,
}

/// The source that a flow believes.
#[derive(Clone, Copy, Debug)]
pub struct Latch {
    believed: Endpoint,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// No source is known.
    Unknown,
    /// `believed` is the signalled source, which was not heard yet.
    Signalled,
    /// `believed` was learned from media.
    Learned,
    /// `believed` is the signalled source and was heard.
    Settled,
}

impl Latch {
    /// A flow that has heard nothing yet.
    #[must_use]
    pub fn new(rules: &LatchRules) -> Self {
        match rules.signalled {
            Some(signalled) => Self {
                believed: signalled,
                state: State::Signalled,
            },
            None => Self {
                believed: NOWHERE,
                state: State::Unknown,
            },
        }
    }

    /// Takes note that signalling has changed from `old` to `new`.
    ///
    /// Another signalled source than before starts afresh; a first one, or only another policy, keeps what was learned
    /// if the new rules allow it.
    pub fn on_signalled(&mut self, old: &LatchRules, new: &LatchRules) {
        let is_kept = match self.state {
            State::Unknown | State::Signalled => false,
            State::Settled => old.signalled == new.signalled,
            State::Learned => {
                (old.signalled.is_none() || old.signalled == new.signalled) && new.may_learn(&self.believed)
            }
        };
        if !is_kept {
            *self = Self::new(new);
        } else if new.signalled == Some(self.believed) {
            self.state = State::Settled;
        }
    }

    /// Judges the source of a sound packet. One comparison for the source believed already.
    #[inline]
    pub fn accept(&mut self, rules: &LatchRules, source: &Endpoint) -> Judgement {
        if *source == self.believed && matches!(self.state, State::Settled | State::Learned) {
            return Judgement::Believed;
        }
        self.judge_other(rules, source)
    }

    #[cold]
    fn judge_other(&mut self, rules: &LatchRules, source: &Endpoint) -> Judgement {
        let is_signalled = rules.signalled == Some(*source);
        match self.state {
            // It was the signalled source that was believed all the time; now it is certain.
            State::Signalled if is_signalled => {
                self.state = State::Settled;
                Judgement::Believed
            }
            State::Learned if is_signalled => self.move_to(source, State::Settled),
            State::Unknown | State::Signalled if rules.may_learn(source) => {
                self.move_to(source, State::Learned)
            }
            State::Unknown | State::Signalled | State::Learned | State::Settled => Judgement::Refused,
        }
    }

    fn move_to(&mut self, source: &Endpoint, state: State) -> Judgement {
        self.believed = *source;
        self.state = state;
        Judgement::Moved
    }

    /// The source that is believed, heard or not.
    #[must_use]
    pub fn believed(&self) -> Option<Endpoint> {
        (self.state != State::Unknown).then_some(self.believed)
    }

    /// The source that media came from and that was not the signalled one.
    #[must_use]
    pub fn learned(&self) -> Option<Endpoint> {
        (self.state == State::Learned).then_some(self.believed)
    }

    /// The source that is believed and that media came from.
    #[must_use]
    pub fn heard(&self) -> Option<Endpoint> {
        matches!(self.state, State::Learned | State::Settled).then_some(self.believed)
    }
}

fn bits(address: &Address) -> u128 {
    u128::from_be_bytes(address.0)
}

const NOWHERE: Endpoint = Endpoint::new(Address([0; 16]), 0);

#[cfg(test)]
mod tests;
