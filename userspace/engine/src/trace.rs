//! The last SIP messages a worker saw, for ladders and captures of single calls.
//!
//! A ring of fixed size: the oldest message makes room for the newest. Entries keep their buffers, so that recording
//! allocates only until every entry has once held a message.

use std::net::SocketAddr;

use trunkline_call::action::CallRef;
use trunkline_time::Timestamp;

/// Messages kept per worker.
pub const TRACE_MAX: usize = 4096;

/// Bytes kept of each message; the rest is cut off and the entry says so by its `full_len`.
pub const TRACE_BYTES_MAX: usize = 4096;

/// Which way a message went, seen from the edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received from the peer.
    Received,
    /// Sent to the peer.
    Sent,
}

/// One SIP message of one call.
#[derive(Clone, Debug)]
pub struct TraceEntry {
    /// When the worker received or sent it.
    pub at: Timestamp,
    /// The call, as its worker numbers it.
    pub call: CallRef,
    /// Which way it went.
    pub direction: Direction,
    /// Our address.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
    /// The message, at most [`TRACE_BYTES_MAX`] bytes of it.
    pub bytes: Vec<u8>,
    /// Length of the whole message in bytes.
    pub full_len: usize,
}

/// The ring of one worker.
#[derive(Debug)]
pub struct Trace {
    entries: Vec<TraceEntry>,
    next: usize,
}

impl Trace {
    /// An empty ring.
    #[must_use]
    pub fn new() -> Self {
        Self {
            entries: Vec::with_capacity(TRACE_MAX),
            next: 0,
        }
    }

    /// Keeps one message of `call`.
    pub fn record(
        &mut self,
        at: Timestamp,
        call: CallRef,
        direction: Direction,
        (local, remote): (SocketAddr, SocketAddr),
        message: &[u8],
    ) {
        let kept = &message[..message.len().min(TRACE_BYTES_MAX)];
        if self.entries.len() < TRACE_MAX {
            self.entries.push(TraceEntry {
                at,
                call,
                direction,
                local,
                remote,
                bytes: kept.to_vec(),
                full_len: message.len(),
            });
            return;
        }
        let entry = &mut self.entries[self.next];
        entry.bytes.clear();
        entry.bytes.extend_from_slice(kept);
        (entry.at, entry.call, entry.direction) = (at, call, direction);
        (entry.local, entry.remote, entry.full_len) = (local, remote, message.len());
        self.next = (self.next + 1) % TRACE_MAX;
    }

    /// The messages of `call` that are still kept, oldest first.
    #[must_use]
    pub fn of_call(&self, call: CallRef) -> Vec<TraceEntry> {
        let (newer, older) = self.entries.split_at(self.next);
        older
            .iter()
            .chain(newer)
            .filter(|entry| entry.call == call)
            .cloned()
            .collect()
    }
}

impl Default for Trace {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_newest_and_in_order() {
        let mut trace = Trace::new();
        let pair: (SocketAddr, SocketAddr) = (
            "192.0.2.1:5060".parse().unwrap(),
            "192.0.2.2:5060".parse().unwrap(),
        );
        for i in 0..TRACE_MAX as u64 + 10 {
            let call = CallRef {
                index: (i % 2) as u32,
                generation: 7,
            };
            trace.record(
                Timestamp::from_nanos(i),
                call,
                Direction::Sent,
                pair,
                &i.to_be_bytes(),
            );
        }
        let odd = trace.of_call(CallRef {
            index: 1,
            generation: 7,
        });
        assert_eq!(odd.len(), TRACE_MAX / 2);
        assert!(odd.windows(2).all(|w| w[0].at < w[1].at));
        assert_eq!(odd[0].at.as_nanos(), 11);
        assert_eq!(odd.last().unwrap().at.as_nanos(), TRACE_MAX as u64 + 9);
    }
}
