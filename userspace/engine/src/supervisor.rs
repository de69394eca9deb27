//! Starting, watching, draining and stopping the workers.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use crossbeam::channel::{Receiver, Sender, bounded};
use crossbeam::queue::ArrayQueue;
use trunkline_call::cdr::CdrRecord;
use trunkline_call::plan::RoutePlan;
use trunkline_call::report::CallSummary;
use trunkline_net::poll::Waiter;
use trunkline_xdp_abi::verdict::DropReason;

use crate::books::Books;
use crate::command::{COMMANDS_MAX, CallRecord, Command};
use crate::config::EngineConfig;
use crate::datapath::{Datapath, InterfaceReport, StartError, Steered, WorkerIo};
use crate::handoff::{Doorbell, Handoff};
use crate::launch::{self, Launch};
use crate::report::{Conservation, WorkerReport};
use crate::snapshot::Snapshot;
use crate::worker::{CDRS_PER_CALL, Shared};

/// How long the control side waits for a worker's answer: many turns, yet not for ever if a worker hangs.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(2);

/// Beyond this age of its report a worker counts as stuck.
pub const REPORT_AGE_MAX: Duration = Duration::from_secs(5);

/// The running edge.
///
/// Every method may be called from any thread; those that ask workers wait for the answers, at most
/// [`ANSWER_TIME_MAX`].
pub struct Engine {
    workers: Vec<WorkerHandle>,
    datapath: Datapath,
    doorbells: Arc<[Doorbell]>,
    plan: ArcSwap<RoutePlan>,
    draining: AtomicBool,
}

struct WorkerHandle {
    shared: Shared,
    thread: JoinHandle<WorkerReport>,
}

/// What was still held when the workers ended; all zero after a drain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopReport {
    /// Calls that were cut off.
    pub calls: usize,
    /// Flows that were open.
    pub flows: usize,
    /// Pairs of media ports that were taken.
    pub ports: usize,
    /// Workers that ended by a panic.
    pub panicked: usize,
    /// Worker links whose slot ledger did not sum up.
    pub unbalanced: usize,
}

impl Engine {
    /// Starts the workers and returns once all of them serve.
    ///
    /// Privileged work (program, AF_XDP sockets) is done by the calling thread; workers give up their capabilities
    /// before they serve.
    ///
    /// # Errors
    /// [`StartError`]; everything begun is undone then.
    pub fn start(config: &EngineConfig) -> Result<Self, StartError> {
        let snapshot = Snapshot::of(Arc::clone(&config.plan));
        let workers = config.cores.len();
        let (mut waiters, mut bells) = (Vec::with_capacity(workers), Vec::with_capacity(workers));
        for _ in 0..workers {
            let (waiter, waker) = Waiter::new().map_err(StartError::Worker)?;
            waiters.push(waiter);
            bells.push(Doorbell::new(waker));
        }
        let doorbells: Arc<[Doorbell]> = bells.into();
        let (datapath, ios) = Datapath::open(config, &snapshot)?;
        let ends = Handoff::mesh(&doorbells);
        let (tell, told) = mpsc::channel();
        let mut engine = Self {
            workers: Vec::with_capacity(workers),
            datapath,
            doorbells,
            plan: ArcSwap::new(Arc::clone(&config.plan)),
            draining: AtomicBool::new(false),
        };
        for (index, ((io, waiter), handoff)) in ios.into_iter().zip(waiters).zip(ends).enumerate() {
            let launch = Launch {
                worker: index as u8,
                workers: workers as u8,
                core: config.cores[index],
                busy_poll: config.busy_poll,
                calls: config.capacity.calls,
                snapshot: snapshot.clone(),
                next_hops: engine.datapath.next_hops(),
                mtus: engine.datapath.mtus(),
                shared: shared(config, &snapshot),
                handoff,
            };
            let spawned = engine.spawn(launch, io, waiter, tell.clone());
            if let Err(error) = spawned {
                engine.stop();
                return Err(StartError::Worker(error));
            }
        }
        drop(tell);
        match engine.await_workers(&told) {
            Ok(()) => Ok(engine),
            Err(error) => {
                engine.stop();
                Err(error)
            }
        }
    }

    fn spawn(
        &mut self,
        launch: Launch,
        io: WorkerIo,
        waiter: Waiter,
        tell: mpsc::Sender<io::Result<()>>,
    ) -> io::Result<()> {
        let shared = launch.shared.clone();
        let name = format!("worker-{}", launch.worker);
        let thread = std::thread::Builder::new()
            .name(name)
            .spawn(move || launch::run(launch, io, waiter, &tell))?;
        self.workers.push(WorkerHandle { shared, thread });
        Ok(())
    }

    fn await_workers(&self, told: &mpsc::Receiver<io::Result<()>>) -> Result<(), StartError> {
        for _ in 0..self.workers.len() {
            match told.recv() {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(StartError::Worker(error)),
                Err(_) => {
                    return Err(StartError::Worker(io::Error::other(
                        "a worker ended while it started",
                    )));
                }
            }
        }
        Ok(())
    }

    /// How the interfaces are served.
    #[must_use]
    pub fn interfaces(&self) -> &[InterfaceReport] {
        self.datapath.interfaces()
    }

    /// The newest report of each worker.
    #[must_use]
    pub fn reports(&self) -> Vec<Arc<WorkerReport>> {
        self.workers
            .iter()
            .map(|worker| worker.shared.report.load_full())
            .collect()
    }

    /// What the XDP program counted; empty without one.
    #[must_use]
    pub fn steered(&self) -> Steered {
        self.datapath.steered()
    }

    /// What all parts counted, taken once, so that sums over it agree.
    #[must_use]
    pub fn books(&self) -> Books {
        // A frame is counted by the program first. Its counters are read last, so that no frame is seen by a worker and
        // not by the program.
        let reports = self.reports();
        Books::new(reports, self.steered())
    }

    /// Frames dropped by reason: by the XDP program, on the way to the workers, and by the workers.
    #[must_use]
    pub fn drops(&self) -> [u64; DropReason::COUNT] {
        self.books().drops()
    }

    /// The books of the whole edge.
    #[must_use]
    pub fn conservation(&self) -> Conservation {
        self.books().conservation()
    }

    /// The live calls of all workers.
    #[must_use]
    pub fn calls(&self) -> Vec<CallSummary> {
        self.ask(Command::List).into_iter().flatten().collect()
    }

    /// One call with its kept messages, also shortly after it ended.
    #[must_use]
    pub fn call(&self, id: &str) -> Option<CallRecord> {
        self.ask(|answer| Command::Show {
            id: id.to_owned(),
            answer,
        })
        .into_iter()
        .flatten()
        .next()
    }

    /// Ends one call; `false` if there is none.
    #[must_use]
    pub fn hang_up(&self, id: &str) -> bool {
        self.ask(|answer| Command::HangUp {
            id: id.to_owned(),
            answer,
        })
        .contains(&true)
    }

    /// Asks every worker and collects what was answered in time.
    fn ask<T>(&self, command: impl Fn(Sender<T>) -> Command) -> Vec<T> {
        let (answer, answers): (Sender<T>, Receiver<T>) = bounded(self.workers.len());
        for index in 0..self.workers.len() {
            self.tell(index, command(answer.clone()));
        }
        drop(answer);
        let deadline = Instant::now() + ANSWER_TIME_MAX;
        std::iter::from_fn(|| answers.recv_deadline(deadline).ok()).collect()
    }

    /// Queues a command for one worker; a full queue drops it, and with it the asker's hope for an answer.
    fn tell(&self, index: usize, command: Command) {
        let _ = self.workers[index].shared.commands.push(command);
        self.doorbells[index].ring();
    }

    /// Queues a command that must not get lost, and waits for room if there is none. A worker that makes none for
    /// [`ANSWER_TIME_MAX`] hangs, and [`is_healthy`](Self::is_healthy) says so.
    fn tell_for_sure(&self, index: usize, mut command: Command) {
        let deadline = Instant::now() + ANSWER_TIME_MAX;
        while let Err(refused) = self.workers[index].shared.commands.push(command) {
            if Instant::now() >= deadline {
                return;
            }
            command = refused;
            self.doorbells[index].ring();
            std::thread::sleep(Duration::from_millis(1));
        }
        self.doorbells[index].ring();
    }

    /// The plan that new calls begin with.
    #[must_use]
    pub fn plan(&self) -> Arc<RoutePlan> {
        self.plan.load_full()
    }

    /// Publishes a new plan: sources and addresses first, then the workers. Live calls keep theirs.
    ///
    /// Zones, interfaces, listeners and port ranges must be those of the running plan.
    ///
    /// # Errors
    /// What the kernel says about the XDP program's maps. The workers keep the plan that they have then; the program may
    /// already let in the sources of `plan` in place of those of the old one. Reloading either plan again mends that.
    pub fn reload(&self, plan: Arc<RoutePlan>) -> Result<(), StartError> {
        self.datapath.replace(&Snapshot::of(Arc::clone(&plan)))?;
        for index in 0..self.workers.len() {
            self.tell_for_sure(index, Command::Plan(Arc::clone(&plan)));
        }
        self.plan.store(plan);
        Ok(())
    }

    /// Refuses new calls from now on.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        for index in 0..self.workers.len() {
            self.tell_for_sure(index, Command::Drain);
        }
    }

    /// Whether new calls are refused.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Whether every worker lives and has reported lately.
    #[must_use]
    pub fn is_healthy(&self) -> bool {
        let now = trunkline_net::clock::monotonic_now();
        self.workers.iter().all(|worker| {
            !worker.thread.is_finished()
                && now.saturating_since(worker.shared.report.load().at) < REPORT_AGE_MAX
        })
    }

    /// Calls that are not yet ended.
    #[must_use]
    pub fn active(&self) -> usize {
        self.reports().iter().map(|report| report.calls_active).sum()
    }

    /// Takes the oldest finished record.
    #[must_use]
    pub fn take_cdr(&self) -> Option<Box<CdrRecord>> {
        self.workers.iter().find_map(|worker| worker.shared.cdrs.pop())
    }

    /// Records that wait to be taken.
    #[must_use]
    pub fn cdrs_queued(&self) -> usize {
        self.workers.iter().map(|worker| worker.shared.cdrs.len()).sum()
    }

    /// Ends the workers now and says what was cut off. Records that wait are returned with it.
    pub fn stop(self) -> (StopReport, Vec<Box<CdrRecord>>) {
        for (index, worker) in self.workers.iter().enumerate() {
            worker.shared.stop.store(true, Ordering::Relaxed);
            self.doorbells[index].ring();
        }
        let (mut stopped, mut records) = (StopReport::default(), Vec::new());
        for WorkerHandle { shared, thread } in self.workers {
            match thread.join() {
                Ok(last) => stopped.add(&last),
                Err(_) => stopped.panicked += 1,
            }
            records.extend(std::iter::from_fn(|| shared.cdrs.pop()));
        }
        (stopped, records)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("workers", &self.workers.len())
            .field("interfaces", &self.interfaces())
            .finish_non_exhaustive()
    }
}

impl StopReport {
    fn add(&mut self, last: &WorkerReport) {
        self.calls += last.calls_active;
        self.flows += last.flows_active;
        self.ports += last.ports.taken;
        self.unbalanced += usize::from(!last.slots.is_balanced());
    }
}

fn shared(config: &EngineConfig, snapshot: &Snapshot) -> Shared {
    Shared {
        commands: Arc::new(ArrayQueue::new(COMMANDS_MAX)),
        cdrs: Arc::new(ArrayQueue::new(
            config.capacity.cdrs + config.capacity.calls * CDRS_PER_CALL,
        )),
        report: Arc::new(ArcSwap::from_pointee(WorkerReport::empty(snapshot))),
        stop: Arc::new(AtomicBool::new(false)),
    }
}

/// Every UDP address that the plan listens on.
pub(crate) fn udp_listeners(plan: &RoutePlan) -> Vec<SocketAddr> {
    let mut listeners = Vec::new();
    for zone in &plan.zones {
        for listener in zone
            .listeners
            .iter()
            .filter(|l| l.transport == trunkline_sip::path::Transport::Udp)
        {
            listeners.extend(
                zone.addresses
                    .iter()
                    .map(|&address| SocketAddr::new(address, listener.port)),
            );
        }
    }
    listeners
}
