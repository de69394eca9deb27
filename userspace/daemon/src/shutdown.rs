//! Signals and the service manager: when the edge reloads, drains and ends.

use std::{future::Future, sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};
use tracing::{debug, error, info, warn};

use crate::{cdr_sink::CdrSink, edge::Edge};

/// How often a draining edge looks whether calls are left.
const DRAIN_POLL: Duration = Duration::from_millis(50);

/// Why the edge ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It was drained and no call is left.
    Drained,
    /// The drain took longer than the configuration allows.
    TimedOut {
        /// Calls that are cut off.
        calls: usize,
    },
    /// It was asked a second time.
    Forced {
        /// Calls that are cut off.
        calls: usize,
    },
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

/// Serves signals until the edge shall end, and tells the service manager how it stands.
pub(crate) async fn wait(
    edge: &Arc<Edge>,
    sink: &CdrSink,
    drain_timeout: Option<Duration>,
) -> anyhow::Result<Reason> {
    let mut signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hang_up: signal(SignalKind::hangup())?,
    };
    tell(&[NotifyState::Ready]);
    let alive = tokio::spawn(watchdog(Arc::clone(edge)));
    let reason = serve(&mut signals, edge, sink, drain_timeout).await;
    alive.abort();
    Ok(reason)
}

async fn serve(
    signals: &mut Signals,
    edge: &Arc<Edge>,
    sink: &CdrSink,
    drain_timeout: Option<Duration>,
) -> Reason {
    loop {
        tokio::select! {
            _ = signals.terminate.recv() => break,
            _ = signals.interrupt.recv() => break,
            _ = signals.hang_up.recv() => reload(edge, sink).await,
        }
    }
    edge.drain();
    tell(&[NotifyState::Stopping]);
    let deadline = drain_timeout.map(|timeout| Instant::now() + timeout);
    tokio::select! {
        () = drained(edge) => Reason::Drained,
        () = until(deadline) => Reason::TimedOut { calls: edge.engine.active() },
        _ = signals.terminate.recv() => Reason::Forced { calls: edge.engine.active() },
        _ = signals.interrupt.recv() => Reason::Forced { calls: edge.engine.active() },
    }
}

/// Takes the configuration over and opens the file of call detail records again.
async fn reload(edge: &Arc<Edge>, sink: &CdrSink) {
    sink.reopen();
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => debug!(%error, "the clock cannot be read"),
    }
    let reloading = Arc::clone(edge);
    match tokio::task::spawn_blocking(move || reloading.reload()).await {
        Ok(Ok(_)) => {}
        Ok(Err(refused)) => {
            for line in refused.lines() {
                error!("not reloaded: {line}");
            }
        }
        Err(error) => error!(%error, "the reload ended badly"),
    }
    tell(&[NotifyState::Ready]);
}

/// Waits until no call is left and a report says so that is newer than the drain.
async fn drained(edge: &Arc<Edge>) {
    loop {
        let reports = edge.engine.reports();
        if reports
            .iter()
            .all(|report| report.draining && report.calls_active == 0)
        {
            return;
        }
        tokio::time::sleep(DRAIN_POLL).await;
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// Tells the service manager's watchdog that the workers live, as long as they do.
fn watchdog(edge: Arc<Edge>) -> impl Future<Output = ()> {
    let interval = sd_notify::watchdog_enabled().map(|timeout| timeout / 2);
    async move {
        let Some(interval) = interval else { return };
        info!(?interval, "the service manager watches");
        loop {
            if edge.engine.is_healthy() {
                tell(&[NotifyState::Watchdog]);
            } else {
                warn!("a worker does not report; the service manager is not told that all is well");
            }
            tokio::time::sleep(interval).await;
        }
    }
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        warn!(%error, "the service manager cannot be told");
    }
}
