//! The privileged side of packet input: the XDP program, AF_XDP sockets, next hops.

mod error;

use std::net::IpAddr;

use trunkline_net::neighbor::Resolver;
use trunkline_net::nic::Nic;
use trunkline_net::steer::{Mode, Source, SteerConfig, SteerError, SteerProgram};
use trunkline_net::udp::{UdpConfig, UdpSockets};
use trunkline_net::xsk::{XskConfig, XskQueue, XskSockets, ZeroCopy};
use trunkline_net::{NextHops, nic};
use trunkline_xdp_abi::map::Local;
use trunkline_xdp_abi::verdict::{DropReason, PassReason, Verdict};

use crate::config::{EngineConfig, Io, XdpMode};
use crate::snapshot::Snapshot;
use crate::supervisor::udp_listeners;
pub use error::StartError;

/// How one interface is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceReport {
    /// Its name; empty in socket mode without interface names.
    pub name: String,
    /// `driver`, `generic` or `socket`.
    pub mode: &'static str,
    /// Whether frames pass between driver and worker without a copy.
    pub zero_copy: bool,
    /// Receive queues that are served.
    pub queues: u32,
    /// Name of its driver.
    pub driver: String,
}

impl InterfaceReport {
    fn of(nic: &Nic, mode: Mode, zero_copy: bool) -> Self {
        Self {
            name: nic.name.clone(),
            mode: if mode == Mode::Generic {
                "generic"
            } else {
                "driver"
            },
            zero_copy,
            queues: nic.queues,
            driver: nic.driver.clone(),
        }
    }
}

/// What the XDP program counted since it was attached.
#[derive(Clone, Debug)]
pub struct Steered {
    /// Frames given to AF_XDP sockets.
    pub redirected: u64,
    /// Frames passed to the kernel's stack, by [`PassReason::index`].
    pub passed: [u64; PassReason::COUNT],
    /// Frames dropped, by [`DropReason::index`].
    pub drops: [u64; DropReason::COUNT],
    /// Frames and bytes that the program decided about itself, by zone; the last row is for no zone.
    pub decided: Vec<(u64, u64)>,
}

impl Steered {
    /// Nothing seen yet, for a plan of `zones` zones.
    fn new(zones: usize) -> Self {
        Self {
            redirected: 0,
            passed: [0; PassReason::COUNT],
            drops: [0; DropReason::COUNT],
            decided: vec![(0, 0); zones + 1],
        }
    }

    /// All frames that the program saw.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.redirected + self.passed.iter().sum::<u64>() + self.drops.iter().sum::<u64>()
    }
}

/// What one worker receives from and sends to.
pub(crate) enum WorkerIo {
    /// AF_XDP, and the kernel's own sockets beside it.
    Xdp {
        /// Opened sockets; boxed, as they are large.
        sockets: Box<XskSockets>,
        /// The kernel's own sockets.
        kernel: UdpSockets,
    },
    /// Sockets alone.
    Sockets(UdpSockets),
}

/// Taken by scrapes and reloads, never by a worker.
#[expect(clippy::disallowed_types, reason = "the control side may wait")]
type ControlLock<T> = std::sync::Mutex<T>;

/// The privileged things that live as long as the engine.
pub(crate) struct Datapath {
    steer: Option<ControlLock<SteerProgram>>,
    next_hops: NextHops,
    /// Keeps `next_hops` fresh as long as it lives.
    _resolver: Option<Resolver>,
    interfaces: Vec<InterfaceReport>,
    mtus: Vec<u16>,
    zones: usize,
}

impl Datapath {
    /// Loads and attaches the program, opens the sockets of every worker, follows the kernel's routes.
    pub(crate) fn open(
        config: &EngineConfig,
        snapshot: &Snapshot,
    ) -> Result<(Self, Vec<WorkerIo>), StartError> {
        UdpSockets::probe(&udp_listeners(&snapshot.plan)).map_err(StartError::Listener)?;
        match config.io {
            Io::Socket => Self::sockets(config, snapshot),
            Io::Xdp(mode) => Self::xdp(config, snapshot, mode),
        }
    }

    fn sockets(config: &EngineConfig, snapshot: &Snapshot) -> Result<(Self, Vec<WorkerIo>), StartError> {
        let interfaces = config.interfaces.iter().map(|name| InterfaceReport {
            name: name.clone(),
            mode: "socket",
            zero_copy: false,
            queues: 0,
            driver: String::new(),
        });
        let datapath = Self {
            steer: None,
            next_hops: NextHops::kernel(),
            _resolver: None,
            interfaces: interfaces.collect(),
            mtus: vec![0; config.interfaces.len()],
            zones: snapshot.plan.zones.len(),
        };
        let ios = config
            .cores
            .iter()
            .map(|_| udp_sockets(snapshot).map(WorkerIo::Sockets));
        Ok((datapath, ios.collect::<Result<_, _>>()?))
    }

    fn xdp(
        config: &EngineConfig,
        snapshot: &Snapshot,
        mode: XdpMode,
    ) -> Result<(Self, Vec<WorkerIo>), StartError> {
        let nics = probe(config)?;
        let mut steer = load(config, snapshot, mode).map_err(StartError::Steer)?;
        let (mut ios, mut zero_copy) = (Vec::new(), true);
        for worker in 0..config.cores.len() {
            let sockets = open_queues(config, worker, &nics, &mut steer)?;
            zero_copy &= sockets.report().zero_copy;
            ios.push(WorkerIo::Xdp {
                sockets: Box::new(sockets),
                kernel: udp_sockets(snapshot)?,
            });
        }
        let (next_hops, resolver) = Resolver::start(&config.interfaces).map_err(StartError::Resolver)?;
        let attached = nics.iter().zip(steer.attachments());
        let datapath = Self {
            interfaces: attached
                .map(|(nic, attachment)| InterfaceReport::of(nic, attachment.mode, zero_copy))
                .collect(),
            mtus: nics
                .iter()
                .map(|nic| nic.mtu.min(u32::from(u16::MAX)) as u16)
                .collect(),
            next_hops,
            _resolver: Some(resolver),
            steer: Some(ControlLock::new(steer)),
            zones: snapshot.plan.zones.len(),
        };
        Ok((datapath, ios))
    }

    /// A panic of another scrape leaves the program as usable as it was.
    fn steer(&self) -> Option<impl std::ops::DerefMut<Target = SteerProgram> + '_> {
        self.steer
            .as_ref()
            .map(|steer| steer.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// Next hops for one worker.
    pub(crate) fn next_hops(&self) -> NextHops {
        self.next_hops.clone()
    }

    /// The MTU of each interface in bytes; 0 where the kernel takes care of it.
    pub(crate) fn mtus(&self) -> Vec<u16> {
        self.mtus.clone()
    }

    pub(crate) fn interfaces(&self) -> &[InterfaceReport] {
        &self.interfaces
    }

    /// Takes over addresses and sources of a new plan.
    pub(crate) fn replace(&self, snapshot: &Snapshot) -> Result<(), StartError> {
        let Some(mut steer) = self.steer() else {
            return Ok(());
        };
        steer
            .replace_sources(&sources(snapshot))
            .map_err(StartError::Steer)?;
        steer.replace_locals(&locals(snapshot)).map_err(StartError::Steer)
    }

    /// What the program counted. Counters that cannot be read count as zero.
    pub(crate) fn steered(&self) -> Steered {
        let mut steered = Steered::new(self.zones);
        let counts = self
            .steer()
            .and_then(|steer| steer.counters().ok())
            .unwrap_or_default();
        for count in counts {
            match count.verdict {
                Verdict::Sip { .. } | Verdict::Rtp { .. } => {
                    steered.redirected += count.packets;
                    continue;
                }
                Verdict::Kernel(reason) => steered.passed[reason.index()] += count.packets,
                Verdict::Drop(reason) => steered.drops[reason.index()] += count.packets,
            }
            let row = count.zone.map_or(self.zones, usize::from).min(self.zones);
            steered.decided[row].0 += count.packets;
            steered.decided[row].1 += count.bytes;
        }
        steered
    }
}

/// Facts about every interface; refuses one that a worker could not send on.
fn probe(config: &EngineConfig) -> Result<Vec<Nic>, StartError> {
    let mut nics = Vec::new();
    for name in &config.interfaces {
        let nic = nic::Nic::probe(name).map_err(|source| StartError::Interface {
            name: name.clone(),
            source,
        })?;
        if (nic.queues as usize) < config.cores.len() {
            return Err(StartError::Queues {
                name: name.clone(),
                queues: nic.queues,
                workers: config.cores.len(),
            });
        }
        nics.push(nic);
    }
    Ok(nics)
}

/// Loads the program, tells it our addresses and sources, and attaches it to every interface.
fn load(config: &EngineConfig, snapshot: &Snapshot, mode: XdpMode) -> Result<SteerProgram, SteerError> {
    let mut steer = SteerProgram::load(&SteerConfig {
        interfaces: config.interfaces.clone(),
        mode: match mode {
            XdpMode::Auto => Mode::Auto,
            XdpMode::Driver => Mode::Driver,
            XdpMode::Generic => Mode::Generic,
        },
        locals: locals(snapshot),
        sources: sources(snapshot),
    })?;
    steer.attach()?;
    Ok(steer)
}

/// Opens the AF_XDP sockets of one worker and has the program deliver to them.
fn open_queues(
    config: &EngineConfig,
    worker: usize,
    nics: &[Nic],
    steer: &mut SteerProgram,
) -> Result<XskSockets, StartError> {
    let is_generic = steer
        .attachments()
        .any(|attachment| attachment.mode == Mode::Generic);
    let sockets = XskSockets::open(&XskConfig {
        queues: queues_of(worker, config.cores.len(), nics),
        ring_len: config.capacity.ring,
        zero_copy: if is_generic {
            ZeroCopy::Never
        } else {
            ZeroCopy::Auto
        },
        ..XskConfig::default()
    })
    .map_err(StartError::Xsk)?;
    for (interface, queue, socket) in sockets.fds() {
        steer
            .register_socket(interface, queue, socket)
            .map_err(StartError::Steer)?;
    }
    Ok(sockets)
}

/// The queues that a worker serves: every `workers`-th of each interface.
fn queues_of(worker: usize, workers: usize, nics: &[Nic]) -> Vec<XskQueue> {
    let mut queues = Vec::new();
    for (interface, nic) in nics.iter().enumerate() {
        for queue in (worker as u32..nic.queues).step_by(workers) {
            queues.push(XskQueue {
                interface: interface as u8,
                name: nic.name.clone(),
                queue,
            });
        }
    }
    queues
}

fn locals(snapshot: &Snapshot) -> Vec<(IpAddr, Local)> {
    snapshot
        .steering
        .locals()
        .iter()
        .map(|(address, local)| (address.to_ip(), *local))
        .collect()
}

fn sources(snapshot: &Snapshot) -> Vec<Source> {
    let trunks = snapshot.plan.trunks.iter();
    let of_trunk = |trunk: &trunkline_call::plan::Trunk| {
        let zone = trunk.zone;
        let prefixes = trunk.sources.clone().into_iter();
        prefixes.map(move |prefix| Source {
            zone,
            address: prefix.address,
            prefix_len: prefix.len,
        })
    };
    trunks.flat_map(of_trunk).collect()
}

/// Binds one worker's sockets on every SIP listener.
fn udp_sockets(snapshot: &Snapshot) -> Result<UdpSockets, StartError> {
    let zones = snapshot.plan.zones.iter();
    let addresses = zones.flat_map(|zone| zone.addresses.iter().map(|&address| (zone.interface, address)));
    let config = UdpConfig {
        addresses: addresses.collect(),
        listeners: udp_listeners(&snapshot.plan),
        ..UdpConfig::default()
    };
    UdpSockets::bind(config).map_err(StartError::Listener)
}
