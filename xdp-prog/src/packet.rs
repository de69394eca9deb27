//! Raw memory: the frame, and values inside maps. The only `unsafe` of the program.

use core::arch::asm;

use aya_ebpf::helpers::{bpf_ktime_get_ns, bpf_redirect, bpf_xdp_adjust_head, bpf_xdp_adjust_tail};
use aya_ebpf::maps::HashMap;
use aya_ebpf::maps::lpm_trie::Key;
use aya_ebpf::programs::XdpContext;
use trunkline_xdp_abi::flow::{Counts, Flow, IN_KERNEL, RULES_WORDS, Rules, is_being_written};
use trunkline_xdp_abi::map::TrieKey;
use trunkline_xdp_abi::{Bytes, BytesMut};

use crate::maps::{COUNTERS, FLOWS, SOURCES};

/// The frame that the program was called for.
pub struct Packet {
    start: usize,
    end: usize,
    /// Length of the frame as it came in, for the counters: the frame itself may have left.
    len: u64,
}

impl Packet {
    /// The frame of `context`. It must not outlive the call, nor any helper that moves packet memory; none is called.
    #[inline(always)]
    pub fn new(context: &XdpContext) -> Self {
        Self {
            start: context.data(),
            end: context.data_end(),
            len: (context.data_end() - context.data()) as u64,
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
        count.bytes += self.len;
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

impl BytesMut for Packet {
    #[inline(always)]
    fn put<const N: usize>(&mut self, offset: usize, array: [u8; N]) -> Option<()> {
        let place = self.place_of(offset, N)? as *mut [u8; N];
        // SAFETY: `place_of` proved that the `N` bytes lie inside the frame, which is ours alone to write for the whole
        // call (the verifier checks that proof again), and a byte array needs no alignment.
        unsafe { place.write(array) };
        Some(())
    }
}

/// A flow of the table.
pub struct Entry(*mut Flow);

impl Entry {
    /// The flow at `index`.
    #[inline(always)]
    pub fn at(index: u32) -> Option<Self> {
        FLOWS.get_ptr_mut(index).map(Self)
    }

    /// The flow's rules, or `None` if they leave it to the worker or are just being written.
    ///
    /// What [`trunkline_xdp_abi::flow::observe`] does, with volatile loads: the target knows no atomic ones. The compiler
    /// keeps their order, and so does a processor that never takes loads before earlier loads, as x86-64; for others
    /// there is a barrier.
    #[inline(always)]
    pub fn rules(&self) -> Option<Rules> {
        let head = self.word(0);
        if is_being_written(head) || (head >> 32) as u16 & IN_KERNEL == 0 {
            return None;
        }
        barrier(self.0);
        let mut words = [head; RULES_WORDS];
        let mut index = 1;
        while index < RULES_WORDS {
            words[index] = self.word(index);
            index += 1;
        }
        barrier(self.0);
        if self.word(0) != head {
            return None;
        }
        // SAFETY: `Rules` is `repr(C)` of integers without padding, as long as these words (asserted where it is
        // defined), and any bits are a value of it.
        Some(unsafe { core::mem::transmute::<[u64; RULES_WORDS], Rules>(words) })
    }

    /// A word of the rules.
    #[inline(always)]
    fn word(&self, index: usize) -> u64 {
        let word = self.0.cast::<u64>().wrapping_add(index);
        // SAFETY: the map gave a valid, 64-aligned pointer to a `Flow`, which begins with sixteen words of rules, and
        // `index` is below that. Userspace writes whole words; an aligned one is read whole.
        unsafe { word.read_volatile() }
    }

    /// The flow's counts.
    #[inline(always)]
    pub fn counts(&mut self) -> &mut Counts {
        // SAFETY: the pointer is valid and aligned. XDP programs do not preempt each other on one CPU; where another CPU
        // runs for the same flow single counts may be lost, and userspace only reads, word by word.
        unsafe { &mut (*self.0).counts }
    }
}

/// Keeps the loads before it before those behind it.
#[inline(always)]
#[cfg(bpf_target_arch = "x86_64")]
fn barrier(_flow: *mut Flow) {}

/// Keeps the loads before it before those behind it: an exchange that fetches is a full barrier in any JIT. It adds
/// nothing to a word that the program alone writes.
#[inline(always)]
#[cfg(not(bpf_target_arch = "x86_64"))]
fn barrier(flow: *mut Flow) {
    let word = flow.cast::<u64>().wrapping_add(RULES_WORDS);
    // SAFETY: the word is the first of the flow's counts, which are the kernel's, valid and aligned.
    unsafe {
        asm!("{zero} = atomic_fetch_add((u64 *)({word} + 0), {zero})", zero = inout(reg) 0u64 => _,
            word = in(reg) word, options(nostack));
    }
}

/// Nanoseconds of `CLOCK_MONOTONIC`.
#[inline(always)]
pub fn now_ns() -> u64 {
    // SAFETY: takes no arguments and touches no memory of ours.
    unsafe { bpf_ktime_get_ns() }
}

/// Moves the beginning of the frame by `start` and its end by `end` bytes; `false` if there is no room.
///
/// Every [`Packet`] made before is out of date then, and the verifier refuses a program that reads through it.
#[inline(always)]
pub fn resize(context: &XdpContext, start: i32, end: i32) -> bool {
    // SAFETY: the context is the one that the program was called with.
    let is_moved = start == 0 || unsafe { bpf_xdp_adjust_head(context.ctx, start) } == 0;
    // SAFETY: as above.
    is_moved && (end == 0 || unsafe { bpf_xdp_adjust_tail(context.ctx, end) } == 0)
}

/// Sends the frame out on the interface with this kernel index; the action to return.
#[inline(always)]
pub fn send(ifindex: u32) -> u32 {
    // SAFETY: takes integers only and touches no memory of ours.
    unsafe { bpf_redirect(ifindex, 0) as u32 }
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
