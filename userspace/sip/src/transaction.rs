//! Transactions: RFC 3261 section 17 as corrected by RFC 6026, with RFC 4320 for non-INVITE requests.
//!
//! [`Layer`] keeps every transaction of one worker. It repeats what may get lost, absorbs what was repeated, and
//! acknowledges failed INVITEs; what a request means is its user's business. It reads no clock and opens no socket:
//! it is told the time and the messages, and pushes what is to be sent into an [`Output`](crate::path::Output).

mod client;
mod derived;
mod invite_client;
mod invite_server;
mod key;
mod layer;
mod server;
mod slab;
mod step;
mod table;
mod timer;

pub use layer::Layer;
pub use timer::TimerValues;

/// How many transactions a [`Layer`] can hold. It takes its memory for them at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capacity {
    /// Client transactions, INVITE and others together.
    pub clients: u32,
    /// Server transactions, INVITE and others together.
    pub servers: u32,
}

/// Names a client transaction; stale once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey(slab::Place);

/// Names a server transaction; stale once it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ServerKey(slab::Place);

/// What a request turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum OnRequest {
    /// A request that the user has to answer through [`Layer::respond`].
    New(ServerKey),
    /// A retransmission, answered as far as it needed to be, or the ACK for a non-2xx.
    Absorbed,
    /// An ACK that belongs to a 2xx, or to nothing: the user's dialog takes it or drops it.
    AckForSuccess,
    /// A CANCEL. The user has to answer it: 200 if it names a transaction, 481 if it does not.
    Cancel {
        /// The transaction of the CANCEL itself.
        cancel: ServerKey,
        /// The INVITE that is to be cancelled, if it is still known.
        invite: Option<ServerKey>,
    },
    /// A request that came on another way already (RFC 3261 section 8.2.2.2). The user answers with 482.
    Merged(ServerKey),
    /// A new request for which there is no room. It has no transaction; the user may answer 503 without one.
    Full,
}

/// What a response turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum OnResponse {
    /// A response that the user has to see.
    Pass {
        /// The transaction.
        key: ClientKey,
        /// What the user gave to [`Layer::start`].
        user: u64,
    },
    /// A further 2xx to an INVITE: a retransmission, or from another fork. The user acknowledges it.
    SuccessAgain {
        /// What the user gave to [`Layer::start`].
        user: u64,
    },
    /// A retransmission, acknowledged if it needed to be.
    Absorbed,
    /// A response to nothing that is known.
    Stray,
}

/// What time brought about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransactionEvent {
    /// No final response came: the user acts as if it had been a 408. `ClientEnded` follows.
    ClientTimeout {
        /// The transaction.
        key: ClientKey,
        /// What the user gave to [`Layer::start`].
        user: u64,
    },
    /// No ACK came for a final response other than 2xx. `ServerEnded` follows.
    AckMissing {
        /// The transaction.
        key: ServerKey,
        /// What the user gave to [`Layer::set_user`], or 0.
        user: u64,
    },
    /// A non-INVITE request has waited so long that RFC 4320 wants a 100 for it, through [`Layer::respond`].
    TryingDue {
        /// The transaction.
        key: ServerKey,
        /// What the user gave to [`Layer::set_user`], or 0.
        user: u64,
    },
    /// A client transaction is over and its key is stale.
    ClientEnded {
        /// The transaction.
        key: ClientKey,
        /// What the user gave to [`Layer::start`].
        user: u64,
    },
    /// A server transaction is over and its key is stale.
    ServerEnded {
        /// The transaction.
        key: ServerKey,
        /// What the user gave to [`Layer::set_user`], or 0.
        user: u64,
    },
}

/// Transactions that exist now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// INVITE client transactions.
    pub invite_clients: u32,
    /// Other client transactions.
    pub clients: u32,
    /// INVITE server transactions.
    pub invite_servers: u32,
    /// Other server transactions.
    pub servers: u32,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages sent more than once, whether a timer or the other side's repetition asked for it.
    pub retransmissions: u64,
    /// Messages received more than once.
    pub absorbed: u64,
    /// Client transactions that got no final response.
    pub timeouts: u64,
    /// Final responses that got no ACK.
    pub acks_missing: u64,
    /// Responses that matched nothing.
    pub strays: u64,
    /// Requests that had come on another way.
    pub merged: u64,
    /// Requests, ours or theirs, for which there was no room.
    pub full: u64,
}
