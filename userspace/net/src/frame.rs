//! A slot with a frame in it that only moves, and a batch of them.

use std::fmt;
use std::rc::Rc;

use crate::umem::Region;

/// Most frames in a [`Batch`].
///
/// 64 frames amortise a system call and a ring update well; more only adds latency for the first of them.
pub const BATCH_MAX: usize = 64;

/// Least room in front of a frame that a link has just handed out.
///
/// The widest growth is IPv4 to IPv6 (20 bytes) and one VLAN tag (4 bytes).
pub const HEADROOM_MIN: usize = 64;

/// The window that was asked for does not fit the slot. The frame is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowError;

impl fmt::Display for WindowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the window does not fit the slot")
    }
}

impl std::error::Error for WindowError {}

/// One slot with an Ethernet frame in it.
///
/// It can only be moved, never copied, and belongs to the thread of its link. The frame is a window in the slot; there
/// is room before it ([`Frame::headroom`]) and behind it ([`Frame::tailroom`]). Dropping it gives the slot back.
pub struct Frame {
    region: Rc<Region>,
    slot: u32,
    start: u32,
    len: u32,
    interface: u8,
    queue: u8,
}

impl Frame {
    /// The only way to make one; called by [`Region::frame`], which counts it. The window is cut to the slot.
    pub(crate) fn new(region: Rc<Region>, slot: u32, start: u32, len: u32, interface: u8, queue: u8) -> Self {
        assert!(slot < region.total(), "a slot number comes from this region");
        let start = start.min(region.slot_len() as u32);
        let len = len.min(region.slot_len() as u32 - start);
        Self {
            region,
            slot,
            start,
            len,
            interface,
            queue,
        }
    }

    /// The frame, from its Ethernet header on.
    #[must_use]
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.whole()[self.start as usize..(self.start + self.len) as usize]
    }

    /// The frame, to be changed in place.
    #[must_use]
    #[inline]
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let (start, end) = (self.start as usize, (self.start + self.len) as usize);
        &mut self.whole_mut()[start..end]
    }

    /// The whole slot: headroom, frame, tailroom. The frame starts at [`Frame::headroom`].
    #[must_use]
    #[inline]
    pub fn whole(&self) -> &[u8] {
        let base = self.region.slot_ptr(self.slot);
        // SAFETY: the region has `slot_len` initialised bytes at `base` and lives as long as `self.region`. The slot is
        // ours alone: a frame is the only holder of its slot number (it is not `Clone`, and made only from a number
        // that left the free list or came back from the kernel), and `&self` keeps `whole_mut` away.
        unsafe { std::slice::from_raw_parts(base.as_ptr(), self.region.slot_len()) }
    }

    /// The whole slot, to be written. [`Frame::place`] then says where the frame is.
    #[must_use]
    #[inline]
    pub fn whole_mut(&mut self) -> &mut [u8] {
        let base = self.region.slot_ptr(self.slot);
        // SAFETY: as in `whole`; `&mut self` makes this the only reference into the slot.
        unsafe { std::slice::from_raw_parts_mut(base.as_ptr(), self.region.slot_len()) }
    }

    /// Bytes in the frame.
    #[must_use]
    #[inline]
    pub fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether the frame has no bytes, as one just taken has.
    #[must_use]
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bytes of the slot before the frame: also the offset of the frame in [`Frame::whole`].
    #[must_use]
    #[inline]
    pub fn headroom(&self) -> usize {
        self.start as usize
    }

    /// Bytes of the slot behind the frame.
    #[must_use]
    #[inline]
    pub fn tailroom(&self) -> usize {
        self.region.slot_len() - (self.start + self.len) as usize
    }

    /// Bytes of the whole slot.
    #[must_use]
    #[inline]
    pub fn capacity(&self) -> usize {
        self.region.slot_len()
    }

    /// The interface it was received on; 0 for one just taken.
    #[must_use]
    #[inline]
    pub fn interface(&self) -> u8 {
        self.interface
    }

    /// The queue of the interface it was received on; 0 for one just taken.
    #[must_use]
    #[inline]
    pub fn queue(&self) -> u8 {
        self.queue
    }

    /// Says that the frame is `len` bytes from offset `start` of the slot on.
    ///
    /// # Errors
    /// [`WindowError`] if that does not fit the slot.
    #[inline]
    pub fn place(&mut self, start: usize, len: usize) -> Result<(), WindowError> {
        let end = start.checked_add(len).ok_or(WindowError)?;
        if end > self.region.slot_len() {
            return Err(WindowError);
        }
        (self.start, self.len) = (start as u32, len as u32);
        Ok(())
    }

    /// Moves the start by `start_delta` bytes (negative: into the headroom) and sets the length.
    ///
    /// # Errors
    /// [`WindowError`] if that does not fit the slot.
    #[inline]
    pub fn set_window(&mut self, start_delta: isize, len: usize) -> Result<(), WindowError> {
        let start = self
            .headroom()
            .checked_add_signed(start_delta)
            .ok_or(WindowError)?;
        self.place(start, len)
    }

    /// Empties the frame and puts its start where the link would have put it.
    pub fn reset(&mut self) {
        (self.start, self.len) = (self.region.default_start(), 0);
    }

    /// Makes `bytes` the frame, at the usual start.
    ///
    /// # Errors
    /// [`WindowError`] if they do not fit.
    pub fn fill_from(&mut self, bytes: &[u8]) -> Result<(), WindowError> {
        self.place(self.region.default_start() as usize, bytes.len())?;
        self.bytes_mut().copy_from_slice(bytes);
        Ok(())
    }

    /// Moves the frame inside its slot so that it starts at `start`.
    pub(crate) fn shift_to(&mut self, start: usize) -> Result<(), WindowError> {
        let (from, len) = (self.headroom(), self.len());
        self.place(start, len)?;
        if from != start {
            self.whole_mut().copy_within(from..from + len, start);
        }
        Ok(())
    }

    /// Whether the slot is one of `region`.
    pub(crate) fn is_of(&self, region: &Rc<Region>) -> bool {
        Rc::ptr_eq(&self.region, region)
    }

    /// The slot number, and with it the duty to give it back to the region.
    pub(crate) fn into_slot(mut self) -> u32 {
        self.region.forget_frame();
        std::mem::replace(&mut self.slot, SLOT_NONE)
    }

    /// The slot number, while the frame keeps it.
    pub(crate) fn slot(&self) -> u32 {
        self.slot
    }
}

impl Drop for Frame {
    #[inline]
    fn drop(&mut self) {
        if self.slot != SLOT_NONE {
            self.region.forget_frame();
            self.region.put_free(self.slot);
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("slot", &self.slot)
            .field("start", &self.start)
            .field("len", &self.len)
            .field("interface", &self.interface)
            .finish_non_exhaustive()
    }
}

/// Up to [`BATCH_MAX`] frames.
#[derive(Debug)]
pub struct Batch {
    frames: Vec<Frame>,
}

impl Batch {
    /// An empty batch; the only allocation it ever makes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            frames: Vec::with_capacity(BATCH_MAX),
        }
    }

    /// Appends a frame.
    ///
    /// # Errors
    /// The frame itself, if the batch is full.
    #[inline]
    pub fn push(&mut self, frame: Frame) -> Result<(), Frame> {
        if self.is_full() {
            return Err(frame);
        }
        self.frames.push(frame);
        Ok(())
    }

    /// Takes the last frame.
    pub fn pop(&mut self) -> Option<Frame> {
        self.frames.pop()
    }

    /// Takes all frames, first received first.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Frame> {
        self.frames.drain(..)
    }

    /// The frames in it.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames in it, to be changed in place.
    #[must_use]
    pub fn frames_mut(&mut self) -> &mut [Frame] {
        &mut self.frames
    }

    /// Frames in it.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Whether it takes no more.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.frames.len() >= BATCH_MAX
    }

    /// Frames it still takes.
    #[must_use]
    pub fn room(&self) -> usize {
        BATCH_MAX - self.frames.len()
    }

    /// Drops all frames, which gives their slots back.
    pub fn clear(&mut self) {
        self.frames.clear();
    }
}

impl Default for Batch {
    fn default() -> Self {
        Self::new()
    }
}

/// The slot number of a frame that no longer has one.
const SLOT_NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests;
