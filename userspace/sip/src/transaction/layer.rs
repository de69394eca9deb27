//! All transactions of one worker.

mod clients;
mod servers;

use core::time::Duration;

use trunkline_time::{TimerKey, Timestamp, Wheel};

use super::slab::Place;
use super::timer::{Timer, TimerValues};
use super::{Capacity, ClientKey, Counters, Counts, OnRequest, OnResponse, ServerKey, TransactionEvent};
use crate::message::Message;
use crate::method::Method;
use crate::path::{Output, Path};
use crate::status::Status;
use crate::token::TokenText;
use clients::Clients;
use servers::Servers;

/// The transactions of one worker, in slabs of fixed capacity, with one timer wheel.
///
/// A response finds its transaction by the token in our own branch, a request by a keyed hash that a peer cannot aim
/// at. Messages that may have to be sent again are kept as bytes in buffers that stay with their place in the slab, so
/// a retransmission neither allocates nor builds anything.
#[derive(Debug)]
pub struct Layer {
    clients: Clients,
    servers: Servers,
    shared: Shared,
}

/// What both sides of the layer use.
#[derive(Debug)]
struct Shared {
    wheel: Wheel<Due>,
    values: TimerValues,
    counters: Counters,
    counts: Counts,
}

/// What a timer in the wheel stands for.
#[derive(Clone, Copy, Debug)]
struct Due {
    side: Side,
    place: Place,
    timer: Timer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Client,
    Server,
}

/// The timers of one transaction: at most one of either kind.
#[derive(Debug, Default)]
struct Running {
    repeat: Option<TimerKey>,
    wait: Option<TimerKey>,
}

impl Layer {
    /// An empty layer of the worker `owner`. `seed` has to be a secret from peers: it keys the hash of their requests.
    #[must_use]
    pub fn new(now: Timestamp, values: TimerValues, capacity: Capacity, owner: u8, seed: u64) -> Self {
        let timers = (capacity.clients as usize + capacity.servers as usize) * 2;
        Self {
            clients: Clients::new(capacity.clients, owner),
            servers: Servers::new(capacity.servers, seed),
            shared: Shared {
                wheel: Wheel::new(now, timers),
                values,
                counters: Counters::default(),
                counts: Counts::default(),
            },
        }
    }

    /// Takes a request that came along `path`, whose `remote` is where the datagram came from.
    pub fn on_request(
        &mut self,
        now: Timestamp,
        message: &Message<'_>,
        path: &Path,
        out: &mut dyn Output,
    ) -> OnRequest {
        self.servers.on_request(&mut self.shared, now, message, path, out)
    }

    /// Answers a request: keeps `bytes`, the whole response with status `status`, and sends it.
    ///
    /// False if nothing was sent: the key is stale, the transaction has its final response already, or RFC 4320 forbids
    /// this one (for a non-INVITE request a 1xx other than 100, a 100 before its time, and 408, which ends it silently).
    pub fn respond(
        &mut self,
        now: Timestamp,
        key: ServerKey,
        status: Status,
        bytes: &[u8],
        out: &mut dyn Output,
    ) -> bool {
        self.servers
            .respond(&mut self.shared, now, key, status, bytes, out)
    }

    /// Sends the latest provisional or 2xx response to an INVITE once more, for a user that retransmits it.
    pub fn resend(&mut self, key: ServerKey, out: &mut dyn Output) -> bool {
        self.servers.resend(&mut self.shared, key, out)
    }

    /// Ties a number of the user's to a server transaction. False if the key is stale.
    pub fn set_user(&mut self, key: ServerKey, user: u64) -> bool {
        self.servers.set_user(key, user)
    }

    /// The number that the user tied to a server transaction, 0 if none; `None` if the key is stale.
    #[must_use]
    pub fn server_user(&self, key: ServerKey) -> Option<u64> {
        self.servers.user(key)
    }

    /// Where the responses of a server transaction go. `None` if the key is stale.
    #[must_use]
    pub fn server_path(&self, key: ServerKey) -> Option<Path> {
        self.servers.path(key)
    }

    /// Ends a server transaction without an answer; its key is stale at once and no event follows.
    pub fn abandon_server(&mut self, key: ServerKey) -> bool {
        self.servers.abandon(&mut self.shared, key)
    }

    /// The branch for the next request, with the place of its transaction in it. `None` if there is no room.
    ///
    /// It stays good until a request was started with it, whatever else ends meanwhile; asked twice, it names the same
    /// place. An ACK for a 2xx, which has no transaction, may use one too.
    #[must_use]
    pub fn next_branch(&self, entropy: u64) -> Option<TokenText> {
        self.clients.next_branch(entropy)
    }

    /// Starts a client transaction: keeps `bytes`, the whole request, and sends it along `path`.
    ///
    /// `branch` is what [`Layer::next_branch`] gave and what the top Via of `bytes` says; a CANCEL has the branch of its
    /// INVITE. `None` if there is no room, or if the branch is not one to start with: used already, or not ours.
    #[expect(clippy::too_many_arguments, reason = "plain facts of one request")]
    pub fn start(
        &mut self,
        now: Timestamp,
        method: Method,
        branch: &[u8],
        path: &Path,
        bytes: &[u8],
        user: u64,
        out: &mut dyn Output,
    ) -> Option<ClientKey> {
        self.clients.start(
            &mut self.shared,
            now,
            clients::Request {
                method,
                branch,
                path,
                bytes,
                user,
            },
            out,
        )
    }

    /// Writes the CANCEL for an INVITE into `buffer` and says how long it is; the user starts it with the same branch.
    ///
    /// `None` unless a provisional response has come and no final one: RFC 3261 section 9.1 forbids an earlier CANCEL,
    /// and a later one has nothing to cancel. Also `None` if it does not fit.
    pub fn write_cancel(&self, key: ClientKey, buffer: &mut [u8]) -> Option<usize> {
        self.clients.write_cancel(key, buffer)
    }

    /// The branch of a client transaction. `None` if the key is stale.
    #[must_use]
    pub fn client_branch(&self, key: ClientKey) -> Option<TokenText> {
        self.clients.branch(key)
    }

    /// The path of a client transaction. `None` if the key is stale.
    #[must_use]
    pub fn client_path(&self, key: ClientKey) -> Option<Path> {
        self.clients.path(key)
    }

    /// Takes a response.
    pub fn on_response(&mut self, now: Timestamp, message: &Message<'_>, out: &mut dyn Output) -> OnResponse {
        self.clients.on_response(&mut self.shared, now, message, out)
    }

    /// Ends a client transaction whose request could not be sent; its key is stale at once and no event follows.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.4
    //# The client transaction SHOULD inform the TU that a transport failure
    //# has occurred, and the client transaction SHOULD transition directly
    //# to the "Terminated" state.
    pub fn abandon_client(&mut self, key: ClientKey) -> bool {
        self.clients.abandon(&mut self.shared, key)
    }

    /// Runs every timer that is due at `now`.
    pub fn expire(&mut self, now: Timestamp, out: &mut dyn Output, events: &mut dyn FnMut(TransactionEvent)) {
        while let Some(due) = self.shared.wheel.pop_expired(now) {
            match due.side {
                Side::Client => self.clients.on_timer(&mut self.shared, now, due, out, events),
                Side::Server => self.servers.on_timer(&mut self.shared, now, due, out, events),
            }
        }
    }

    /// A point before which [`Layer::expire`] has nothing to do; `None` if no timer runs.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.shared.wheel.next_deadline()
    }

    /// How many transactions there are now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.counts
    }

    /// What has happened since the start.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.shared.counters
    }

    /// Timers that run.
    #[must_use]
    pub fn timer_count(&self) -> usize {
        self.shared.wheel.len()
    }
}

impl Running {
    fn set(&mut self, wheel: &mut Wheel<Due>, now: Timestamp, after: Duration, due: Due) {
        let key = if due.timer.repeats() {
            &mut self.repeat
        } else {
            &mut self.wait
        };
        if let Some(key) = key.take() {
            wheel.cancel(key);
        }
        // The wheel has room for both timers of every transaction.
        *key = wheel.set(now + after, due);
        debug_assert!(key.is_some(), "the wheel holds two timers for each place");
    }

    fn stop_repeating(&mut self, wheel: &mut Wheel<Due>) {
        if let Some(key) = self.repeat.take() {
            wheel.cancel(key);
        }
    }

    fn stop_waiting(&mut self, wheel: &mut Wheel<Due>) {
        if let Some(key) = self.wait.take() {
            wheel.cancel(key);
        }
    }

    fn stop(&mut self, wheel: &mut Wheel<Due>) {
        self.stop_repeating(wheel);
        self.stop_waiting(wheel);
    }
}

/// Memory that a buffer keeps when its transaction ends; larger messages are rare.
const BUFFER_KEEP_MAX: usize = 4096;

#[cfg(test)]
mod tests;
