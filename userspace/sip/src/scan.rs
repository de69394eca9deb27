//! Byte classes and searches that the parsers share, sixteen bytes at a time where the processor can.
#![deny(clippy::indexing_slicing)]

mod block;
mod elements;
mod lines;

pub use elements::Elements;
pub(crate) use lines::Lines;

use block::BLOCK;

/// Bytes of `token` (RFC 3261 section 25.1).
const TOKEN: u8 = 1;
/// Bytes of a host name, with the underscore that real networks use.
const HOST: u8 = 2;
/// Bytes between the brackets of an IPv6 reference.
const IPV6: u8 = 4;
/// Bytes of the user part of a URI.
const USER: u8 = 8;
/// Bytes of URI parameters, headers and of URIs with an unknown scheme.
const URI: u8 = 16;
/// Bytes of an unquoted parameter value.
const VALUE: u8 = 32;
/// Bytes of a Call-ID.
const WORD: u8 = 64;
/// SP, HTAB and the CR and LF of a fold.
const BLANK: u8 = 128;

static CLASSES: [u8; 256] = classes();

#[allow(
    clippy::indexing_slicing,
    reason = "runs at compile time, where an overrun is a compile error"
)]
const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        table[index] = class_of(index as u8);
        index += 1;
    }
    table
}

const fn class_of(byte: u8) -> u8 {
    let mut class = 0;
    if byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        )
    {
        class |= TOKEN;
    }
    if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
        class |= HOST;
    }
    if byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.') {
        class |= IPV6;
    }
    let is_visible = byte > b' ' && byte != 0x7f;
    if is_visible {
        class |= WORD;
    }
    if is_visible && !matches!(byte, b'<' | b'>' | b'"') {
        class |= URI;
        if byte != b'@' {
            class |= USER;
        }
        if !matches!(byte, b',' | b';') {
            class |= VALUE;
        }
    }
    if matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
        class |= BLANK;
    }
    class
}

#[inline]
fn is(byte: u8, class: u8) -> bool {
    CLASSES
        .get(usize::from(byte))
        .is_some_and(|found| found & class != 0)
}

/// Position of the first byte at or after `from` that is not in `CLASS`, or the end.
#[inline]
fn run<const CLASS: u8>(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, block::outside::<CLASS>, |byte| !is(byte, CLASS))
}

/// Position of the first `A` or `B` at or after `from`, or the end.
#[inline]
pub(crate) fn find<const A: u8, const B: u8>(bytes: &[u8], from: usize) -> usize {
    first(bytes, from, block::either::<A, B>, |byte| byte == A || byte == B)
}

/// Position of the first byte at or after `from` where a search stops, or the end.
///
/// The last bytes are searched in a block that reaches back over bytes that were searched already.
#[inline]
fn first(
    bytes: &[u8],
    from: usize,
    stops: impl Fn(&[u8; BLOCK]) -> u32,
    stops_at: impl Fn(u8) -> bool,
) -> usize {
    let mut at = from;
    while let Some(rest) = bytes.get(at..) {
        if let Some(block) = rest.first_chunk() {
            match stops(block) {
                0 => at += BLOCK,
                found => return at + found.trailing_zeros() as usize,
            }
        } else if let Some(block) = bytes.last_chunk() {
            let found = stops(block) >> (BLOCK - rest.len()) | 1 << rest.len();
            return at + found.trailing_zeros() as usize;
        } else {
            return at + rest.iter().position(|&byte| stops_at(byte)).unwrap_or(rest.len());
        }
    }
    at
}

/// Whether `byte` may stand in a token.
#[inline]
#[must_use]
#[cfg(test)]
pub(crate) fn is_token(byte: u8) -> bool {
    is(byte, TOKEN)
}

/// Whether `bytes` is a token: not empty, and token bytes only.
#[inline]
pub(crate) fn is_whole_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && run::<TOKEN>(bytes, 0) == bytes.len()
}

/// Whether `bytes` can be a Call-ID: not empty, no blanks, no control bytes.
#[inline]
pub(crate) fn is_word(bytes: &[u8]) -> bool {
    !bytes.is_empty() && run::<WORD>(bytes, 0) == bytes.len()
}

/// Whether every byte may stand in URI parameters or headers.
#[inline]
pub(crate) fn is_uri_text(bytes: &[u8]) -> bool {
    run::<URI>(bytes, 0) == bytes.len()
}

/// Whether every byte may stand in a user part.
#[inline]
pub(crate) fn is_user_text(bytes: &[u8]) -> bool {
    run::<USER>(bytes, 0) == bytes.len()
}

/// End of the token that begins at `from`.
#[inline]
pub(crate) fn token_end(bytes: &[u8], from: usize) -> usize {
    run::<TOKEN>(bytes, from)
}

/// End of the parameter value that begins at `from`, if it is not quoted.
#[inline]
pub(crate) fn value_end(bytes: &[u8], from: usize) -> usize {
    run::<VALUE>(bytes, from)
}

/// Whether `byte` may stand in a parameter value that is not quoted.
#[inline]
pub(crate) fn is_value(byte: u8) -> bool {
    is(byte, VALUE)
}

/// First position at or after `from` that is not blank.
#[inline]
pub(crate) fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from) {
        Some(&byte) if is(byte, BLANK) => more_blanks(bytes, from + 1),
        _ => from,
    }
}

#[inline]
fn more_blanks(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from) {
        Some(&byte) if is(byte, BLANK) => run::<BLANK>(bytes, from + 1),
        _ => from,
    }
}

/// `bytes` without blanks at both ends.
#[inline]
pub(crate) fn trim(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        if !is(first, BLANK) {
            break;
        }
        rest = tail;
    }
    while let Some((&last, head)) = rest.split_last() {
        if !is(last, BLANK) {
            break;
        }
        rest = head;
    }
    rest
}

/// The part of `bytes[start..end]` without blanks at both ends, as positions.
#[inline]
pub(crate) fn trimmed(bytes: &[u8], start: usize, end: usize) -> (usize, usize) {
    let start = skip_blanks(bytes, start).min(end);
    match bytes.get(end.wrapping_sub(1)) {
        Some(&last) if is(last, BLANK) => (start, without_blanks(bytes, start, end)),
        _ => (start, end),
    }
}

/// `end`, or where the blanks before it begin.
fn without_blanks(bytes: &[u8], start: usize, end: usize) -> usize {
    let text = bytes.get(start..end).unwrap_or_default();
    let len = text.iter().rposition(|&byte| !is(byte, BLANK));
    len.map_or(start, |last| start + last + 1)
}

/// Position after the quote that closes the quoted string whose content begins at `from`.
#[inline]
pub(crate) fn quoted_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let found = find::<b'"', b'\\'>(bytes, at);
        if *bytes.get(found)? == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// A host: an IPv6 reference with its brackets, or a name or IPv4 address. Returns its end.
//= https://www.rfc-editor.org/rfc/rfc5118#section-4.1
//# The IPv6 reference MUST be delimited by the "[" and "]" delimiters.
#[inline]
pub(crate) fn host_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.get(from) == Some(&b'[') {
        let end = run::<IPV6>(bytes, from + 1);
        return (end > from + 1 && bytes.get(end) == Some(&b']')).then_some(end + 1);
    }
    let end = run::<HOST>(bytes, from);
    (end > from).then_some(end)
}

/// A whole decimal number that fits in 32 bits; `None` if there is any other byte, or none.
#[inline]
pub(crate) fn number(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u32, |value, byte| {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        value.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

/// A port: one or more digits of value at most 65,535.
#[inline]
pub(crate) fn port(digits: &[u8]) -> Option<u16> {
    u16::try_from(number(digits)?).ok()
}

/// The number whose digits begin at `from`, and their end; `None` if there are no digits, or too many.
#[inline]
pub(crate) fn number_at(bytes: &[u8], from: usize) -> (Option<u32>, usize) {
    let (mut value, mut at) = (0_u64, from);
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0'))
        && digit <= 9
    {
        value = (value * 10 + u64::from(digit)).min(1 << 32);
        at += 1;
    }
    (
        (at > from)
            .then_some(value)
            .and_then(|value| u32::try_from(value).ok()),
        at,
    )
}

/// The port whose digits begin at `from`, and their end.
#[inline]
pub(crate) fn port_at(bytes: &[u8], from: usize) -> (Option<u16>, usize) {
    let (number, end) = number_at(bytes, from);
    (number.and_then(|number| u16::try_from(number).ok()), end)
}

/// Whether `bytes` is `word` in any case. `word` is lower-case letters.
#[inline]
pub(crate) fn is_same<const N: usize>(bytes: &[u8], word: &[u8; N]) -> bool {
    <&[u8; N]>::try_from(bytes).is_ok_and(|bytes| bytes.map(|byte| byte | 0x20) == *word)
}

/// Whether `bytes` is `SIP/` in any case.
#[inline]
pub(crate) fn is_sip_slash(bytes: &[u8; 4]) -> bool {
    let [head @ .., slash] = bytes;
    is_same(head, b"sip") && *slash == b'/'
}

/// End of the text that may stand in a user part and begins at `from`.
#[inline]
pub(crate) fn user_end(bytes: &[u8], from: usize) -> usize {
    run::<USER>(bytes, from)
}

#[cfg(test)]
mod tests;
