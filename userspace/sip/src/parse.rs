//! Bytes to [`Message`]: one pass over the header lines, then the fields that every message needs.
#![deny(clippy::indexing_slicing)]

mod start_line;

use crate::error::{ParseError, ParseErrorKind as Kind};
use crate::header::{CSeq, Name, NameAddr, Via};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::message::{FieldIndex, FieldSpan, LONG_NAME, Message, Start};
use crate::scan::{self, Lines};
use start_line::start_line;

/// Reads one datagram, or one framed message of a stream.
///
/// Linear in the length of `bytes`, no allocation, no recursion, never panics, never reads past `bytes`. Bytes
/// after the body are ignored, as RFC 3261 section 18.3 wants for datagrams.
///
/// # Errors
/// [`ParseError`] with the first fault that was found and its offset.
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, ParseError> {
    // The message is read in the place where it is returned: it is too large to be moved about.
    let mut result = Ok(Message::blank(bytes));
    if let Ok(message) = &mut result
        && let Err(error) = read(message)
    {
        result = Err(error);
    }
    result
}

fn read(message: &mut Message<'_>) -> Result<(), ParseError> {
    let bytes = message.bytes;
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(ParseError {
            kind: Kind::TooLarge,
            offset: MESSAGE_BYTES_MAX,
        });
    }
    let start_at = skip_leading_crlf(bytes);
    let mut lines = Lines::new(bytes, start_at);
    let (start, mut at) = start_line(bytes, start_at, &mut lines)?;
    message.start = start;
    while let Some(line) = field_line(bytes, at, &mut lines)? {
        message
            .fields
            .push(line.name, line.span)
            .map_err(|kind| ParseError { kind, offset: at })?;
        at = line.next;
    }
    read_fields(message, at + CRLF.len())
}

/// Reads the fields that every message needs, once all lines are known.
#[inline]
fn read_fields(message: &mut Message<'_>, body_start: usize) -> Result<(), ParseError> {
    let bytes = message.bytes;
    let fields = &message.fields;
    //= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1
    //# A valid SIP request formulated by a UAC MUST, at a minimum, contain
    //# the following header fields: To, From, CSeq, Call-ID, Max-Forwards,
    //# and Via; all of these header fields are mandatory in all SIP
    //# requests.
    // A missing Max-Forwards is taken: RFC 3261 section 16.6 tells a forwarder to add it.
    let given = |name| {
        let span = fields.first(name);
        span.map(|span| (span.value(bytes), span.value_start()))
    };
    let needed = |name, kind| {
        given(name).ok_or(ParseError {
            kind,
            offset: body_start,
        })
    };
    let (value, at) = needed(Name::Via, Kind::MissingVia)?;
    (message.via, _) = Via::parse_first(value).map_err(located(Kind::BadVia, at))?;
    let (value, at) = needed(Name::From, Kind::MissingFrom)?;
    message.from = NameAddr::parse(value).map_err(located(Kind::BadFrom, at))?;
    let (value, at) = needed(Name::To, Kind::MissingTo)?;
    message.to = NameAddr::parse(value).map_err(located(Kind::BadTo, at))?;
    let (call_id, at) = needed(Name::CallId, Kind::MissingCallId)?;
    if !scan::is_word(call_id) {
        return Err(ParseError {
            kind: Kind::BadCallId,
            offset: at,
        });
    }
    message.call_id = call_id;
    let (value, at) = needed(Name::CSeq, Kind::MissingCseq)?;
    message.cseq = CSeq::parse(value).map_err(located(Kind::BadCseq, at))?;
    if let Start::Request { method_bytes, .. } = message.start {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1.5
        //# The method MUST match that of the request.
        if message.cseq.method_bytes != method_bytes {
            return Err(ParseError {
                kind: Kind::CseqMethodMismatch,
                offset: at,
            });
        }
    }
    if let Some(place) = given(Name::Contact) {
        message.contact = first_contact(place)?;
    }
    if fields.first(Name::Route).is_some() || fields.first(Name::RecordRoute).is_some() {
        check_routes(bytes, fields)?;
    }
    message.max_forwards = given(Name::MaxForwards).map(max_forwards).transpose()?;
    message.content_length = given(Name::ContentLength).map(content_length).transpose()?;
    message.body = body(bytes, body_start, message.content_length)?;
    Ok(())
}

fn located(kind: Kind, at: usize) -> impl Fn(usize) -> ParseError {
    move |offset| ParseError {
        kind,
        offset: at + offset,
    }
}

fn first_contact((value, at): (&[u8], usize)) -> Result<Option<NameAddr<'_>>, ParseError> {
    if value == b"*" {
        return Ok(None);
    }
    let (contact, _) = NameAddr::parse_first(value).map_err(located(Kind::BadContact, at))?;
    Ok(Some(contact))
}

fn check_routes(bytes: &[u8], fields: &FieldIndex) -> Result<(), ParseError> {
    for span in fields.as_slice() {
        if !matches!(span.name(), Name::Route | Name::RecordRoute) {
            continue;
        }
        let (value, at) = (span.value(bytes), span.value_start());
        let mut from = 0;
        while let Some(rest) = value.get(from..).filter(|rest| !rest.is_empty()) {
            let (_, end) = NameAddr::parse_first(rest).map_err(located(Kind::BadRoute, at + from))?;
            from += end + 1;
        }
    }
    Ok(())
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-20.22
//# The Max-Forwards value is an integer in the range 0-255 indicating
//# the remaining number of times this request message is allowed to be
//# forwarded.
fn max_forwards((value, at): (&[u8], usize)) -> Result<u8, ParseError> {
    let number = scan::number(value).and_then(|number| u8::try_from(number).ok());
    number.ok_or(ParseError {
        kind: Kind::BadMaxForwards,
        offset: at,
    })
}

fn content_length((value, at): (&[u8], usize)) -> Result<u32, ParseError> {
    scan::number(value).ok_or(ParseError {
        kind: Kind::BadContentLength,
        offset: at,
    })
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-18.3
//# If there are additional bytes in the transport packet beyond the end of the
//# body, they MUST be discarded.  If the transport packet ends before
//# the end of the message body, this is considered an error.
fn body(bytes: &[u8], start: usize, content_length: Option<u32>) -> Result<&[u8], ParseError> {
    let rest = bytes.get(start..).unwrap_or_default();
    match content_length {
        None => Ok(rest),
        Some(len) => rest
            .get(..usize::try_from(len).unwrap_or(usize::MAX))
            .ok_or(ParseError {
                kind: Kind::BodyTruncated,
                offset: bytes.len(),
            }),
    }
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-7.5
//# Implementations processing SIP messages over stream-oriented
//# transports MUST ignore any CRLF appearing before the start-line
//# [H4.1].
// Datagrams get the same leniency.
pub(crate) fn skip_leading_crlf(bytes: &[u8]) -> usize {
    bytes
        .iter()
        .position(|byte| !matches!(byte, b'\r' | b'\n'))
        .unwrap_or(bytes.len())
}

/// What is wrong with the line end at `end`.
#[cold]
pub(crate) fn line_fault(bytes: &[u8], end: usize) -> ParseError {
    match (bytes.get(end), bytes.get(end + 1)) {
        (Some(b'\r'), Some(_)) => ParseError {
            kind: Kind::BareCr,
            offset: end,
        },
        (Some(b'\n'), _) => ParseError {
            kind: Kind::BareLf,
            offset: end,
        },
        _ => ParseError {
            kind: Kind::NoEndOfHeaders,
            offset: bytes.len(),
        },
    }
}

/// A field of the header section.
pub(crate) struct Line {
    pub(crate) name: Name,
    pub(crate) span: FieldSpan,
    /// Where the next line begins.
    pub(crate) next: usize,
}

/// Reads the field that begins at `at`, with its continuation lines; `None` at the empty line.
#[inline(always)]
#[allow(
    clippy::inline_always,
    reason = "the loop over the fields; its result stays in registers"
)]
pub(crate) fn field_line(bytes: &[u8], at: usize, lines: &mut Lines<'_>) -> Result<Option<Line>, ParseError> {
    let mut end = lines.next_end(at).map_err(|end| line_fault(bytes, end))?;
    if end == at {
        return Ok(None);
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let written_len = scan::find::<b':', b':'>(rest, 0);
    let colon = at + written_len;
    if colon >= end {
        return Err(ParseError {
            kind: Kind::NoColon,
            offset: at,
        });
    }
    //= https://www.rfc-editor.org/rfc/rfc3261#section-7.3.1
    //# Header fields can be extended over multiple lines by preceding each
    //# extra line with at least one SP or horizontal tab (HT).
    if matches!(bytes.get(end + CRLF.len()), Some(b' ' | b'\t')) {
        end = folded_end(bytes, end, lines)?;
    }
    let (name, name_len) = match Name::read(rest, written_len) {
        Name::Other => other_name(rest.get(..written_len).unwrap_or_default()).ok_or(ParseError {
            kind: Kind::BadHeaderName,
            offset: at,
        })?,
        name => (name, written_len as u8),
    };
    let value = scan::trimmed(bytes, colon + 1, end);
    Ok(Some(Line {
        name,
        span: FieldSpan::new(name, at, name_len, value),
        next: end + CRLF.len(),
    }))
}

/// The end of the last continuation line, if the first one follows `end`.
fn folded_end(bytes: &[u8], end: usize, lines: &mut Lines<'_>) -> Result<usize, ParseError> {
    let mut end = end;
    while matches!(bytes.get(end + CRLF.len()), Some(b' ' | b'\t')) {
        let next = lines.next_end(end + CRLF.len());
        end = next.map_err(|end| line_fault(bytes, end))?;
    }
    Ok(end)
}

/// A name that is not known, or has blanks behind it, with its length; `None` if it is none.
fn other_name(written: &[u8]) -> Option<(Name, u8)> {
    let name_bytes = match written.last() {
        Some(b' ' | b'\t') => scan::trim(written),
        _ => written,
    };
    // A line that begins with a blank would be the continuation of the start line.
    if !scan::is_whole_token(name_bytes) || !written.starts_with(name_bytes) {
        return None;
    }
    let name_len = u8::try_from(name_bytes.len()).unwrap_or(LONG_NAME);
    Some((Name::from_bytes(name_bytes), name_len))
}

const CRLF: &[u8] = b"\r\n";

#[cfg(test)]
mod tests;
