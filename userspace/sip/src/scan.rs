//! Byte classes and searches that the parsers share.
#![deny(clippy::indexing_slicing)]

use memchr::{memchr, memchr2, memchr3};

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

/// Position of the first byte at or after `from` that is not in `class`.
#[inline]
fn run(bytes: &[u8], from: usize, class: u8) -> usize {
    let rest = bytes.get(from..).unwrap_or_default();
    from + rest
        .iter()
        .position(|&byte| !is(byte, class))
        .unwrap_or(rest.len())
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
    !bytes.is_empty() && token_end(bytes, 0) == bytes.len()
}

/// Whether `bytes` can be a Call-ID: not empty, no blanks, no control bytes.
#[inline]
pub(crate) fn is_word(bytes: &[u8]) -> bool {
    !bytes.is_empty() && run(bytes, 0, WORD) == bytes.len()
}

/// Whether every byte may stand in URI parameters or headers.
#[inline]
pub(crate) fn is_uri_text(bytes: &[u8]) -> bool {
    run(bytes, 0, URI) == bytes.len()
}

/// Whether every byte may stand in a user part.
#[inline]
pub(crate) fn is_user_text(bytes: &[u8]) -> bool {
    run(bytes, 0, USER) == bytes.len()
}

/// End of the token that begins at `from`.
#[inline]
pub(crate) fn token_end(bytes: &[u8], from: usize) -> usize {
    run(bytes, from, TOKEN)
}

/// End of the parameter value that begins at `from`, if it is not quoted.
#[inline]
pub(crate) fn value_end(bytes: &[u8], from: usize) -> usize {
    run(bytes, from, VALUE)
}

/// First position at or after `from` that is not blank.
#[inline]
pub(crate) fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    match bytes.get(from) {
        Some(&byte) if is(byte, BLANK) => match bytes.get(from + 1) {
            Some(&next) if is(next, BLANK) => run(bytes, from + 2, BLANK),
            _ => from + 1,
        },
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
    let head = bytes.get(..end).unwrap_or_default();
    let start = skip_blanks(head, start).min(end);
    let mut end = end;
    while end > start && head.get(end - 1).is_some_and(|&byte| is(byte, BLANK)) {
        end -= 1;
    }
    (start, end)
}

/// Position after the quote that closes the quoted string whose content begins at `from`.
#[inline]
pub(crate) fn quoted_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(found) == Some(&b'"') {
            return Some(found + 1);
        }
        at = found + 2;
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

/// A host: an IPv6 reference with its brackets, or a name or IPv4 address. Returns its end.
//= https://www.rfc-editor.org/rfc/rfc5118#section-4.1
//# The IPv6 reference MUST be delimited by the "[" and "]" delimiters.
pub(crate) fn host_end(bytes: &[u8], from: usize) -> Option<usize> {
    if bytes.get(from) == Some(&b'[') {
        let end = run(bytes, from + 1, IPV6);
        return (end > from + 1 && bytes.get(end) == Some(&b']')).then_some(end + 1);
    }
    let end = run(bytes, from, HOST);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn elements(value: &[u8]) -> std::vec::Vec<&[u8]> {
        Elements::new(value).collect()
    }

    #[test]
    fn commas_in_quotes_and_brackets_do_not_split() {
        assert_eq!(
            elements(b"\"a, \\\", b\" <sip:x,y@h>;p=\"1,2\" , <sip:z@h>"),
            [&b"\"a, \\\", b\" <sip:x,y@h>;p=\"1,2\""[..], b"<sip:z@h>"]
        );
    }

    #[test]
    fn empty_elements_are_left_out() {
        assert_eq!(elements(b" , a,,b ,\r\n "), [b"a", b"b"]);
        assert!(elements(b"").is_empty());
    }

    #[test]
    fn unclosed_quotes_and_brackets_end_the_list() {
        assert_eq!(elements(b"a,\"b,c"), [&b"a"[..], b"\"b,c"]);
        assert_eq!(elements(b"a,<b,c"), [&b"a"[..], b"<b,c"]);
        assert_eq!(elements(b"\"\\"), [b"\"\\"]);
    }

    #[test]
    fn numbers_do_not_wrap() {
        assert_eq!(number(b"4294967295"), Some(u32::MAX));
        assert_eq!(number(b"4294967296"), None);
        assert_eq!(number(b"0000000000000001"), Some(1));
        assert_eq!(number(b""), None);
        assert_eq!(number(b"+1"), None);
        assert_eq!(port(b"65536"), None);
    }

    #[test]
    fn hosts() {
        assert_eq!(host_end(b"[2001:db8::1]:5060", 0), Some(13));
        assert_eq!(host_end(b"[2001:db8::1", 0), None);
        assert_eq!(host_end(b"[]", 0), None);
        assert_eq!(host_end(b"a-b_c.example;x", 0), Some(13));
        assert_eq!(host_end(b";x", 0), None);
    }
}
