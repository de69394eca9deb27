//! A timer wheel of fixed capacity.

use alloc::vec::Vec;

use crate::Timestamp;

/// Timers that each carry a small value, with a granularity of one millisecond.
///
/// Hierarchical: eight levels of 64 slots cover every [`Timestamp`], so a deadline is never clamped. Setting and
/// cancelling take constant time; a timer moves down at most seven levels in its life. All memory is taken in
/// [`Wheel::new`]. A timer is never early: its deadline is rounded up to the next millisecond.
#[derive(Debug)]
pub struct Wheel<T: Copy> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: usize,
    /// Everything due up to this tick has been taken out of the upper levels.
    elapsed: u64,
    levels: [Level; LEVEL_COUNT],
}

/// Names one timer that was set in a [`Wheel`].
///
/// After the timer has expired or was cancelled its key is stale, and stays so although the place is used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
struct Entry<T> {
    value: Option<T>,
    tick: u64,
    next: u32,
    previous: u32,
    generation: u32,
    level: u8,
    slot: u8,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    occupied: u64,
    slots: [Slot; SLOT_COUNT],
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    head: u32,
    tail: u32,
}

impl<T: Copy> Wheel<T> {
    /// An empty wheel for at most `capacity` timers, of which there can be 2^32 - 2.
    #[must_use]
    pub fn new(now: Timestamp, capacity: usize) -> Self {
        let capacity = capacity.min(NONE as usize - 1);
        let entries = (0..capacity)
            .map(|index| Entry {
                value: None,
                tick: 0,
                next: if index + 1 < capacity {
                    index as u32 + 1
                } else {
                    NONE
                },
                previous: NONE,
                generation: 0,
                level: 0,
                slot: 0,
            })
            .collect();
        let empty = Slot {
            head: NONE,
            tail: NONE,
        };
        Self {
            entries,
            free: if capacity == 0 { NONE } else { 0 },
            len: 0,
            elapsed: now.as_nanos() / TICK_NANOS,
            levels: [Level {
                occupied: 0,
                slots: [empty; SLOT_COUNT],
            }; LEVEL_COUNT],
        }
    }

    /// Sets a timer that gives `value` back at `deadline`, or at once if that has passed. `None` if the wheel is full.
    pub fn set(&mut self, deadline: Timestamp, value: T) -> Option<TimerKey> {
        let index = self.free;
        let entry = self.entries.get_mut(index as usize)?;
        self.free = entry.next;
        entry.value = Some(value);
        entry.tick = deadline.as_nanos().div_ceil(TICK_NANOS);
        let key = TimerKey {
            index,
            generation: entry.generation,
        };
        self.len += 1;
        self.place(index);
        Some(key)
    }

    /// Takes the timer out. False if the key is stale, which is harmless.
    pub fn cancel(&mut self, key: TimerKey) -> bool {
        match self.entries.get(key.index as usize) {
            Some(entry) if entry.generation == key.generation && entry.value.is_some() => {
                self.unlink(key.index);
                self.release(key.index);
                true
            }
            _ => false,
        }
    }

    /// Takes out the earliest timer that is due at `now`, and gives its value.
    ///
    /// Timers come in the order of their deadlines, those of the same millisecond in the order in which they reached it.
    pub fn pop_expired(&mut self, now: Timestamp) -> Option<T> {
        let now = now.as_nanos() / TICK_NANOS;
        while let Some((level, slot, start)) = self.first() {
            if start > now {
                break;
            }
            self.elapsed = start;
            let head = self.levels[level].slots[slot].head;
            if level == 0 {
                self.unlink(head);
                return self.release(head);
            }
            self.cascade(level, slot);
        }
        self.elapsed = self.elapsed.max(now);
        None
    }

    /// A point before which [`Wheel::pop_expired`] will give nothing; `None` if no timer is set.
    ///
    /// For timers within the current 64 ms it is exact; for later ones it may lie earlier than the earliest deadline.
    /// It is never later than the earliest deadline rounded up to a millisecond.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.first().map(|(_, _, start)| Timestamp::from_millis(start))
    }

    /// Timers that are set.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if no timer is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Timers that can be set at the same time.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.entries.len()
    }

    /// The slot that is due first, and the tick at which it begins.
    ///
    /// A timer sits in the level of the highest 6-bit digit in which its tick differs from `elapsed`. So all slots in use
    /// lie ahead of `elapsed`, and all timers of a level are due before any timer of the level above it.
    fn first(&self) -> Option<(usize, usize, u64)> {
        let level = self.levels.iter().position(|level| level.occupied != 0)?;
        let slot = self.levels[level].occupied.trailing_zeros() as usize;
        let shift = level as u32 * SLOT_BITS;
        let block = self.elapsed >> (shift + SLOT_BITS) << (shift + SLOT_BITS);
        Some((level, slot, block + ((slot as u64) << shift)))
    }

    /// Moves each timer of a slot to where it belongs now that the slot's time has come.
    fn cascade(&mut self, level: usize, slot: usize) {
        let mut index = self.levels[level].slots[slot].head;
        self.levels[level].slots[slot] = Slot {
            head: NONE,
            tail: NONE,
        };
        self.levels[level].occupied &= !(1 << slot);
        while index != NONE {
            let next = self.entries[index as usize].next;
            self.place(index);
            index = next;
        }
    }

    /// Links an entry at the end of the slot for its tick.
    fn place(&mut self, index: u32) {
        let entry = &mut self.entries[index as usize];
        let tick = entry.tick.max(self.elapsed);
        let differing = tick ^ self.elapsed;
        let level = if differing == 0 {
            0
        } else {
            (63 - differing.leading_zeros()) / SLOT_BITS
        };
        let slot = (tick >> (level * SLOT_BITS)) as usize % SLOT_COUNT;
        let level = level as usize;
        let tail = self.levels[level].slots[slot].tail;
        entry.level = level as u8;
        entry.slot = slot as u8;
        entry.next = NONE;
        entry.previous = tail;
        if tail == NONE {
            self.levels[level].slots[slot].head = index;
            self.levels[level].occupied |= 1 << slot;
        } else {
            self.entries[tail as usize].next = index;
        }
        self.levels[level].slots[slot].tail = index;
    }

    /// Takes an entry out of its slot's list.
    fn unlink(&mut self, index: u32) {
        let Entry {
            next,
            previous,
            level,
            slot,
            ..
        } = self.entries[index as usize];
        let level = &mut self.levels[level as usize];
        let list = &mut level.slots[slot as usize];
        if previous == NONE {
            list.head = next;
        } else {
            self.entries[previous as usize].next = next;
        }
        if next == NONE {
            list.tail = previous;
        } else {
            self.entries[next as usize].previous = previous;
        }
        if list.head == NONE {
            level.occupied &= !(1 << slot);
        }
    }

    /// Gives an unlinked entry back; its key is stale from here on.
    fn release(&mut self, index: u32) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = self.free;
        self.free = index;
        self.len -= 1;
        entry.value.take()
    }
}

const NONE: u32 = u32::MAX;
const TICK_NANOS: u64 = 1_000_000;
const SLOT_BITS: u32 = 6;
const SLOT_COUNT: usize = 1 << SLOT_BITS;
/// 48 bits of ticks; the latest `Timestamp` is less than 2^45 ticks.
const LEVEL_COUNT: usize = 8;

#[cfg(test)]
mod tests;
