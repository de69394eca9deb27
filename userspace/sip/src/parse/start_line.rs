//! Request line and status line.
#![deny(clippy::indexing_slicing)]

use memchr::{memchr, memchr2};

use super::line_fault;
use crate::error::{ParseError, ParseErrorKind as Kind};
use crate::message::Start;
use crate::method::Method;
use crate::scan::{self, Lines};
use crate::status::Status;
use crate::uri::Uri;

/// Reads the start line that begins at `at`; returns it with the position of the first field.
pub(super) fn start_line<'a>(
    bytes: &'a [u8],
    at: usize,
    lines: &mut Lines<'_>,
) -> Result<(Start<'a>, usize), ParseError> {
    let rest = bytes.get(at..).unwrap_or_default();
    let (end, fault) = match lines.next_end(at) {
        Ok(end) => (end, None),
        Err(end) => (end, Some(line_fault(bytes, end))),
    };
    let line = bytes.get(at..end).unwrap_or_default();
    let fail = |kind, offset: usize| ParseError {
        kind,
        offset: at + offset,
    };
    // Anything but visible ASCII in front (a byte order mark, TLS, STUN) is another protocol.
    if !rest
        .first()
        .is_some_and(|first| *first == b' ' || first.is_ascii_graphic())
    {
        return Err(fail(Kind::NotSip, 0));
    }
    if line.first_chunk().is_some_and(scan::is_sip_slash) {
        let start = status_line(line).map_err(|(kind, offset)| fail(kind, offset))?;
        return fault.map_or(Ok((start, end + 2)), Err);
    }
    let first = scan::find::<b' ', b' '>(line, 0);
    let last = match line.strip_suffix(b" SIP/2.0") {
        Some(head) => head.len(),
        None => memchr::memrchr(b' ', line).unwrap_or(line.len()),
    };
    let method_bytes = line.get(..first).unwrap_or_default();
    let version = line.get(last + 1..).unwrap_or_default();
    let is_sip = version.first_chunk().is_some_and(scan::is_sip_slash);
    if !is_sip && !looks_like_request(line, fault) {
        return Err(fail(Kind::NotSip, 0));
    }
    if let Some(fault) = fault {
        return Err(fault);
    }
    if !is_sip || first >= last {
        return Err(fail(Kind::BadStartLine, line.len()));
    }
    let method = Method::from_bytes(method_bytes);
    if method == Method::Other && !scan::is_whole_token(method_bytes) {
        return Err(fail(Kind::BadMethod, 0));
    }
    check_version(version).map_err(|kind| fail(kind, last + 1))?;
    let uri = line.get(first + 1..last).unwrap_or_default();
    match Uri::parse(uri) {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-19.1.1
        //# However, it is not permitted in a Request-URI.
        Ok(parsed) if parsed.headers().is_none() => {}
        Ok(_) => return Err(fail(Kind::BadRequestUri, first + 1)),
        Err(error) => return Err(fail(Kind::BadRequestUri, first + 1 + error.offset)),
    }
    Ok((
        Start::Request {
            method,
            method_bytes,
            uri,
        },
        end + 2,
    ))
}

/// Whether a first line without `SIP/` as its last word still looks like a request to SIP: a token, a blank, more
/// text, all of it visible, and no other protocol's version.
fn looks_like_request(line: &[u8], fault: Option<ParseError>) -> bool {
    let first = memchr2(b' ', b'\t', line).unwrap_or(line.len());
    let is_visible = line
        .iter()
        .all(|&byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f));
    let is_other =
        memchr::memmem::find(line, b"HTTP/").is_some() || memchr::memmem::find(line, b"RTSP/").is_some();
    fault.is_none_or(|fault| fault.kind != Kind::NoEndOfHeaders)
        && first > 0
        && first < line.len()
        && is_visible
        && !is_other
}

/// The version of a request: only 2.0 is spoken here.
fn check_version(version: &[u8]) -> Result<(), Kind> {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-7.1
    //# The SIP-Version string is case-insensitive, but implementations MUST send upper-case.
    if version == b"SIP/2.0" || version.eq_ignore_ascii_case(b"SIP/2.0") {
        return Ok(());
    }
    let digits = |part: &[u8]| !part.is_empty() && part.iter().all(u8::is_ascii_digit);
    let number = version.get(4..).unwrap_or_default();
    let (major, minor) = match memchr(b'.', number) {
        Some(dot) => (
            number.get(..dot).unwrap_or_default(),
            number.get(dot + 1..).unwrap_or_default(),
        ),
        None => return Err(Kind::BadStartLine),
    };
    Err(if digits(major) && digits(minor) {
        Kind::BadVersion
    } else {
        Kind::BadStartLine
    })
}

/// Reads `SIP/2.0 200 OK`; the reason phrase may be empty, even without its space.
fn status_line(line: &[u8]) -> Result<Start<'_>, (Kind, usize)> {
    let space = memchr(b' ', line).ok_or((Kind::BadStatus, line.len()))?;
    if !line
        .get(..space)
        .is_some_and(|version| version.eq_ignore_ascii_case(b"SIP/2.0"))
    {
        return Err((Kind::BadStatus, 0));
    }
    let rest = line.get(space + 1..).unwrap_or_default();
    let end = memchr(b' ', rest).unwrap_or(rest.len());
    let code = rest.get(..end).filter(|digits| digits.len() == 3);
    let code = code
        .and_then(scan::number)
        .and_then(|code| u16::try_from(code).ok());
    let status = code.and_then(Status::new).ok_or((Kind::BadStatus, space + 1))?;
    Ok(Start::Response {
        status,
        reason: rest.get(end + 1..).unwrap_or_default(),
    })
}
