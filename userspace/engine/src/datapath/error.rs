//! Why the engine did not start, said to the operator.

use std::fmt;
use std::io;

use trunkline_net::steer::SteerError;
use trunkline_net::xsk::XskError;

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
