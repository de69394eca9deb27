//! Raw memory: the frame, and values inside maps. The only `unsafe` of the program.

use core::arch::asm;

use aya_ebpf::maps::HashMap;
use aya_ebpf::maps::lpm_trie::Key;
use aya_ebpf::programs::XdpContext;
use trunkline_xdp_abi::Bytes;
use trunkline_xdp_abi::map::TrieKey;

use crate::maps::{COUNTERS, SOURCES};

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

    /// The address of the `len` bytes at `offset`, if they all lie in the frame.
    #[inline(always)]
    fn place_of(&self, offset: usize, len: usize) -> Option<usize> {
        if offset > OFFSET_MAX {
            return None;
        }
        let place = self.start + bounded(offset);
        if place + len > self.end {
            return None;
        }
        Some(place)
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
        let array = self.place_of(offset, N)? as *const [u8; N];
        // SAFETY: the kernel keeps `start..end` readable for the whole call, the comparison above proved that the `N`
        // bytes lie inside (the verifier checks that proof again), and a byte array needs no alignment.
        Some(unsafe { array.read() })
    }

    #[inline(always)]
    fn words_at<const N: usize>(&self, offset: usize) -> Option<[u32; N]> {
        let place = self.place_of(offset, 4 * N)?;
        let mut words = [0; N];
        let mut index = 0;
        while index < N {
            words[index] = word(place + 4 * index);
            index += 1;
        }
        Some(words)
    }

    #[inline(always)]
    fn be16_at(&self, offset: usize) -> Option<u16> {
        let place = self.place_of(offset, 2)?;
        let half: u64;
        // SAFETY: a load of the two bytes that `place_of` proved to lie inside the frame, which the verifier checks
        // again; it needs no alignment, writes no memory and does not jump.
        unsafe {
            asm!("{half} = *(u16 *)({place} + 0)", half = out(reg) half, place = in(reg) place,
                options(pure, readonly, nostack));
        }
        Some(u16::from_be(half as u16))
    }

    #[inline(always)]
    fn be32_at(&self, offset: usize) -> Option<u32> {
        self.words_at(offset).map(|[word]| u32::from_be(word))
    }
}

/// Whether the source trie holds a prefix of `key`.
#[inline(always)]
pub fn is_source(key: &TrieKey) -> bool {
    // SAFETY: both are 24 bytes, a length and five words in `repr(C)`; aya's type only asks for less alignment.
    let key = unsafe { &*core::ptr::from_ref(key).cast::<Key<[u32; 5]>>() };
    SOURCES.get(key).is_some()
}

/// The word at `place`, which [`Packet::place_of`] gave. The compiler would read it byte by byte, not knowing that
/// the verifier asks for no alignment where the processor does not.
#[inline(always)]
fn word(place: usize) -> u32 {
    let word: u64;
    // SAFETY: a load of four bytes that `place_of` proved to lie inside the frame, which the verifier checks again; it
    // needs no alignment, writes no memory and does not jump.
    unsafe {
        asm!("{word} = *(u32 *)({place} + 0)", word = out(reg) word, place = in(reg) place,
            options(pure, readonly, nostack));
    }
    word as u32
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
