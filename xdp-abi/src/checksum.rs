//! The Internet checksum (RFC 1071) and its incremental change (RFC 1624).

use crate::header::{Address, Bytes};

/// A ones' complement sum in progress. Wide enough for any frame without losing a carry.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sum(u64);

impl Sum {
    /// An empty sum.
    #[inline(always)]
    #[must_use]
    pub const fn new() -> Self {
        Self(0)
    }

    /// A sum that goes on from a finished `checksum`, as RFC 1624 equation 3 begins with ~HC.
    #[inline(always)]
    #[must_use]
    pub const fn resume(checksum: u16) -> Self {
        Self(!checksum as u64)
    }

    /// Adds one 16-bit word.
    #[inline(always)]
    #[must_use]
    pub const fn add(self, word: u16) -> Self {
        Self(self.0 + word as u64)
    }

    /// Adds two 16-bit words at once: they count the same side by side as one after the other.
    #[inline(always)]
    #[must_use]
    pub const fn add_word(self, word: u32) -> Self {
        Self(self.0 + word as u64)
    }

    /// Takes out one 16-bit word that was added before (RFC 1624 equation 3: adds ~m).
    #[inline(always)]
    #[must_use]
    pub const fn subtract(self, word: u16) -> Self {
        Self(self.0 + !word as u64)
    }

    /// Adds the bytes in `array`, which must begin at an even place; an odd last byte counts as a high byte.
    #[inline(always)]
    #[must_use]
    pub fn add_bytes(mut self, array: &[u8]) -> Self {
        for pair in array.chunks(2) {
            self = self.add(match *pair {
                [high, low] => u16::from_be_bytes([high, low]),
                [high] => u16::from_be_bytes([high, 0]),
                _ => 0,
            });
        }
        self
    }

    /// Adds an address as a pseudo-header of its family does: four bytes of IPv4, sixteen of IPv6.
    ///
    /// What an IPv4-mapped address has beside its four bytes is one word of ones, which counts as zero.
    #[inline(always)]
    #[must_use]
    pub const fn add_address(self, address: &Address) -> Self {
        let [a, b, c, d] = address.words();
        self.add_word(u32::from_be(a))
            .add_word(u32::from_be(b))
            .add_word(u32::from_be(c))
            .add_word(u32::from_be(d))
    }

    /// Takes out an address that [`Sum::add_address`] added.
    #[inline(always)]
    #[must_use]
    pub fn subtract_address(self, address: &Address) -> Self {
        // The complement of a folded sum is the sum of the complements, as 0xffff counts as zero.
        self.add(Sum::new().add_address(address).finish())
    }

    /// Adds `len` bytes of `bytes` from `offset`, an odd last byte as a high byte. `None` if they are not all there.
    #[must_use]
    pub fn add_range<B: Bytes + ?Sized>(mut self, bytes: &B, offset: usize, len: usize) -> Option<Self> {
        let even_end = offset.checked_add(len & !1)?;
        let mut at = offset;
        while at < even_end {
            self = self.add(bytes.be16_at(at)?);
            at += 2;
        }
        if len & 1 == 1 {
            self = self.add(u16::from_be_bytes([bytes.u8_at(at)?, 0]));
        }
        Some(self)
    }

    /// The checksum: the complement of the folded sum.
    #[inline(always)]
    #[must_use]
    pub const fn finish(self) -> u16 {
        let mut sum = self.0;
        sum = (sum & 0xffff_ffff) + (sum >> 32);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        !(sum as u16)
    }

    /// The checksum as UDP carries it: zero means "none", so a computed zero is sent as all ones.
    #[inline(always)]
    #[must_use]
    pub const fn finish_udp(self) -> u16 {
        //= https://www.rfc-editor.org/rfc/rfc768
        //# If the computed  checksum  is zero,  it is transmitted  as all ones (the
        //# equivalent  in one's complement  arithmetic).
        match self.finish() {
            0 => 0xffff,
            checksum => checksum,
        }
    }
}

#[cfg(test)]
mod tests;
