//! What a call wants done: a bounded sink that the engine drains after each input.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::ops::Range;

use trunkline_sip::path::{Output, Path};

use crate::cdr::CdrRecord;

/// Most datagram bytes that one sink holds between two drains.
///
/// One input makes a handful of messages; a deadline pass over many calls may make thousands. What does not
/// fit is counted and lost, as on a wire; retransmission brings it back.
pub const ARENA_MAX: usize = 8 * 1024 * 1024;

/// Names a call in the slab of its worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallRef {
    /// Place in the slab.
    pub index: u32,
    /// Which tenant of that place.
    pub generation: u32,
}

/// One thing to do. In the order in which it must happen.
#[derive(Debug)]
pub enum Action {
    /// Send one datagram: the bytes are [`Actions::bytes`] of `range`.
    Send {
        /// From where to where.
        path: Path,
        /// Place of the bytes in the arena.
        range: Range<usize>,
        /// The call it belongs to, if any.
        call: Option<CallRef>,
    },
    /// Append a record.
    Cdr(Box<CdrRecord>),
    /// Media may arrive here from now on.
    OpenPort(SocketAddr),
    /// No media is expected here any more.
    ClosePort(SocketAddr),
}

/// The bounded sink. It keeps its capacity over [`clear`](Self::clear).
#[derive(Debug, Default)]
pub struct Actions {
    arena: Vec<u8>,
    list: Vec<Action>,
    call: Option<CallRef>,
    /// The newest call of this input, also after it was let go.
    touched: Option<CallRef>,
    overflowed: u64,
}

impl Actions {
    /// A sink with room for `bytes` of datagrams before it grows.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            arena: Vec::with_capacity(bytes.min(ARENA_MAX)),
            list: Vec::with_capacity(256),
            call: None,
            touched: None,
            overflowed: 0,
        }
    }

    /// The actions since the last [`clear`](Self::clear).
    #[must_use]
    pub fn list(&self) -> &[Action] {
        &self.list
    }

    /// The bytes of a [`Action::Send`].
    #[must_use]
    pub fn bytes(&self, range: &Range<usize>) -> &[u8] {
        self.arena.get(range.clone()).unwrap_or(&[])
    }

    /// Takes the actions out; the arena stays readable until [`clear`](Self::clear).
    pub fn take_list(&mut self) -> Vec<Action> {
        core::mem::take(&mut self.list)
    }

    /// Hands an emptied list back, so that its capacity is kept.
    pub fn give_back(&mut self, mut list: Vec<Action>) {
        list.clear();
        if self.list.is_empty() {
            self.list = list;
        }
    }

    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Forgets all actions and bytes; keeps the capacity.
    pub fn clear(&mut self) {
        self.arena.clear();
        self.list.clear();
        self.call = None;
        self.touched = None;
    }

    /// Datagrams that did not fit since start.
    #[must_use]
    pub fn overflowed(&self) -> u64 {
        self.overflowed
    }

    /// The call that the last input turned out to belong to, until [`clear`](Self::clear).
    #[must_use]
    pub fn attributed(&self) -> Option<CallRef> {
        self.touched
    }

    /// From here on datagrams belong to this call.
    pub(crate) fn attribute(&mut self, call: Option<CallRef>) {
        self.call = call;
        self.touched = call.or(self.touched);
    }

    pub(crate) fn push(&mut self, action: Action) {
        self.list.push(action);
    }
}

impl Output for Actions {
    fn send(&mut self, path: &Path, bytes: &[u8]) {
        let start = self.arena.len();
        if start + bytes.len() > ARENA_MAX {
            self.overflowed += 1;
            return;
        }
        self.arena.extend_from_slice(bytes);
        self.list.push(Action::Send {
            path: *path,
            range: start..start + bytes.len(),
            call: self.call,
        });
    }
}
