//! Places of fixed number whose contents are reused.

use alloc::vec::Vec;

/// A place and which use of it is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Place {
    pub(super) index: u32,
    pub(super) generation: u32,
}

/// A fixed number of places. A value stays where it is when its place is given back, so that its buffers are used again.
#[derive(Debug)]
pub(super) struct Slab<T> {
    entries: Vec<Entry<T>>,
    free: u32,
    len: u32,
}

#[derive(Debug)]
struct Entry<T> {
    value: T,
    generation: u32,
    is_used: bool,
    next: u32,
    previous: u32,
}

impl<T: Default> Slab<T> {
    pub(super) fn new(capacity: u32) -> Self {
        let entries = (0..capacity)
            .map(|index| Entry {
                value: T::default(),
                generation: 0,
                is_used: false,
                next: if index + 1 < capacity { index + 1 } else { NONE },
                previous: if index == 0 { NONE } else { index - 1 },
            })
            .collect();
        Self {
            entries,
            free: if capacity == 0 { NONE } else { 0 },
            len: 0,
        }
    }

    /// The place that is best taken next: the one given back last, whose buffers are warm.
    pub(super) fn vacant(&self) -> Option<Place> {
        self.entries.get(self.free as usize).map(|entry| Place {
            index: self.free,
            generation: entry.generation,
        })
    }

    /// Takes a vacant place. `None` if it is not vacant or was used since `place` was learnt.
    pub(super) fn take(&mut self, place: Place) -> Option<&mut T> {
        let entry = self.entries.get(place.index as usize)?;
        if entry.is_used || entry.generation != place.generation {
            return None;
        }
        let (next, previous) = (entry.next, entry.previous);
        match self.entries.get_mut(previous as usize) {
            Some(before) => before.next = next,
            None => self.free = next,
        }
        if let Some(after) = self.entries.get_mut(next as usize) {
            after.previous = previous;
        }
        self.len += 1;
        let entry = self.entries.get_mut(place.index as usize)?;
        entry.is_used = true;
        Some(&mut entry.value)
    }

    /// Gives a place back; every `Place` that names it is stale from here on.
    pub(super) fn release(&mut self, place: Place) {
        let head = self.free;
        let Some(entry) = self.entries.get_mut(place.index as usize) else {
            return;
        };
        if !entry.is_used || entry.generation != place.generation {
            return;
        }
        entry.is_used = false;
        entry.generation = entry.generation.wrapping_add(1);
        entry.next = head;
        entry.previous = NONE;
        self.free = place.index;
        self.len -= 1;
        if let Some(after) = self.entries.get_mut(head as usize) {
            after.previous = place.index;
        }
    }

    pub(super) fn value(&self, place: Place) -> Option<&T> {
        self.entries
            .get(place.index as usize)
            .filter(|entry| entry.is_used && entry.generation == place.generation)
            .map(|entry| &entry.value)
    }

    pub(super) fn value_mut(&mut self, place: Place) -> Option<&mut T> {
        self.entries
            .get_mut(place.index as usize)
            .filter(|entry| entry.is_used && entry.generation == place.generation)
            .map(|entry| &mut entry.value)
    }

    /// The value in use at an index, and the place it makes.
    pub(super) fn at(&self, index: u32) -> Option<(Place, &T)> {
        self.entries
            .get(index as usize)
            .filter(|entry| entry.is_used)
            .map(|entry| {
                (
                    Place {
                        index,
                        generation: entry.generation,
                    },
                    &entry.value,
                )
            })
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> u32 {
        self.len
    }
}

const NONE: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_out_and_come_back() {
        let mut slab: Slab<u8> = Slab::new(2);
        let first = slab.vacant().unwrap();
        slab.take(first).unwrap();
        let second = slab.vacant().unwrap();
        slab.take(second).unwrap();
        assert_eq!(slab.vacant(), None);
        slab.release(first);
        let again = slab.vacant().unwrap();
        assert_eq!(
            (again.index, again.generation),
            (first.index, first.generation + 1)
        );
        assert!(slab.value(first).is_none() && slab.value(second).is_some());
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn any_vacant_place_can_be_taken() {
        let mut slab: Slab<u8> = Slab::new(4);
        let middle = Place {
            index: 2,
            generation: 0,
        };
        assert!(slab.take(middle).is_some());
        assert!(slab.take(middle).is_none(), "taken already");
        let rest: Vec<u32> = core::iter::from_fn(|| {
            let place = slab.vacant()?;
            slab.take(place).map(|_| place.index)
        })
        .collect();
        assert_eq!(rest, [0, 1, 3]);
        slab.release(middle);
        assert!(slab.take(middle).is_none(), "stale");
    }

    #[test]
    fn a_stale_release_gives_nothing_back() {
        let mut slab: Slab<u8> = Slab::new(1);
        let place = slab.vacant().unwrap();
        slab.release(place);
        slab.take(place).unwrap();
        slab.release(place);
        slab.release(place);
        assert_eq!(slab.len(), 0);
        assert_eq!(
            slab.vacant(),
            Some(Place {
                index: 0,
                generation: 1
            })
        );
    }
}
