//! Raw memory: the frame, and values inside maps. The only `unsafe` of the program.

use core::arch::asm;

use aya_ebpf::maps::HashMap;
use aya_ebpf::programs::XdpContext;
use trunkline_xdp_abi::Bytes;

use crate::maps::COUNTERS;

/// The frame that the program was called for.
pub struct Packet {
    start: usize,
    end: usize,
}

impl Packet {
    /// The frame of `context`. It must not outlive the call, nor any helper that moves packet memory; none is called.
    #[inline(always)]
    pub fn new(context: &XdpContext) -> Self {
        Self {
            start: context.data(),
            end: context.data_end(),
        }
    }

    /// Counts the frame and its bytes at `index` of this CPU's counters.
    #[inline(always)]
    pub fn count(&self, index: u32) {
        let Some(count) = COUNTERS.get_ptr_mut(index) else {
            return;
        };
        // SAFETY: the map gave a valid, 8-aligned pointer to this CPU's own copy of a `Count`. XDP programs do not
        // preempt each other on one CPU, and userspace only reads copies, so no other reference exists meanwhile.
        let count = unsafe { &mut *count };
        count.packets += 1;
        count.bytes += self.len() as u64;
    }
}

impl Bytes for Packet {
    #[inline(always)]
    fn len(&self) -> usize {
        self.end - self.start
    }

    #[inline(always)]
    fn array_at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        if offset > OFFSET_MAX {
            return None;
        }
        let place = self.start + bounded(offset);
        if place + N > self.end {
            return None;
        }
        let array = place as *const [u8; N];
        // SAFETY: the kernel keeps `start..end` readable for the whole call, the comparison above proved that the `N`
        // bytes lie inside (the verifier checks that proof again), and a byte array needs no alignment.
        Some(unsafe { array.read() })
    }
}

/// The value of `key`, copied out.
#[inline(always)]
pub fn copy_of<K, V: Copy>(map: &HashMap<K, V>, key: &K) -> Option<V> {
    // SAFETY: userspace replaces values while the program runs, and a reader may see half of an update; `V` is made of
    // integers, for which any bits are a value, and the reference ends here.
    unsafe { map.get(key) }.copied()
}

/// `offset`, which is at most [`OFFSET_MAX`], as the verifier can see.
///
/// It follows values through registers only. The compiler may have compared one copy of the offset and add another,
/// and it would drop an ordinary mask as useless, because it knows the range.
#[inline(always)]
fn bounded(mut offset: usize) -> usize {
    // SAFETY: one ALU instruction on one register; it reads and writes no memory and does not jump.
    unsafe {
        asm!("{offset} &= {mask}", offset = inout(reg) offset, mask = const OFFSET_MAX, options(pure, nomem, nostack));
    }
    offset
}

/// No byte that [`trunkline_xdp_abi::classify()`] reads lies beyond: two tags, the longest IPv4 header and UDP end at 90.
const OFFSET_MAX: usize = 0xff;
