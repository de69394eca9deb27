//! The first moments of a worker's thread.

use std::io;
use std::sync::mpsc;

use trunkline_net::caps::{self, Keep};
use trunkline_net::poll::Waiter;
use trunkline_net::{Link, NextHops, UdpLink, XskLink, clock};

use crate::affinity;
use crate::counters::Tier;
use crate::datapath::WorkerIo;
use crate::egress::{Links, Sender};
use crate::entropy::Random;
use crate::handoff::Handoff;
use crate::report::WorkerReport;
use crate::snapshot::Snapshot;
use crate::worker::{Parts, Shared, Worker};

/// What a worker's thread is told.
pub(crate) struct Launch {
    pub(crate) worker: u8,
    pub(crate) workers: u8,
    pub(crate) core: usize,
    pub(crate) busy_poll: bool,
    pub(crate) calls: usize,
    pub(crate) snapshot: Snapshot,
    pub(crate) next_hops: NextHops,
    pub(crate) mtus: Vec<u16>,
    pub(crate) shared: Shared,
    pub(crate) handoff: Handoff,
}

/// Pins the thread, makes its links, gives up its capabilities, says so on `tell`, and runs the worker to its end.
pub(crate) fn run(
    launch: Launch,
    io: WorkerIo,
    waiter: Waiter,
    tell: &mpsc::Sender<io::Result<()>>,
) -> WorkerReport {
    let core = affinity::pin(launch.core).then_some(launch.core);
    match io {
        WorkerIo::Xdp { sockets, kernel } => match UdpLink::new(kernel) {
            Ok(kernel) => {
                let links = Links {
                    main: XskLink::new(*sockets),
                    tier: Tier::Worker,
                    kernel: Some(kernel),
                };
                serve(launch, core, links, waiter, tell)
            }
            Err(error) => fail(&launch, error, tell),
        },
        WorkerIo::Sockets(sockets) => match UdpLink::new(sockets) {
            Ok(main) => serve(
                launch,
                core,
                Links {
                    main,
                    tier: Tier::Socket,
                    kernel: None,
                },
                waiter,
                tell,
            ),
            Err(error) => fail(&launch, error, tell),
        },
    }
}

fn serve<L: Link>(
    launch: Launch,
    core: Option<usize>,
    links: Links<L>,
    waiter: Waiter,
    tell: &mpsc::Sender<io::Result<()>>,
) -> WorkerReport {
    // Nothing below needs a privilege: descriptors that are open stay usable.
    if let Err(error) = caps::drop_all_but(Keep::Nothing) {
        return fail(&launch, error, tell);
    }
    let busy_poll = launch.busy_poll;
    let parts = Parts {
        worker: launch.worker,
        workers: launch.workers,
        core,
        calls: launch.calls,
        links,
        sender: Sender::new(launch.next_hops, launch.mtus),
        handoff: launch.handoff,
        snapshot: launch.snapshot,
        shared: launch.shared,
        random: Random::from_os(),
    };
    let worker = Worker::new(parts, clock::monotonic_now());
    // The supervisor may have given up on another worker meanwhile; it then tells this one to stop.
    let _ = tell.send(Ok(()));
    worker.run(waiter, busy_poll)
}

fn fail(launch: &Launch, error: io::Error, tell: &mpsc::Sender<io::Result<()>>) -> WorkerReport {
    let _ = tell.send(Err(error));
    WorkerReport::empty(&launch.snapshot)
}
