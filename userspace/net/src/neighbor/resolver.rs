//! The thread that follows the kernel's routes and neighbours.

use std::io;

use super::NextHops;

/// Keeps the snapshots of a [`NextHops`] fresh until it is dropped.
pub struct Resolver {}

impl Resolver {
    /// Starts following, for the interfaces with these names; their order gives their indexes.
    ///
    /// # Errors
    /// An interface that does not exist, or what the kernel says.
    pub fn start(interfaces: &[String]) -> io::Result<(NextHops, Self)> {
        let _ = interfaces;
        Err(io::ErrorKind::Unsupported.into())
    }
}
