//! A region of equal slots, and the ledger that says where each one is.

use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::rc::Rc;

use crate::frame::Frame;

/// Where the slots of a link are. Every slot is in exactly one place, so the places always sum up to `total`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SlotLedger {
    /// With the kernel, waiting for a frame to be received into.
    pub fill: u32,
    /// Received, not yet handed out.
    pub rx: u32,
    /// Handed out as a [`Frame`].
    pub app: u32,
    /// Queued to be sent, or with the kernel to be sent.
    pub tx: u32,
    /// Sent, not yet collected.
    pub completion: u32,
    /// Nowhere: ready to be taken.
    pub free: u32,
    /// All slots there are.
    pub total: u32,
}

impl SlotLedger {
    /// Whether the places sum up to the total.
    #[must_use]
    pub const fn is_balanced(&self) -> bool {
        let sum = self.fill as u64
            + self.rx as u64
            + self.app as u64
            + self.tx as u64
            + self.completion as u64
            + self.free as u64;
        sum == self.total as u64
    }
}

/// The memory a region of slots lies in, kept alive as long as a frame or the link refers to it.
enum Memory {
    /// Allocated here.
    Heap(Layout),
    /// Mapped and owned by an AF_XDP UMEM, of which this is one handle.
    Umem(#[expect(dead_code, reason = "held so that the mapping outlives every frame in it")] xsk_rs::Umem),
}

/// A region of slots of one worker. Frames refer to it, so it lives as long as the last of them.
pub(crate) struct Region {
    base: NonNull<u8>,
    slot_len: usize,
    slots: u32,
    default_start: u32,
    free: RefCell<Vec<u32>>,
    app: Cell<u32>,
    memory: Memory,
}

impl Region {
    /// A region on the heap. Memory that is never written costs address space only.
    pub(crate) fn heap(slots: u32, slot_len: usize, default_start: u32) -> Rc<Self> {
        let size = slot_len
            .checked_mul(slots as usize)
            .expect("a region fits the address space");
        let layout = Layout::from_size_align(size.max(1), 64).expect("64 is a power of two and size is sane");
        // SAFETY: the layout has a size of at least one byte, checked in the line above.
        let memory = unsafe { alloc_zeroed(layout) };
        let Some(base) = NonNull::new(memory) else {
            handle_alloc_error(layout)
        };
        Rc::new(Self::new(
            base,
            slot_len,
            slots,
            default_start,
            Memory::Heap(layout),
        ))
    }

    /// A region over the memory of `umem`, whose first slot starts at `base`.
    ///
    /// # Safety
    /// `base` must point at `slots * slot_len` initialised bytes that stay mapped, readable and writable as long as a
    /// handle of `umem` exists, and that nothing else in this process refers to. A slot may be written by the kernel
    /// only between [`Region::take_free`] (or [`Frame::into_slot`]) and the next time its number is given back here.
    pub(crate) unsafe fn umem(
        umem: xsk_rs::Umem,
        base: NonNull<u8>,
        slots: u32,
        slot_len: usize,
        default_start: u32,
    ) -> Rc<Self> {
        Rc::new(Self::new(
            base,
            slot_len,
            slots,
            default_start,
            Memory::Umem(umem),
        ))
    }

    fn new(base: NonNull<u8>, slot_len: usize, slots: u32, default_start: u32, memory: Memory) -> Self {
        assert!(
            (default_start as usize) < slot_len,
            "a frame starts inside its slot"
        );
        let free = RefCell::new((0..slots).rev().collect());
        Self {
            base,
            slot_len,
            slots,
            default_start,
            free,
            app: Cell::new(0),
            memory,
        }
    }

    /// Bytes in one slot.
    pub(crate) fn slot_len(&self) -> usize {
        self.slot_len
    }

    /// Slots there are.
    pub(crate) fn total(&self) -> u32 {
        self.slots
    }

    /// Slots handed out as frames.
    pub(crate) fn app(&self) -> u32 {
        self.app.get()
    }

    /// Slots that are nowhere.
    pub(crate) fn free(&self) -> u32 {
        self.free.borrow().len() as u32
    }

    /// Where in its slot a frame starts if nothing else is said.
    pub(crate) fn default_start(&self) -> u32 {
        self.default_start
    }

    /// A pointer to the first byte of a slot.
    pub(crate) fn slot_ptr(&self, slot: u32) -> NonNull<u8> {
        assert!(slot < self.slots, "a slot number comes from this region");
        // SAFETY: `slot` is below `slots` (asserted in release builds too), so the offset stays inside the allocation.
        unsafe { self.base.add(slot as usize * self.slot_len) }
    }

    /// Takes a free slot for the kernel.
    pub(crate) fn take_free(&self) -> Option<u32> {
        self.free.borrow_mut().pop()
    }

    /// Gives back a slot that the kernel had.
    pub(crate) fn put_free(&self, slot: u32) {
        debug_assert!(slot < self.slots, "a slot number comes from this region");
        self.free.borrow_mut().push(slot);
    }

    /// Takes a free slot as an empty frame.
    pub(crate) fn alloc(self: &Rc<Self>) -> Option<Frame> {
        let slot = self.take_free()?;
        Some(self.frame(slot, self.default_start, 0, 0, 0))
    }

    /// Makes the frame of a slot that has just come from the kernel or the free list. The window is cut to the slot.
    pub(crate) fn frame(self: &Rc<Self>, slot: u32, start: u32, len: u32, interface: u8, queue: u8) -> Frame {
        self.app.set(self.app.get() + 1);
        Frame::new(Rc::clone(self), slot, start, len, interface, queue)
    }

    /// Takes note that a frame is gone and its slot is with the caller.
    pub(crate) fn forget_frame(&self) {
        self.app.set(self.app.get() - 1);
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        if let Memory::Heap(layout) = self.memory {
            // SAFETY: `base` came from `alloc_zeroed` with this very layout, and no frame is left to use it, for each
            // holds a reference to this region.
            unsafe { dealloc(self.base.as_ptr(), layout) };
        }
    }
}

#[cfg(test)]
mod tests;
