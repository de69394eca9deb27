//! The XDP program from userspace: loading, attaching, filling its maps, reading its counters.
//!
//! Interfaces are named by their slot: the position in [`SteerConfig::interfaces`], which is the same index that links
//! use. Dropping [`SteerProgram`] detaches the program from every interface.

mod config;
mod error;
mod flows;
mod pod;
mod test_run;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, HashMap, MapData, MapError, PerCpuArray, XskMap};
use aya::programs::xdp::XdpLinkId;
use aya::programs::{Xdp, XdpMode};
use aya::{Ebpf, VerifierLogLevel};
use trunkline_xdp_abi::map::{
    self, Config, Count, INTERFACES_MAX, LOCALS_MAX, SOURCES_MAX, SourceKey, ZONE_UNKNOWN, ZONES_MAX,
};
use trunkline_xdp_abi::verdict::{VERDICTS, counter_index};
use trunkline_xdp_abi::{ABI_VERSION, Address, Local, Verdict};

use crate::nic;
use pod::Plain;

pub use config::{Mode, Source, SteerConfig};
pub use error::SteerError;
pub use flows::FlowTable;
pub use test_run::TestRun;

/// An interface that the program runs on.
#[derive(Clone, Debug)]
pub struct Attachment {
    /// Name of the interface.
    pub interface: String,
    /// Its kernel index.
    pub ifindex: u32,
    /// How the program is attached: never [`Mode::Auto`].
    pub mode: Mode,
}

/// One counter of the program, summed over CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SteerCount {
    /// The zone that the frames were for, if any.
    pub zone: Option<u8>,
    /// What became of them.
    pub verdict: Verdict,
    /// Frames.
    pub packets: u64,
    /// Bytes from the Ethernet header on.
    pub bytes: u64,
}

/// The loaded program. Not attached until [`SteerProgram::attach`].
#[derive(Debug)]
pub struct SteerProgram {
    ebpf: Ebpf,
    interfaces: Vec<(String, u32)>,
    mode: Mode,
    attached: Vec<(Attachment, XdpLinkId)>,
    locals: BTreeSet<Address>,
    sources: BTreeSet<(SourceKey, u32)>,
    zones: usize,
    parts: flows::Parts,
    flows: FlowTable,
}

impl SteerProgram {
    /// Loads the embedded program into the kernel and fills its maps. Needs `CAP_BPF` and `CAP_NET_ADMIN`.
    ///
    /// # Errors
    /// [`SteerError::NotBuilt`] if the binary was built without the program; the rest as [`SteerError`] says.
    pub fn load(config: &SteerConfig) -> Result<Self, SteerError> {
        let object = OBJECT.ok_or(SteerError::NotBuilt)?;
        let interfaces = resolve(&config.interfaces)?;
        let parts = flows::Parts::new(&config.locals);
        let mut ebpf = aya::EbpfLoader::new()
            .map_max_entries(map::FLOWS, parts.count())
            .verifier_log_level(VerifierLogLevel::DEBUG | VerifierLogLevel::STATS)
            .load(object)
            .map_err(SteerError::load)?;
        check_abi(&ebpf)?;
        let program: &mut Xdp = ebpf
            .program_mut(map::PROGRAM)
            .ok_or(SteerError::Abi { found: 0 })?
            .try_into()
            .map_err(SteerError::load)?;
        program.load().map_err(SteerError::load)?;
        let flows = FlowTable::map(&ebpf, parts.count())?;
        let mut steer = Self {
            ebpf,
            interfaces,
            mode: config.mode,
            attached: Vec::new(),
            locals: BTreeSet::new(),
            sources: BTreeSet::new(),
            zones: 0,
            flows,
            parts,
        };
        steer.replace_sources(&config.sources)?;
        steer.replace_locals(&config.locals)?;
        steer.write_interfaces()?;
        Ok(steer)
    }

    /// Attaches the program to every interface that it is not attached to yet.
    ///
    /// # Errors
    /// [`SteerError::Attach`] with the interface that refused. Interfaces before it stay attached until the drop.
    pub fn attach(&mut self) -> Result<(), SteerError> {
        for slot in self.attached.len()..self.interfaces.len() {
            let (interface, ifindex) = self.interfaces[slot].clone();
            let program: &mut Xdp = self
                .ebpf
                .program_mut(map::PROGRAM)
                .ok_or(SteerError::Abi { found: 0 })?
                .try_into()
                .map_err(SteerError::load)?;
            let (mode, link) = attach_to(program, ifindex, self.mode)
                .map_err(|source| SteerError::attach(&interface, self.mode, source))?;
            self.attached.push((
                Attachment {
                    interface,
                    ifindex,
                    mode,
                },
                link,
            ));
        }
        Ok(())
    }

    /// Where the program runs, by slot, and in which mode.
    pub fn attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.attached.iter().map(|(attachment, _)| attachment)
    }

    /// The flows that the program relays by itself.
    #[must_use]
    pub fn flows(&self) -> &FlowTable {
        &self.flows
    }

    /// The place in [`SteerProgram::flows`] for what comes in at `port` of `address`. Odd ports have none.
    #[must_use]
    pub fn flow_index(&self, address: IpAddr, port: u16) -> Option<u32> {
        self.parts.index(Address::from(address), port)
    }

    /// Has `queue` of the interface in slot `interface` deliver to the AF_XDP socket `socket`.
    ///
    /// The kernel forgets the socket when it is closed; the queue's frames then go to the kernel's stack.
    ///
    /// # Errors
    /// [`SteerError::TooMany`] for a slot or queue beyond the limits, [`SteerError::Map`] if the kernel refuses.
    pub fn register_socket(
        &mut self,
        interface: u8,
        queue: u32,
        socket: BorrowedFd<'_>,
    ) -> Result<(), SteerError> {
        let key = map::socket_key(interface, queue).ok_or(SteerError::TooMany {
            what: "queues of one interface",
            limit: map::QUEUES_MAX as usize,
        })?;
        let mut sockets: XskMap<&mut MapData> = self.map_mut(map::SOCKETS)?;
        sockets
            .set(key, socket.as_raw_fd(), 0)
            .map_err(|source| SteerError::map(map::SOCKETS, source))
    }

    /// Makes `locals` our addresses: first those that are there, then the removal of those that are not any more.
    ///
    /// # Errors
    /// [`SteerError::TooMany`] before anything is changed, [`SteerError::Map`] if the kernel refuses.
    pub fn replace_locals(&mut self, locals: &[(IpAddr, Local)]) -> Result<(), SteerError> {
        let wanted: BTreeSet<Address> = locals.iter().map(|(ip, _)| Address::from(*ip)).collect();
        limit(
            "local addresses",
            wanted.union(&self.locals).count(),
            LOCALS_MAX as usize,
        )?;
        let zones = locals
            .iter()
            .map(|(_, local)| usize::from(local.zone) + 1)
            .max()
            .unwrap_or(0);
        limit("zones", zones, ZONES_MAX)?;
        self.zones = self.zones.max(zones);
        let placed: Vec<(Address, Local)> = locals
            .iter()
            .map(|(ip, local)| (Address::from(*ip), self.parts.place(Address::from(*ip), *local)))
            .collect();
        let gone: Vec<Address> = self.locals.difference(&wanted).copied().collect();
        let mut entries: HashMap<&mut MapData, Plain<Address>, Plain<Local>> = self.map_mut(map::LOCALS)?;
        for (address, local) in placed {
            entries
                .insert(Plain(address), Plain(local), 0)
                .map_err(|source| SteerError::map(map::LOCALS, source))?;
        }
        for address in gone {
            entries
                .remove(&Plain(address))
                .map_err(|source| SteerError::map(map::LOCALS, source))?;
        }
        self.locals = wanted;
        Ok(())
    }

    /// Makes `sources` the prefixes from which SIP is allowed. A prefix in both the old and the new list is never away.
    ///
    /// # Errors
    /// [`SteerError::TooMany`] before anything is changed, [`SteerError::Map`] if the kernel refuses.
    pub fn replace_sources(&mut self, sources: &[Source]) -> Result<(), SteerError> {
        let wanted: BTreeSet<(SourceKey, u32)> = sources.iter().map(Source::key).collect();
        limit(
            "source prefixes",
            wanted.union(&self.sources).count(),
            SOURCES_MAX as usize,
        )?;
        let added: Vec<_> = wanted.difference(&self.sources).copied().collect();
        let gone: Vec<_> = self.sources.difference(&wanted).copied().collect();
        let mut trie: LpmTrie<&mut MapData, [u32; 5], u32> = self.map_mut(map::SOURCES)?;
        for (key, bits) in added {
            trie.insert(&trie_key(key, bits), 1, 0)
                .map_err(|source| SteerError::map(map::SOURCES, source))?;
        }
        for (key, bits) in gone {
            trie.remove(&trie_key(key, bits))
                .map_err(|source| SteerError::map(map::SOURCES, source))?;
        }
        self.sources = wanted;
        Ok(())
    }

    /// The program's counters that have moved since it was loaded.
    ///
    /// One system call for each counter of each zone: for a scrape, not for a packet.
    ///
    /// # Errors
    /// [`SteerError::Map`] if the kernel refuses.
    pub fn counters(&self) -> Result<Vec<SteerCount>, SteerError> {
        let counters: PerCpuArray<&MapData, Plain<Count>> = self
            .ebpf
            .map(map::COUNTERS)
            .ok_or(SteerError::Abi { found: 0 })?
            .try_into()
            .map_err(|source| SteerError::map(map::COUNTERS, source))?;
        let mut moved = Vec::new();
        for zone in (0..self.zones).map(|zone| zone as u8).chain([ZONE_UNKNOWN]) {
            for verdict in (0..VERDICTS).filter_map(|index| Verdict::from_index(index, zone)) {
                let values = counters
                    .get(&counter_index(zone, verdict), 0)
                    .map_err(|source| SteerError::map(map::COUNTERS, source))?;
                let (packets, bytes) = values.iter().fold((0, 0), |(p, b), Plain(count)| {
                    (p + count.packets, b + count.bytes)
                });
                if packets != 0 {
                    let zone = (zone != ZONE_UNKNOWN).then_some(zone);
                    moved.push(SteerCount {
                        zone,
                        verdict,
                        packets,
                        bytes,
                    });
                }
            }
        }
        Ok(moved)
    }

    /// Tells the program its interfaces: from now on it does more than pass everything on.
    fn write_interfaces(&mut self) -> Result<(), SteerError> {
        let mut config = Config {
            interface_count: self.interfaces.len() as u32,
            ..Config::EMPTY
        };
        for (slot, (_, ifindex)) in config.interfaces.iter_mut().zip(&self.interfaces) {
            *slot = *ifindex;
        }
        let mut entry: Array<&mut MapData, Plain<Config>> = self.map_mut(map::CONFIG)?;
        entry
            .set(0, Plain(config), 0)
            .map_err(|source| SteerError::map(map::CONFIG, source))
    }

    /// The map called `name`, as the type that the caller wants.
    fn map_mut<'a, M>(&'a mut self, name: &'static str) -> Result<M, SteerError>
    where
        M: TryFrom<&'a mut aya::maps::Map, Error = MapError>,
    {
        let map = self.ebpf.map_mut(name).ok_or(SteerError::Abi { found: 0 })?;
        M::try_from(map).map_err(|source| SteerError::map(name, source))
    }
}

/// Attaches in the mode wished for, and says which one it became.
fn attach_to(
    program: &mut Xdp,
    ifindex: u32,
    mode: Mode,
) -> Result<(Mode, XdpLinkId), aya::programs::ProgramError> {
    let driver = |program: &mut Xdp| program.attach_to_if_index(ifindex, XdpMode::Driver);
    let generic = |program: &mut Xdp| program.attach_to_if_index(ifindex, XdpMode::Skb);
    match mode {
        Mode::Driver => driver(program).map(|link| (Mode::Driver, link)),
        Mode::Generic => generic(program).map(|link| (Mode::Generic, link)),
        Mode::Auto => match driver(program) {
            Ok(link) => Ok((Mode::Driver, link)),
            // The driver's reason is the better one: that generic mode is refused as well follows from it mostly.
            Err(refused) => generic(program)
                .map(|link| (Mode::Generic, link))
                .map_err(|_| refused),
        },
    }
}

/// The kernel indexes of the interfaces.
fn resolve(names: &[String]) -> Result<Vec<(String, u32)>, SteerError> {
    limit("interfaces", names.len(), INTERFACES_MAX)?;
    names
        .iter()
        .map(|name| {
            let ifindex = nic::index(name).map_err(|_| SteerError::NoInterface { name: name.clone() })?;
            Ok((name.clone(), ifindex))
        })
        .collect()
}

/// Refuses a program whose maps are laid out for another version of the contract.
fn check_abi(ebpf: &Ebpf) -> Result<(), SteerError> {
    let found = ebpf
        .map(map::ABI)
        .and_then(|abi| Array::<&MapData, u32>::try_from(abi).ok())
        .map_or(0, |abi| abi.len());
    if found == ABI_VERSION {
        Ok(())
    } else {
        Err(SteerError::Abi { found })
    }
}

/// The prefix as aya wants it.
fn trie_key(key: SourceKey, bits: u32) -> Key<[u32; 5]> {
    let key = key.trie_key(bits);
    Key::new(key.prefix_len, key.data)
}

fn limit(what: &'static str, count: usize, limit: usize) -> Result<(), SteerError> {
    if count > limit {
        Err(SteerError::TooMany { what, limit })
    } else {
        Ok(())
    }
}

#[cfg(xdp_embedded)]
const OBJECT: Option<&[u8]> = Some(aya::include_bytes_aligned!(concat!(
    env!("OUT_DIR"),
    "/trunkline-xdp"
)));
#[cfg(not(xdp_embedded))]
const OBJECT: Option<&[u8]> = None;

#[cfg(test)]
mod tests;
