//! `trunkline run`: the edge itself, in the foreground.

mod datapath;

use std::{net::TcpListener, sync::Arc, time::Duration};

use anyhow::Context as _;
use tracing::{info, warn};
use trunkline_engine::{Engine, affinity};
use trunkline_net::caps::{self, Keep};

use crate::{
    api::{self, guard::Guard, server},
    cdr_sink::CdrSink,
    cli::{Common, Failure, check},
    config::checked::Config,
    edge::Edge,
    log,
    metrics::Metrics,
    shutdown::{self, Reason},
    state_dir::StateLock,
};

/// How often the newest reports are looked at.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

/// Runs until a signal or a drain ends it.
pub(crate) fn run(common: &Common) -> Result<(), Failure> {
    let outcome = check::load(common)?;
    let (config, warnings) = check::require(common, outcome)?;
    log::start(&config.node).map_err(Failure::Usage)?;
    for warning in &warnings {
        warn!("{warning}");
    }
    serve(common, &config).map_err(Failure::Failed)
}

fn serve(common: &Common, config: &Config) -> anyhow::Result<()> {
    let _lock = StateLock::take(&config.node.state_dir)?;
    let listener = TcpListener::bind(config.admin.listen)
        .with_context(|| format!("cannot listen on {} for the admin interface", config.admin.listen))?;
    let cores = affinity::cores();
    let started = datapath::start(config, &cores)?;
    leave_cores_to_workers(&cores, &started.cores);
    // Threads that are started from here on have no capabilities either.
    caps::drop_all_but(Keep::Nothing).context("cannot give up capabilities")?;
    let engine = Arc::new(started.engine);
    let source = Arc::clone(&engine);
    let sink = CdrSink::start(&config.cdr, Box::new(move || source.take_cdr())).with_context(|| {
        format!(
            "cannot write call detail records to {}",
            config.cdr.file.display()
        )
    })?;
    let edge = Arc::new(Edge::new(
        Arc::clone(&engine),
        config,
        common.config.clone(),
        started.io,
    ));
    let served = serve_admin(&edge, &sink, listener, config);
    drop(edge);
    let ended = end(engine, sink);
    served.and(ended)
}

/// Serves the admin interface and the signals until the edge shall end.
fn serve_admin(
    edge: &Arc<Edge>,
    sink: &CdrSink,
    listener: TcpListener,
    config: &Config,
) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the admin interface")?;
    let metrics = Arc::new(Metrics::default());
    let context = api::Context {
        edge: Arc::clone(edge),
        metrics: Arc::clone(&metrics),
    };
    let router = api::router(context, Guard::new(config.admin.token.clone()));
    let reason = runtime.block_on(async {
        let looked = Arc::clone(edge);
        tokio::spawn(async move {
            let mut interval = tokio::time::interval(LOOK_INTERVAL);
            loop {
                interval.tick().await;
                metrics.look(&looked);
            }
        });
        let served = tokio::spawn(server::serve(listener, router));
        info!(node = %edge.node, admin = %config.admin.listen, io = edge.io, "serving");
        tokio::select! {
            reason = shutdown::wait(edge, sink, config.node.drain_timeout) => reason,
            served = served => {
                let error = served.map_or_else(|error| error.to_string(), |served| format!("{served:?}"));
                Err(anyhow::anyhow!("the admin interface ended: {error}"))
            }
        }
    });
    // Connections and questions that are still open hold on to the engine; they are not waited for for long.
    runtime.shutdown_timeout(Duration::from_secs(3));
    match reason? {
        Reason::Drained => info!("drained: no call is left"),
        Reason::TimedOut { calls } => warn!(calls, "the drain took too long; calls are cut off"),
        Reason::Forced { calls } => warn!(calls, "asked a second time; calls are cut off"),
    }
    Ok(())
}

/// Ends the workers and writes the records that are left.
fn end(engine: Arc<Engine>, sink: CdrSink) -> anyhow::Result<()> {
    let journal = sink.finish();
    let Some(engine) = Arc::into_inner(engine) else {
        warn!("a question was still being worked on; the workers end with the process");
        return Ok(());
    };
    let (stopped, records) = engine.stop();
    if let Some(mut journal) = journal {
        journal
            .append_records(&records)
            .context("cannot write the last call detail records")?;
    }
    info!(
        calls = stopped.calls,
        flows = stopped.flows,
        ports = stopped.ports,
        "stopped"
    );
    if stopped.panicked > 0 {
        anyhow::bail!("{} worker(s) ended by a panic", stopped.panicked);
    }
    Ok(())
}

/// Moves this thread, and those that it starts, to a core without a worker if there is one.
fn leave_cores_to_workers(all: &[usize], workers: &[usize]) {
    if let Some(free) = all.iter().find(|core| !workers.contains(core))
        && !affinity::pin(*free)
    {
        warn!(core = free, "cannot leave the cores of the workers");
    }
}
