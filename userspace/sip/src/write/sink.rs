//! A bounded buffer that remembers when something did not fit.
#![deny(clippy::indexing_slicing)]

use core::fmt::{self, Write as _};
use core::net::IpAddr;

use super::Overflow;

/// Appends bytes; after the first that did not fit nothing more is written.
#[derive(Debug)]
pub(crate) struct Sink<'b> {
    buffer: &'b mut [u8],
    len: usize,
    is_full: bool,
}

impl<'b> Sink<'b> {
    pub(crate) const fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffer,
            len: 0,
            is_full: false,
        }
    }

    #[inline]
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.len + bytes.len();
        match self.buffer.get_mut(self.len..end) {
            Some(room) if !self.is_full => {
                room.copy_from_slice(bytes);
                self.len = end;
            }
            _ => self.is_full = true,
        }
    }

    #[inline]
    pub(crate) fn put_all(&mut self, parts: &[&[u8]]) {
        for part in parts {
            self.put(part);
        }
    }

    pub(crate) fn put_number(&mut self, value: u64) {
        let mut digits = [0; 20];
        let mut rest = value;
        let mut first = digits.len();
        for (place, slot) in digits.iter_mut().enumerate().rev() {
            *slot = b'0' + (rest % 10) as u8;
            rest /= 10;
            first = place;
            if rest == 0 {
                break;
            }
        }
        self.put(digits.get(first..).unwrap_or_default());
    }

    /// An address without brackets, as SDP and `received` have it.
    pub(crate) fn put_ip(&mut self, ip: IpAddr) {
        // A failed write has already marked the sink as full.
        let _ = write!(self, "{ip}");
    }

    /// An address as a host: IPv6 in brackets.
    pub(crate) fn put_host(&mut self, ip: IpAddr) {
        match ip {
            IpAddr::V4(_) => self.put_ip(ip),
            IpAddr::V6(_) => {
                self.put(b"[");
                self.put_ip(ip);
                self.put(b"]");
            }
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) const fn finished(&self) -> Result<usize, Overflow> {
        if self.is_full { Err(Overflow) } else { Ok(self.len) }
    }
}

impl fmt::Write for Sink<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.put(text.as_bytes());
        if self.is_full { Err(fmt::Error) } else { Ok(()) }
    }
}
