//! A fixed number of places for calls, each with a generation, so that a stale name never reaches a new tenant.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::Call;
use crate::action::CallRef;

/// Generations wrap here, since a transaction's user value holds that many bits.
pub(crate) const GENERATION_MAX: u32 = (1 << 24) - 1;

#[derive(Debug)]
pub(crate) struct Slab {
    places: Vec<Place>,
    free: Vec<u32>,
    capacity: usize,
    len: usize,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    call: Option<Box<Call>>,
}

impl Slab {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            places: Vec::with_capacity(capacity),
            free: Vec::with_capacity(capacity),
            capacity,
            len: 0,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Reserves a place; [`put`](Self::put) or [`release`](Self::release) must follow.
    pub(crate) fn reserve(&mut self) -> Option<CallRef> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.places.len() < self.capacity => {
                self.places.push(Place {
                    generation: 0,
                    call: None,
                });
                (self.places.len() - 1) as u32
            }
            None => return None,
        };
        let place = self.places.get_mut(index as usize)?;
        place.generation = if place.generation >= GENERATION_MAX {
            1
        } else {
            place.generation + 1
        };
        self.len += 1;
        Some(CallRef {
            index,
            generation: place.generation,
        })
    }

    /// Takes a call out to work on it; its place stays reserved.
    pub(crate) fn lift(&mut self, at: CallRef) -> Option<Box<Call>> {
        self.places
            .get_mut(at.index as usize)
            .filter(|p| p.generation == at.generation)?
            .call
            .take()
    }

    /// Puts a call into its reserved place.
    pub(crate) fn put(&mut self, at: CallRef, call: Box<Call>) {
        if let Some(place) = self
            .places
            .get_mut(at.index as usize)
            .filter(|p| p.generation == at.generation)
        {
            place.call = Some(call);
        }
    }

    /// Frees a reserved or lifted place.
    pub(crate) fn release(&mut self, at: CallRef) {
        let Some(place) = self.places.get_mut(at.index as usize) else {
            return;
        };
        if place.generation == at.generation && place.call.is_none() {
            self.free.push(at.index);
            self.len -= 1;
        }
    }

    pub(crate) fn read(&self, at: CallRef) -> Option<&Call> {
        self.places
            .get(at.index as usize)
            .filter(|p| p.generation == at.generation)?
            .call
            .as_deref()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Call> {
        self.places.iter().filter_map(|p| p.call.as_deref())
    }
}
