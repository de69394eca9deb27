//! Bytes to [`Message`]: one pass over the header lines, then the fields that every message needs.
#![deny(clippy::indexing_slicing)]

mod start_line;

use memchr::{memchr, memchr2};

use crate::error::{ParseError, ParseErrorKind as Kind};
use crate::header::{CSeq, Name, NameAddr, Via};
use crate::limits::MESSAGE_BYTES_MAX;
use crate::message::{FieldIndex, FieldSpan, Message, Start};
use crate::scan;
use start_line::start_line;

/// Reads one datagram, or one framed message of a stream.
///
/// Linear in the length of `bytes`, no allocation, no recursion, never panics, never reads past `bytes`. Bytes
/// after the body are ignored, as RFC 3261 section 18.3 wants for datagrams.
///
/// # Errors
/// [`ParseError`] with the first fault that was found and its offset.
pub fn parse(bytes: &[u8]) -> Result<Message<'_>, ParseError> {
    if bytes.len() > MESSAGE_BYTES_MAX {
        return Err(ParseError {
            kind: Kind::TooLarge,
            offset: MESSAGE_BYTES_MAX,
        });
    }
    let (start, mut at) = start_line(bytes, skip_leading_crlf(bytes))?;
    let mut found = Found::default();
    let mut fields = FieldIndex::new();
    let body_start = loop {
        match field_line(bytes, at)? {
            Line::Field(span, next) => {
                found.note(&span, fields.count)?;
                fields.push(span).ok_or(ParseError {
                    kind: Kind::TooManyHeaders,
                    offset: at,
                })?;
                at = next;
            }
            Line::Empty(next) => break next,
        }
    };
    message(bytes, start, fields, &found, body_start)
}

/// Reads the fields that every message needs, once all lines are known.
fn message<'a>(
    bytes: &'a [u8],
    start: Start<'a>,
    fields: FieldIndex,
    found: &Found,
    body_start: usize,
) -> Result<Message<'a>, ParseError> {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1
    //# A valid SIP request formulated by a UAC MUST, at a minimum, contain
    //# the following header fields: To, From, CSeq, Call-ID, Max-Forwards,
    //# and Via; all of these header fields are mandatory in all SIP
    //# requests.
    // A missing Max-Forwards is taken: RFC 3261 section 16.6 tells a forwarder to add it.
    let needed = |place: Option<u8>, kind| {
        let span = place.and_then(|index| fields.as_slice().get(usize::from(index)));
        span.map(|span| (span.value(bytes), usize::from(span.value_start)))
            .ok_or(ParseError {
                kind,
                offset: body_start,
            })
    };
    let (value, at) = needed(found.via, Kind::MissingVia)?;
    let (via, _) = Via::parse_first(value).map_err(located(Kind::BadVia, at))?;
    let (value, at) = needed(found.from, Kind::MissingFrom)?;
    let from = NameAddr::parse(value).map_err(located(Kind::BadFrom, at))?;
    let (value, at) = needed(found.to, Kind::MissingTo)?;
    let to = NameAddr::parse(value).map_err(located(Kind::BadTo, at))?;
    let (call_id, at) = needed(found.call_id, Kind::MissingCallId)?;
    if !scan::is_word(call_id) {
        return Err(ParseError {
            kind: Kind::BadCallId,
            offset: at,
        });
    }
    let (value, at) = needed(found.cseq, Kind::MissingCseq)?;
    let cseq = CSeq::parse(value).map_err(located(Kind::BadCseq, at))?;
    if let Start::Request { method_bytes, .. } = start {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1.5
        //# The method MUST match that of the request.
        if cseq.method_bytes != method_bytes {
            return Err(ParseError {
                kind: Kind::CseqMethodMismatch,
                offset: at,
            });
        }
    }
    let contact = match found.contact {
        Some(_) => first_contact(needed(found.contact, Kind::BadContact)?)?,
        None => None,
    };
    if found.has_routes {
        check_routes(bytes, &fields)?;
    }
    let max_forwards = match found.max_forwards {
        Some(_) => Some(max_forwards(needed(found.max_forwards, Kind::BadMaxForwards)?)?),
        None => None,
    };
    let content_length = match found.content_length {
        Some(_) => {
            let (value, at) = needed(found.content_length, Kind::BadContentLength)?;
            Some(scan::number(value).ok_or(ParseError {
                kind: Kind::BadContentLength,
                offset: at,
            })?)
        }
        None => None,
    };
    let body = body(bytes, body_start, content_length)?;
    Ok(Message {
        bytes,
        start,
        fields,
        via,
        from,
        to,
        call_id,
        cseq,
        contact,
        max_forwards,
        content_length,
        body,
    })
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
        if !matches!(span.name, Name::Route | Name::RecordRoute) {
            continue;
        }
        let (value, at) = (span.value(bytes), usize::from(span.value_start));
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

/// Which field of the index is the one of its name; a second one of a name that stands once is an error.
#[derive(Default)]
struct Found {
    via: Option<u8>,
    from: Option<u8>,
    to: Option<u8>,
    call_id: Option<u8>,
    cseq: Option<u8>,
    contact: Option<u8>,
    max_forwards: Option<u8>,
    content_length: Option<u8>,
    content_type: Option<u8>,
    has_routes: bool,
}

impl Found {
    #[inline]
    fn note(&mut self, span: &FieldSpan, index: usize) -> Result<(), ParseError> {
        let place = match span.name {
            Name::Via => {
                self.via = self.via.or(Some(index as u8));
                return Ok(());
            }
            Name::Contact => {
                self.contact = self.contact.or(Some(index as u8));
                return Ok(());
            }
            Name::Route | Name::RecordRoute => {
                self.has_routes = true;
                return Ok(());
            }
            Name::From => &mut self.from,
            Name::To => &mut self.to,
            Name::CallId => &mut self.call_id,
            Name::CSeq => &mut self.cseq,
            Name::MaxForwards => &mut self.max_forwards,
            Name::ContentLength => &mut self.content_length,
            Name::ContentType => &mut self.content_type,
            _ => return Ok(()),
        };
        //= https://www.rfc-editor.org/rfc/rfc3261#section-7.3.1
        //# Multiple header field rows with the same field-name MAY be present in a
        //# message if and only if the entire field-value for that header field
        //# is defined as a comma-separated list (i.e., if follows the grammar
        //# defined in Section 7.3).
        if place.is_some() {
            return Err(ParseError {
                kind: Kind::DuplicateHeader,
                offset: usize::from(span.start),
            });
        }
        *place = Some(index as u8);
        Ok(())
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

/// End of the line that begins at `at`, where its CRLF stands.
#[inline]
pub(crate) fn line_end(bytes: &[u8], at: usize) -> Result<usize, ParseError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let end = at + memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
    if bytes.get(end..end + 2) == Some(b"\r\n") {
        Ok(end)
    } else {
        Err(line_fault(bytes, end))
    }
}

#[cold]
fn line_fault(bytes: &[u8], end: usize) -> ParseError {
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

/// A line of the header section.
pub(crate) enum Line {
    /// A field and the position behind it.
    Field(FieldSpan, usize),
    /// The empty line; the body begins here.
    Empty(usize),
}

/// Reads the field that begins at `at`, with its continuation lines.
#[inline]
pub(crate) fn field_line(bytes: &[u8], at: usize) -> Result<Line, ParseError> {
    let mut end = line_end(bytes, at)?;
    if end == at {
        return Ok(Line::Empty(at + 2));
    }
    let line = bytes.get(at..end).unwrap_or_default();
    let colon = memchr(b':', line).ok_or(ParseError {
        kind: Kind::NoColon,
        offset: at,
    })?;
    //= https://www.rfc-editor.org/rfc/rfc3261#section-7.3.1
    //# Header fields can be extended over multiple lines by preceding each
    //# extra line with at least one SP or horizontal tab (HT).
    while matches!(bytes.get(end + 2), Some(b' ' | b'\t')) {
        end = line_end(bytes, end + 2)?;
    }
    let written = line.get(..colon).unwrap_or_default();
    let name_bytes = match written.last() {
        Some(b' ' | b'\t') => scan::trim(written),
        _ => written,
    };
    let name = Name::from_bytes(name_bytes);
    // A line that begins with a blank would be the continuation of the start line.
    let is_named = name != Name::Other || scan::is_whole_token(name_bytes);
    if !is_named || !written.starts_with(name_bytes) {
        return Err(ParseError {
            kind: Kind::BadHeaderName,
            offset: at,
        });
    }
    let (value_start, value_end) = scan::trimmed(bytes, at + colon + 1, end);
    let span = FieldSpan {
        name,
        start: at as u16,
        name_len: name_bytes.len() as u16,
        value_start: value_start as u16,
        value_end: value_end as u16,
    };
    Ok(Line::Field(span, end + 2))
}

#[cfg(test)]
mod tests;
