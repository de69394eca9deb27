//! The flow table: one array that the XDP program and the workers both have in their memory.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd as _, AsRawFd as _};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aya::Ebpf;
use aya::maps::{Map, MapError};
use trunkline_xdp_abi::flow::{Counts, Flow, RULES_WORDS, Rules, observe, publish};
use trunkline_xdp_abi::map::{self, FLOWS_MAX};
use trunkline_xdp_abi::{ABI_VERSION, Address, Local};

use super::SteerError;

/// The flows of the loaded program. Clones see the same memory, which stays as long as one of them.
///
/// Reading and writing make no system call. Each flow may be written by one thread only, the worker that owns its
/// port; everybody may read.
#[derive(Clone, Debug)]
pub struct FlowTable(Arc<Mapping>);

impl FlowTable {
    /// Maps the table of a program loaded with room for `count` flows.
    pub(super) fn map(ebpf: &Ebpf, count: u32) -> Result<Self, SteerError> {
        let Some(Map::Array(data)) = ebpf.map(map::FLOWS) else {
            return Err(SteerError::Abi { found: ABI_VERSION });
        };
        let len = count as usize * size_of::<Flow>();
        // SAFETY: a new mapping, at an address of the kernel's choice, of a descriptor that is open during the call.
        // Nothing of ours is touched; whether it succeeded is checked below.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                data.fd().as_fd().as_raw_fd(),
                0,
            )
        };
        match NonNull::new(start.cast()).filter(|_| start != libc::MAP_FAILED) {
            Some(start) => Ok(Self(Arc::new(Mapping { start, count }))),
            None => Err(SteerError::map(
                map::FLOWS,
                MapError::IoError(io::Error::last_os_error()),
            )),
        }
    }

    /// How many flows there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.0.count
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Has the kernel follow `rules` for the flow at `index`, from its next datagram on. `false` beyond the last flow.
    ///
    /// The sequence count in [`Rules::head`] is the table's own affair. Only the thread that owns the flow may call this.
    #[must_use]
    pub fn write(&self, index: u32, rules: &Rules) -> bool {
        // SAFETY: `Rules` is `repr(C)` of integers without padding, as long as these words (asserted where it is
        // defined).
        let words = unsafe { std::mem::transmute::<Rules, [u64; RULES_WORDS]>(*rules) };
        self.0
            .flow(index)
            .map(|(place, _)| publish(place, &words))
            .is_some()
    }

    /// Takes the flow at `index` from the kernel: its datagrams go to the worker again. `false` beyond the last flow.
    #[must_use]
    pub fn clear(&self, index: u32) -> bool {
        self.write(index, &Rules::NONE)
    }

    /// The rules of the flow at `index`; `None` beyond the last flow or while they are written.
    #[must_use]
    pub fn rules(&self, index: u32) -> Option<Rules> {
        let words = observe(self.0.flow(index)?.0)?;
        // SAFETY: `Rules` is `repr(C)` of integers without padding, as long as these words, and any bits are a value.
        Some(unsafe { std::mem::transmute::<[u64; RULES_WORDS], Rules>(words) })
    }

    /// What the kernel saw of the flow at `index`, word by word: two fields may be of different packets.
    #[must_use]
    pub fn counts(&self, index: u32) -> Option<Counts> {
        let words = self
            .0
            .flow(index)?
            .1
            .each_ref()
            .map(|word| word.load(Ordering::Relaxed));
        // SAFETY: `Counts` is `repr(C)` of integers without padding, as long as these words, and any bits are a value.
        Some(unsafe { std::mem::transmute::<[u64; RULES_WORDS], Counts>(words) })
    }
}

/// The mapped memory.
#[derive(Debug)]
struct Mapping {
    start: NonNull<[[AtomicU64; RULES_WORDS]; 2]>,
    count: u32,
}

impl Mapping {
    /// Rules and counts of the flow at `index`.
    fn flow(&self, index: u32) -> Option<(&[AtomicU64; RULES_WORDS], &[AtomicU64; RULES_WORDS])> {
        if index >= self.count {
            return None;
        }
        let flow = self.start.as_ptr().wrapping_add(index as usize);
        // SAFETY: the mapping holds `count` flows of 256 bytes, which two times sixteen words fill (asserted where `Flow`
        // is defined), from a page's beginning, and lives as long as `self`. It is memory of words that are only
        // ever accessed as atomic ones from here; the kernel writes whole aligned words too.
        let [rules, counts] = unsafe { &*flow };
        Some((rules, counts))
    }
}

// SAFETY: the memory belongs to no thread, and is accessed through atomics only.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Drop for Mapping {
    fn drop(&mut self) {
        let len = self.count as usize * size_of::<Flow>();
        // SAFETY: the mapping that `FlowTable::map` made, with its length; no reference into it outlives `self`.
        unsafe { libc::munmap(self.start.as_ptr().cast(), len) };
    }
}

/// Which part of the table each address has. A part is given once and never to another address or port range, so that
/// a reload moves no live flow.
#[derive(Debug)]
pub(super) struct Parts {
    given: BTreeMap<(Address, u16, u16), u32>,
    free_from: u32,
    count: u32,
}

impl Parts {
    /// Room for the media ports of `locals`.
    pub(super) fn new(locals: &[(IpAddr, Local)]) -> Self {
        let wanted: u32 = locals.iter().map(|(_, local)| local.flow_count()).sum();
        Self {
            given: BTreeMap::new(),
            free_from: 0,
            count: wanted.clamp(1, FLOWS_MAX),
        }
    }

    /// How many flows the table must hold.
    pub(super) fn count(&self) -> u32 {
        self.count
    }

    /// `local` with its part of the table, or with none if there is no room: its media is then the workers' alone.
    pub(super) fn place(&mut self, address: Address, local: Local) -> Local {
        let wanted = local.flow_count();
        let key = (address, local.rtp_low, local.rtp_high);
        let base = match self.given.get(&key) {
            Some(base) => base + 1,
            None if wanted == 0 || self.count - self.free_from < wanted => 0,
            None => {
                let base = self.free_from;
                self.given.insert(key, base);
                self.free_from += wanted;
                base + 1
            }
        };
        Local {
            flow_base: base,
            ..local
        }
    }

    /// The flow of `port` on `address`.
    pub(super) fn index(&self, address: Address, port: u16) -> Option<u32> {
        let ((_, low, _), base) = self
            .given
            .range((address, 0, 0)..=(address, u16::MAX, u16::MAX))
            .find(|((_, low, high), _)| *low <= port && port <= *high)?;
        ((port ^ low) & 1 == 0).then(|| base + u32::from(port - low) / 2)
    }
}
