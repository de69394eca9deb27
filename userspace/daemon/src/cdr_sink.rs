//! Call detail records on disk: one JSON object per line and attempt.
//!
//! A record is taken from the engine's queue only when it can be written. While the disk refuses, the queue fills up, and
//! the engine refuses calls before a record would be lost.

pub(crate) mod journal;
pub(crate) mod record;

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use tracing::{error, info};
use trunkline_call::cdr::CdrRecord;

use crate::{
    cdr_sink::{journal::Journal, record::Line},
    config::checked::{Cdr, CdrSync},
    wall_clock::WallClock,
};

/// Records that are written by one system call.
const BATCH_MAX: usize = 256;
/// How long the sink sleeps when there is nothing to write.
const IDLE: Duration = Duration::from_millis(50);
/// How long it waits before it tries a disk again that refused.
const RETRY: Duration = Duration::from_secs(1);
/// The longest that a record may stay in the memory of the operating system with `sync = "second"`.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// Where records come from. It gives the oldest record that waits, if there is one.
pub(crate) type Source = Box<dyn FnMut() -> Option<Box<CdrRecord>> + Send>;

/// What others may ask of the sink.
#[derive(Debug, Default)]
struct Requests {
    reopen: AtomicBool,
    finish: AtomicBool,
}

/// The thread that writes records.
#[derive(Debug)]
pub(crate) struct CdrSink {
    requests: Arc<Requests>,
    thread: JoinHandle<Journal>,
}

impl CdrSink {
    /// Opens the file and starts the thread.
    ///
    /// # Errors
    /// The file cannot be opened, or the thread not be started.
    pub(crate) fn start(config: &Cdr, source: Source) -> io::Result<Self> {
        let journal = Journal::open(config)?;
        let requests = Arc::new(Requests::default());
        let writer = Writer {
            journal,
            sync: config.sync,
            requests: Arc::clone(&requests),
            source,
            pending: Vec::new(),
        };
        let thread = std::thread::Builder::new()
            .name("cdr".to_owned())
            .spawn(move || writer.run())?;
        Ok(Self { requests, thread })
    }

    /// Asks for the file to be opened again by its name, after another program has moved it away.
    pub(crate) fn reopen(&self) {
        self.requests.reopen.store(true, Ordering::Relaxed);
    }

    /// Writes what waits, ends the thread and gives its file back. Gives up on what the disk refuses.
    pub(crate) fn finish(self) -> Option<Journal> {
        self.requests.finish.store(true, Ordering::Relaxed);
        let journal = self.thread.join();
        if journal.is_err() {
            error!("the writer of call detail records has panicked");
        }
        journal.ok()
    }
}

struct Writer {
    journal: Journal,
    sync: CdrSync,
    requests: Arc<Requests>,
    source: Source,
    /// Lines that were taken from the queue and are not in the file yet.
    pending: Vec<u8>,
}

impl Writer {
    fn run(mut self) -> Journal {
        let mut synced = Instant::now();
        let mut is_refused = false;
        loop {
            // Read before the queue is: what was queued before the request to finish is written.
            let is_last = self.requests.finish.load(Ordering::Relaxed);
            match self.write_batch() {
                Ok(count) => {
                    if is_refused {
                        is_refused = false;
                        info!(file = %self.journal.path().display(), "call detail records are written again");
                    }
                    if count > 0 {
                        continue;
                    }
                }
                Err(problem) => {
                    if !is_refused {
                        error!(file = %self.journal.path().display(), %problem, "call detail records cannot be written and wait");
                    }
                    is_refused = true;
                }
            }
            if is_last {
                return self.end();
            }
            if synced.elapsed() >= SYNC_INTERVAL && self.sync == CdrSync::Second {
                synced = Instant::now();
                if let Err(problem) = self.journal.sync() {
                    error!(%problem, "call detail records are not on the disk");
                }
            }
            std::thread::sleep(if is_refused { RETRY } else { IDLE });
        }
    }

    fn end(mut self) -> Journal {
        if let Err(problem) = self.journal.sync() {
            error!(%problem, "call detail records are not on the disk");
        }
        if !self.pending.is_empty() {
            let count = self.pending.iter().filter(|byte| **byte == b'\n').count();
            error!(
                count,
                "call detail records were lost: the disk refused them until the end"
            );
        }
        self.journal
    }

    /// Writes at most one batch and returns how many records it held.
    fn write_batch(&mut self) -> io::Result<usize> {
        if self.requests.reopen.load(Ordering::Relaxed) {
            self.journal.reopen()?;
            self.requests.reopen.store(false, Ordering::Relaxed);
        }
        let mut count = 0;
        if self.pending.is_empty() {
            while count < BATCH_MAX {
                let Some(record) = (self.source)() else { break };
                Line::of(&record, &WallClock::now()).append_to(&mut self.pending);
                count += 1;
            }
        } else {
            count = 1;
        }
        if self.pending.is_empty() {
            return Ok(0);
        }
        self.journal.append(&self.pending)?;
        self.pending.clear();
        if self.sync == CdrSync::Batch {
            self.journal.sync()?;
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests;
