//! The privileged side of packet input: the XDP program, AF_XDP sockets, next hops.

use std::fmt;
use std::io;
use std::net::IpAddr;

use trunkline_net::neighbor::Resolver;
use trunkline_net::nic::Nic;
use trunkline_net::steer::{Mode, Source, SteerConfig, SteerError, SteerProgram};
use trunkline_net::udp::{UdpConfig, UdpSockets};
use trunkline_net::xsk::{XskConfig, XskError, XskQueue, XskSockets, ZeroCopy};
use trunkline_net::{NextHops, nic};
use trunkline_xdp_abi::map::Local;
use trunkline_xdp_abi::verdict::{DropReason, PassReason, Verdict};

use crate::config::{EngineConfig, Io, XdpMode};
use crate::snapshot::Snapshot;
use crate::supervisor::udp_listeners;

/// Why the engine did not start.
#[derive(Debug)]
pub enum StartError {
    /// An interface that is not there, or cannot be asked.
    Interface {
        /// Its name.
        name: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// An interface has fewer receive queues than there are workers, so a worker could not send on it.
    Queues {
        /// Name of the interface.
        name: String,
        /// Queues that it has.
        queues: u32,
        /// Workers that were asked for.
        workers: usize,
    },
    /// The XDP program.
    Steer(SteerError),
    /// An AF_XDP socket.
    Xsk(XskError),
    /// The thread that follows routes and neighbours.
    Resolver(io::Error),
    /// A SIP listener that cannot be bound.
    Listener(io::Error),
    /// A worker's thread.
    Worker(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interface { name, source } => write!(f, "interface {name}: {source}"),
            Self::Queues {
                name,
                queues,
                workers,
            } => write!(
                f,
                "interface {name} has {queues} receive queue(s) for {workers} workers: name fewer cores, or try \
                 `ethtool -L {name} combined {workers}`"
            ),
            Self::Steer(error) => write!(f, "XDP program: {error}"),
            Self::Xsk(error) => write!(f, "AF_XDP: {error}"),
            Self::Resolver(error) => write!(f, "routes and neighbours: {error}"),
            Self::Listener(error) => write!(f, "SIP listener: {error}"),
            Self::Worker(error) => write!(f, "worker: {error}"),
        }
    }
}

impl std::error::Error for StartError {}

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

/// The privileged things that live as long as the engine.
pub(crate) struct Datapath {
    #[expect(
        clippy::disallowed_types,
        reason = "only the control side takes it: scrapes and reloads, never a worker"
    )]
    steer: Option<std::sync::Mutex<SteerProgram>>,
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
        let mut steer = SteerProgram::load(&SteerConfig {
            interfaces: config.interfaces.clone(),
            mode: match mode {
                XdpMode::Auto => Mode::Auto,
                XdpMode::Driver => Mode::Driver,
                XdpMode::Generic => Mode::Generic,
            },
            locals: locals(snapshot),
            sources: sources(snapshot),
        })
        .map_err(StartError::Steer)?;
        steer.attach().map_err(StartError::Steer)?;
        let is_generic = steer
            .attachments()
            .any(|attachment| attachment.mode == Mode::Generic);
        let (mut ios, mut zero_copy) = (Vec::new(), true);
        for worker in 0..config.cores.len() {
            let opened = XskSockets::open(&XskConfig {
                queues: queues_of(worker, config.cores.len(), &nics),
                ring_len: config.capacity.ring,
                zero_copy: if is_generic {
                    ZeroCopy::Never
                } else {
                    ZeroCopy::Auto
                },
                ..XskConfig::default()
            })
            .map_err(StartError::Xsk)?;
            zero_copy &= opened.report().zero_copy;
            for (interface, queue, socket) in opened.fds() {
                steer
                    .register_socket(interface, queue, socket)
                    .map_err(StartError::Steer)?;
            }
            ios.push(WorkerIo::Xdp {
                sockets: Box::new(opened),
                kernel: udp_sockets(snapshot)?,
            });
        }
        let (next_hops, resolver) = Resolver::start(&config.interfaces).map_err(StartError::Resolver)?;
        let interfaces = nics
            .iter()
            .zip(steer.attachments())
            .map(|(nic, attachment)| InterfaceReport {
                name: nic.name.clone(),
                mode: if attachment.mode == Mode::Generic {
                    "generic"
                } else {
                    "driver"
                },
                zero_copy,
                queues: nic.queues,
                driver: nic.driver.clone(),
            });
        let datapath = Self {
            interfaces: interfaces.collect(),
            mtus: nics
                .iter()
                .map(|nic| nic.mtu.min(u32::from(u16::MAX)) as u16)
                .collect(),
            next_hops,
            _resolver: Some(resolver),
            #[expect(clippy::disallowed_types, reason = "see the field")]
            steer: Some(std::sync::Mutex::new(steer)),
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
