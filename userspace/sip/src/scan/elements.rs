//! Comma-separated lists.
#![deny(clippy::indexing_slicing)]

use memchr::{memchr, memchr3};

use super::{quoted_end, trim};

/// The elements of a comma-separated list, trimmed, empty ones left out.
#[derive(Clone, Debug)]
pub struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// The elements of one header field value.
    #[must_use]
    pub const fn new(value: &'a [u8]) -> Self {
        Self { rest: value }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        while !self.rest.is_empty() {
            let end = element_end(self.rest, 0);
            let (element, rest) = self.rest.split_at_checked(end)?;
            self.rest = rest.get(1..).unwrap_or_default();
            let element = trim(element);
            if !element.is_empty() {
                return Some(element);
            }
        }
        None
    }
}

/// End of the list element that begins at `from`: its comma, or the end of `bytes`.
///
/// Commas in quoted strings and between angle brackets belong to the element. Each byte is looked at once.
pub(crate) fn element_end(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr3(b',', b'"', b'<', rest)) {
        let found = at + found;
        let close = match bytes.get(found) {
            Some(b',') => return found,
            Some(b'"') => quoted_end(bytes, found + 1),
            _ => bytes
                .get(found..)
                .and_then(|rest| memchr(b'>', rest))
                .map(|len| found + len + 1),
        };
        match close {
            Some(close) => at = close,
            None => return bytes.len(),
        }
    }
    bytes.len()
}
