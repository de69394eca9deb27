//! Answers to requests that cannot be taken.
#![deny(clippy::indexing_slicing)]

use core::net::SocketAddr;

use memchr::memchr;

use super::Writer;
use super::response::{put_top_via, rest_after_top};
use crate::error::ParseError;
use crate::header::{Name, NameAddr, Via};
use crate::limits::FIELDS_MAX;
use crate::scan;

/// Writes the answer that the broken request `bytes` earns; returns its length, or `None` if it earns none.
///
/// Needs a Via, and a CSeq or a Call-ID; From, To, Call-ID and CSeq are sent back as far as they are there. Nothing
/// is ever answered to a response, to an ACK, or to what is not SIP. Send the answer to the source of the request.
//= https://www.rfc-editor.org/rfc/rfc4475#section-3.1.2.1
//# The element receiving this request should respond with a 400 Bad
//# Request error.
#[must_use]
pub fn answer_malformed(
    bytes: &[u8],
    error: &ParseError,
    source: SocketAddr,
    to_tag: &[u8],
    buffer: &mut [u8],
) -> Option<usize> {
    let status = error.kind.answer()?;
    let mut lines = Lines {
        bytes,
        at: crate::parse::skip_leading_crlf(bytes),
    };
    let start = lines.next()?;
    let method = start.split(|&byte| byte == b' ').next()?;
    let is_response = method
        .get(..4)
        .is_some_and(|head| head.eq_ignore_ascii_case(b"SIP/"));
    if is_response || method == b"ACK" {
        return None;
    }
    let mut writer = Writer::new(buffer);
    writer.status_line(status, &[]);
    let mut seen = Seen::default();
    for line in lines.take(FIELDS_MAX) {
        let Some(colon) = memchr(b':', line) else { continue };
        let name = Name::from_bytes(scan::trim(line.get(..colon)?));
        let value = scan::trim(line.get(colon + 1..)?);
        if value.contains(&0) {
            continue;
        }
        salvage(&mut writer, &mut seen, name, value, source, to_tag);
    }
    if !seen.via || !(seen.cseq || seen.call_id) {
        return None;
    }
    writer.finish(None, &[]).ok()
}

/// Which fields were sent back.
#[derive(Default)]
struct Seen {
    via: bool,
    from: bool,
    to: bool,
    call_id: bool,
    cseq: bool,
}

fn salvage(
    writer: &mut Writer<'_>,
    seen: &mut Seen,
    name: Name,
    value: &[u8],
    source: SocketAddr,
    to_tag: &[u8],
) {
    let place = match name {
        Name::Via if seen.via => {
            writer.named(name, value);
            return;
        }
        Name::Via => {
            seen.via = true;
            match Via::parse_first(value) {
                Ok((via, _)) => {
                    writer.raw(b"Via: ");
                    put_top_via(&mut writer.sink, &via, source);
                    writer.raw(rest_after_top(value, &via)).raw(b"\r\n");
                }
                Err(_) => {
                    writer.named(name, value);
                }
            }
            return;
        }
        Name::From => &mut seen.from,
        Name::To => &mut seen.to,
        Name::CallId => &mut seen.call_id,
        Name::CSeq => &mut seen.cseq,
        _ => return,
    };
    // Of a field that stands twice the first is sent back.
    if *place {
        return;
    }
    *place = true;
    let needs_tag = name == Name::To && NameAddr::parse(value).is_ok_and(|to| to.tag().is_none());
    if needs_tag {
        writer.field_parts(b"To", &[value, b";tag=", to_tag]);
    } else {
        writer.named(name, value);
    }
}

/// Lines that end in LF, folds joined to their line, up to the empty line.
///
/// Lenient about the CR before the LF, whether none or too many; a line that begins with one ends what can be read.
struct Lines<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        loop {
            let len = memchr(b'\n', self.bytes.get(self.at..)?)?;
            let end = self.at + len;
            self.at = end + 1;
            if !matches!(self.bytes.get(self.at), Some(b' ' | b'\t')) {
                let line = self.bytes.get(start..end)?;
                let mut text = line;
                while let Some(shorter) = text.strip_suffix(b"\r") {
                    text = shorter;
                }
                // A line that would carry a line break of its own into the answer ends what can be trusted.
                return (!text.is_empty() && !text.starts_with(b"\r") && !has_bare_break(text))
                    .then_some(text);
            }
        }
    }
}

/// Whether a CR or LF stands in `text` that is not part of a fold.
fn has_bare_break(text: &[u8]) -> bool {
    let mut at = 0;
    while let Some(found) = text
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'\r', b'\n', rest))
    {
        let found = at + found;
        if text.get(found..found + 2) != Some(b"\r\n") || !matches!(text.get(found + 2), Some(b' ' | b'\t')) {
            return true;
        }
        at = found + 2;
    }
    false
}
