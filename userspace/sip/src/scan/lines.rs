//! The line map: where lines end.
#![deny(clippy::indexing_slicing)]

use memchr::memchr2;

use super::block::{self, Marks, WINDOW};

/// Walks forward over the line ends of a header section. Each byte is looked at once.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    bytes: &'a [u8],
    /// Where the window begins whose marks are known.
    base: usize,
    /// Its CRs that are not passed yet.
    crs: u64,
    /// Whether its last byte is a CR.
    carry: u64,
    /// First place where a CR without LF, or an LF without CR, was seen; the end of the bytes if there is none.
    fault: usize,
}

impl<'a> Lines<'a> {
    /// The lines from `at` on.
    #[inline]
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        let mut lines = Self {
            bytes,
            base: at,
            crs: 0,
            carry: 0,
            fault: bytes.len(),
        };
        lines.read_window();
        lines
    }

    /// The CRLF of the line that begins at `at`, which is where the line before has ended.
    ///
    /// # Errors
    /// Where the first CR or LF stands, or the end of the bytes, if that is not a CRLF.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "the loop over the lines, kept in registers")]
    pub(crate) fn next_end(&mut self, at: usize) -> Result<usize, usize> {
        while self.crs == 0 {
            if self.bytes.len() <= self.base + WINDOW {
                return self.slow_end(at);
            }
            self.base += WINDOW;
            self.read_window();
        }
        let end = self.base + self.crs.trailing_zeros() as usize;
        self.crs &= self.crs - 1;
        if end + 1 < self.fault {
            Ok(end)
        } else {
            self.slow_end(at)
        }
    }

    #[inline(never)]
    fn read_window(&mut self) {
        let rest = self.bytes.get(self.base..).unwrap_or_default();
        let Marks { crs, lfs } = match rest.first_chunk() {
            Some(window) => block::marks(window),
            None => last_marks(rest),
        };
        let wrong = lfs ^ (crs << 1 | self.carry);
        if wrong != 0 {
            self.fault = self.fault.min(self.base + wrong.trailing_zeros() as usize);
        }
        self.crs = crs;
        self.carry = crs >> (WINDOW - 1);
    }

    #[cold]
    fn slow_end(&self, at: usize) -> Result<usize, usize> {
        let rest = self.bytes.get(at..).unwrap_or_default();
        let len = memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let is_crlf = rest.get(len..).is_some_and(|rest| rest.starts_with(b"\r\n"));
        if is_crlf { Ok(at + len) } else { Err(at + len) }
    }
}

/// The marks of less than a window.
#[cold]
fn last_marks(rest: &[u8]) -> Marks {
    let mut window = [0; WINDOW];
    if let Some(head) = window.get_mut(..rest.len()) {
        head.copy_from_slice(rest);
    }
    block::marks(&window)
}
