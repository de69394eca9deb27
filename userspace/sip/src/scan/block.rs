//! Searches in blocks of sixteen bytes: SSE2 on x86-64, byte by byte elsewhere.
#![deny(clippy::indexing_slicing)]

/// Bytes of a block.
pub(super) const BLOCK: usize = 16;

/// Bytes whose marks fit in one word.
pub(super) const WINDOW: usize = 64;

/// CRs and LFs of a window, one bit a byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marks {
    /// CRs.
    pub(super) crs: u64,
    /// LFs.
    pub(super) lfs: u64,
}

#[cfg(not(target_arch = "x86_64"))]
pub(super) use portable::{either, marks, outside};
#[cfg(target_arch = "x86_64")]
pub(super) use sse2::{either, marks, outside};

/// What any processor can do.
#[cfg(any(test, not(target_arch = "x86_64")))]
mod portable {
    use super::super::is;
    use super::{BLOCK, Marks, WINDOW};

    pub(in super::super) fn outside<const CLASS: u8>(block: &[u8; BLOCK]) -> u32 {
        bits(block, |byte| !is(byte, CLASS)) as u32
    }

    pub(in super::super) fn either<const A: u8, const B: u8>(block: &[u8; BLOCK]) -> u32 {
        bits(block, |byte| byte == A || byte == B) as u32
    }

    pub(in super::super) fn marks(window: &[u8; WINDOW]) -> Marks {
        Marks {
            crs: bits(window, |byte| byte == b'\r'),
            lfs: bits(window, |byte| byte == b'\n'),
        }
    }

    fn bits(bytes: &[u8], is_set: impl Fn(u8) -> bool) -> u64 {
        let set = |mask, &byte| mask << 1 | u64::from(is_set(byte));
        bytes.iter().rev().fold(0, set)
    }
}

#[cfg(target_arch = "x86_64")]
#[allow(
    unsafe_code,
    reason = "calls of functions with SSE2 instructions, which every x86-64 processor has; the parser takes less than \
              half the time with them"
)]
mod sse2 {
    use core::arch::x86_64::{
        __m128i, _mm_add_epi8, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8,
        _mm_or_si128, _mm_set1_epi8,
    };

    use super::super::{BLANK, HOST, IPV6, TOKEN, URI, USER, VALUE, WORD, is};
    use super::{BLOCK, Marks, WINDOW};

    /// Bit `i` is set where byte `i` is not in `CLASS`.
    #[inline]
    pub(in super::super) fn outside<const CLASS: u8>(block: &[u8; BLOCK]) -> u32 {
        // SAFETY: the function asks for SSE2, which is part of the x86-64 base line.
        unsafe { outside_sse2::<CLASS>(block) }
    }

    /// Bit `i` is set where byte `i` is `A` or `B`.
    #[inline]
    pub(in super::super) fn either<const A: u8, const B: u8>(block: &[u8; BLOCK]) -> u32 {
        // SAFETY: the function asks for SSE2, which is part of the x86-64 base line.
        unsafe { either_sse2::<A, B>(block) }
    }

    /// CRs and LFs.
    #[inline]
    pub(in super::super) fn marks(window: &[u8; WINDOW]) -> Marks {
        // SAFETY: the function asks for SSE2, which is part of the x86-64 base line.
        unsafe { marks_sse2(window) }
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn marks_sse2(window: &[u8; WINDOW]) -> Marks {
        let mut marks = Marks { crs: 0, lfs: 0 };
        let (blocks, _) = window.as_chunks();
        for (index, block) in blocks.iter().enumerate() {
            let bytes = load(block);
            marks.crs |= u64::from(bits(equal(bytes, b'\r'))) << (index * BLOCK);
            marks.lfs |= u64::from(bits(equal(bytes, b'\n'))) << (index * BLOCK);
        }
        marks
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn either_sse2<const A: u8, const B: u8>(block: &[u8; BLOCK]) -> u32 {
        let bytes = load(block);
        bits(any([equal(bytes, A), equal(bytes, B)]))
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn outside_sse2<const CLASS: u8>(block: &[u8; BLOCK]) -> u32 {
        let bytes = load(block);
        match CLASS {
            HOST => !bits(host(bytes)) & ALL,
            TOKEN => !bits(token(bytes)) & ALL,
            WORD => bits(unseen(bytes)),
            URI => bits(outside_uri(bytes)),
            USER => bits(any([outside_uri(bytes), equal(bytes, b'@')])),
            VALUE => bits(any([outside_uri(bytes), equal(bytes, b','), equal(bytes, b';')])),
            BLANK => !bits(blank(bytes)) & ALL,
            IPV6 => !bits(ipv6(bytes)) & ALL,
            _ => {
                let set = |mask, &byte| mask << 1 | u32::from(!is(byte, CLASS));
                block.iter().rev().fold(0, set)
            }
        }
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn host(bytes: __m128i) -> __m128i {
        let folded = _mm_or_si128(bytes, all(0x20));
        any([
            within(folded, b'a', b'z'),
            within(bytes, b'0', b'9'),
            within(bytes, b'-', b'.'),
            equal(bytes, b'_'),
        ])
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn token(bytes: __m128i) -> __m128i {
        any([
            host(bytes),
            within(bytes, b'*', b'+'),
            equal(bytes, b'!'),
            equal(bytes, b'%'),
            equal(bytes, b'`'),
            equal(bytes, b'\''),
            equal(bytes, b'~'),
        ])
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn ipv6(bytes: __m128i) -> __m128i {
        let folded = _mm_or_si128(bytes, all(0x20));
        any([
            within(folded, b'a', b'f'),
            within(bytes, b'0', b':'),
            equal(bytes, b'.'),
        ])
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn blank(bytes: __m128i) -> __m128i {
        any([
            equal(bytes, b' '),
            equal(bytes, b'\t'),
            equal(bytes, b'\r'),
            equal(bytes, b'\n'),
        ])
    }

    /// Blanks and control bytes.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn unseen(bytes: __m128i) -> __m128i {
        any([within(bytes, 0, b' '), equal(bytes, 0x7f)])
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn outside_uri(bytes: __m128i) -> __m128i {
        any([
            unseen(bytes),
            equal(bytes, b'<'),
            equal(bytes, b'>'),
            equal(bytes, b'"'),
        ])
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn load(block: &[u8; BLOCK]) -> __m128i {
        // SAFETY: the sixteen bytes that are read are those of `block`; the load asks for no alignment.
        unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn all(byte: u8) -> __m128i {
        _mm_set1_epi8(byte.cast_signed())
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn equal(bytes: __m128i, byte: u8) -> __m128i {
        _mm_cmpeq_epi8(bytes, all(byte))
    }

    /// Bytes from `low` to `high`.
    #[target_feature(enable = "sse2")]
    #[inline]
    fn within(bytes: __m128i, low: u8, high: u8) -> __m128i {
        let distance = _mm_add_epi8(bytes, all(low.wrapping_neg()));
        _mm_cmpeq_epi8(_mm_min_epu8(distance, all(high - low)), distance)
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn any<const N: usize>(masks: [__m128i; N]) -> __m128i {
        let mut sum = all(0);
        for mask in masks {
            sum = _mm_or_si128(sum, mask);
        }
        sum
    }

    #[target_feature(enable = "sse2")]
    #[inline]
    fn bits(mask: __m128i) -> u32 {
        _mm_movemask_epi8(mask).cast_unsigned()
    }

    const ALL: u32 = 0xffff;
}

#[cfg(test)]
mod tests {
    use super::super::{BLANK, HOST, IPV6, TOKEN, URI, USER, VALUE, WORD};
    use super::*;

    /// Every byte at every place of a block.
    fn blocks() -> impl Iterator<Item = [u8; BLOCK]> {
        (0..=u8::MAX).flat_map(|byte| {
            (0..BLOCK).map(move |place| {
                let mut block = *b"ab:c\r;@12>\n-..x_";
                block[place] = byte;
                block
            })
        })
    }

    #[test]
    fn every_processor_finds_the_same_classes() {
        for block in blocks() {
            assert_eq!(outside::<TOKEN>(&block), portable::outside::<TOKEN>(&block));
            assert_eq!(outside::<BLANK>(&block), portable::outside::<BLANK>(&block));
            assert_eq!(outside::<HOST>(&block), portable::outside::<HOST>(&block));
            assert_eq!(outside::<IPV6>(&block), portable::outside::<IPV6>(&block));
            assert_eq!(outside::<USER>(&block), portable::outside::<USER>(&block));
            assert_eq!(outside::<URI>(&block), portable::outside::<URI>(&block));
            assert_eq!(outside::<VALUE>(&block), portable::outside::<VALUE>(&block));
            assert_eq!(outside::<WORD>(&block), portable::outside::<WORD>(&block));
            assert_eq!(
                either::<b'"', b'x'>(&block),
                portable::either::<b'"', b'x'>(&block)
            );
        }
    }

    #[test]
    fn every_processor_finds_the_same_marks() {
        for block in blocks() {
            let mut window = [b'x'; WINDOW];
            for place in [0, 7, 48] {
                window[place..place + BLOCK].copy_from_slice(&block);
                assert_eq!(marks(&window), portable::marks(&window));
            }
        }
    }
}
