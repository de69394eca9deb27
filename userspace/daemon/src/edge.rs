//! The running edge as the admin interface and the signals see it.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use serde::{Deserialize, Serialize};
use tracing::{info, warn};
use trunkline_engine::Engine;

use crate::config::{self, checked::Config, plan, problem::Problem};

/// Everything about the running edge that more than one place needs.
pub(crate) struct Edge {
    pub(crate) engine: Arc<Engine>,
    pub(crate) node: String,
    pub(crate) config_file: PathBuf,
    /// Names of the interfaces; `Zone::interface` of the plans is an index into it.
    interfaces: Vec<String>,
    /// "xdp" or "socket".
    pub(crate) io: &'static str,
    pub(crate) started: jiff::Timestamp,
    pub(crate) started_at: Instant,
    /// One reload at a time.
    reload: Mutex<()>,
    reloads: AtomicU64,
}

/// What a reload has done.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Reloaded {
    /// The number of the plan that new calls begin with.
    pub(crate) epoch: u64,
    /// One line for each setting: "-" before what was, "+" before what is.
    pub(crate) changes: Vec<String>,
    /// What will not have the effect that may be expected.
    pub(crate) warnings: Vec<String>,
}

/// Why a reload was refused. The edge goes on as before.
#[derive(Debug)]
pub(crate) enum ReloadRefused {
    /// The file cannot be read.
    Unreadable(String),
    /// The configuration has errors.
    Problems(Vec<Problem>),
    /// What it changes takes a restart.
    NeedsRestart(Vec<String>),
    /// The kernel refused.
    Engine(String),
}

impl ReloadRefused {
    /// The reason in lines for people.
    pub(crate) fn lines(&self) -> Vec<String> {
        match self {
            Self::Unreadable(reason) | Self::Engine(reason) => vec![reason.clone()],
            Self::Problems(problems) => problems.iter().map(ToString::to_string).collect(),
            Self::NeedsRestart(changes) => {
                let head = "zones cannot change while the edge runs; restart it for this:".to_owned();
                std::iter::once(head).chain(changes.iter().cloned()).collect()
            }
        }
    }
}

impl Edge {
    pub(crate) fn new(engine: Arc<Engine>, config: &Config, config_file: PathBuf, io: &'static str) -> Self {
        Self {
            engine,
            node: config.node.name.clone(),
            config_file,
            interfaces: config.interfaces.clone(),
            io,
            started: jiff::Timestamp::now(),
            started_at: Instant::now(),
            reload: Mutex::new(()),
            reloads: AtomicU64::new(0),
        }
    }

    /// Refuses new calls from now on. The edge goes on serving the others, and answers questions, until it is told to end.
    pub(crate) fn drain(&self) {
        if !self.engine.is_draining() {
            info!(calls = self.engine.active(), "draining: new calls are refused");
            self.engine.drain();
        }
    }

    /// How often the configuration was taken over since start.
    pub(crate) fn reloads(&self) -> u64 {
        self.reloads.load(Ordering::Relaxed)
    }

    /// Reads the configuration again and lets new calls begin with it. Waits for the disk and the resolver.
    ///
    /// # Errors
    /// [`ReloadRefused`]; nothing was changed then.
    pub(crate) fn reload(&self) -> Result<Reloaded, ReloadRefused> {
        let _one_at_a_time = self.reload.lock().unwrap_or_else(PoisonError::into_inner);
        let outcome = config::load(&self.config_file).map_err(|error| {
            ReloadRefused::Unreadable(format!("cannot read {}: {error}", self.config_file.display()))
        })?;
        let Some(config) = outcome.config else {
            return Err(ReloadRefused::Problems(outcome.problems));
        };
        let before = self.engine.plan();
        let after = plan::make(&config, before.epoch + 1, Some(&before))
            .map_err(|error| ReloadRefused::Engine(error.to_string()))?;
        let fixed = plan::fixed_difference((&before, &self.interfaces), (&after, &config.interfaces));
        if !fixed.is_empty() {
            return Err(ReloadRefused::NeedsRestart(fixed));
        }
        let changes = plan::difference(&before, &after);
        let epoch = after.epoch;
        self.engine
            .reload(Arc::new(after))
            .map_err(|error| ReloadRefused::Engine(error.to_string()))?;
        self.reloads.fetch_add(1, Ordering::Relaxed);
        info!(epoch, changes = changes.len(), "configuration reloaded");
        for change in &changes {
            info!("{change}");
        }
        let warnings: Vec<String> = outcome.problems.iter().map(ToString::to_string).collect();
        for warning in &warnings {
            warn!("{warning}");
        }
        Ok(Reloaded {
            epoch,
            changes,
            warnings,
        })
    }
}
