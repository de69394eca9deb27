//! Multipart bodies (RFC 2046, RFC 5621), as far as finding a part: no recursion into nested ones.
#![deny(clippy::indexing_slicing)]

use memchr::{memchr, memmem};

use crate::header::{Name, Params};
use crate::limits::{BODY_PARTS_MAX, BOUNDARY_BYTES_MAX};
use crate::message::Message;
use crate::scan;

/// One part of a multipart body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Its header lines as they were written.
    pub headers: &'a [u8],
    /// Its body.
    pub body: &'a [u8],
}

impl<'a> Part<'a> {
    /// The value of its Content-Type; `text/plain` if it has none.
    #[must_use]
    pub fn content_type(&self) -> &'a [u8] {
        self.header(Name::ContentType).unwrap_or(b"text/plain")
    }

    /// The value of its first header of that name.
    #[must_use]
    pub fn header(&self, name: Name) -> Option<&'a [u8]> {
        self.headers.split(|&byte| byte == b'\n').find_map(|line| {
            let colon = memchr(b':', line)?;
            let found = Name::from_bytes(scan::trim(line.get(..colon)?));
            (found == name).then_some(scan::trim(line.get(colon + 1..)?))
        })
    }
}

/// Whether `content_type` names the media type `wanted` (such as `application/sdp`), whatever its parameters.
#[must_use]
pub fn is_type(content_type: &[u8], wanted: &[u8]) -> bool {
    scan::trim(without_params(content_type)).eq_ignore_ascii_case(wanted)
}

fn without_params(content_type: &[u8]) -> &[u8] {
    let end = memchr(b';', content_type).unwrap_or(content_type.len());
    content_type.get(..end).unwrap_or_default()
}

/// The boundary of a multipart Content-Type; `None` if it is another type, or its boundary is missing, empty or
/// longer than RFC 2046 allows.
#[must_use]
pub fn boundary(content_type: &[u8]) -> Option<&[u8]> {
    let media_type = without_params(content_type);
    if !scan::trim(media_type)
        .get(..10)?
        .eq_ignore_ascii_case(b"multipart/")
    {
        return None;
    }
    let value = Params::new(content_type.get(media_type.len()..)?).find(b"boundary")??;
    let text = value
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or(value);
    (!text.is_empty() && text.len() <= BOUNDARY_BYTES_MAX).then_some(text)
}

/// The parts of a multipart `body`, at most [`BODY_PARTS_MAX`] of them. Linear.
pub fn parts<'a>(body: &'a [u8], boundary: &'a [u8]) -> impl Iterator<Item = Part<'a>> {
    let mut parts = Parts { rest: body, boundary };
    parts.skip_to_delimiter();
    parts.take(BODY_PARTS_MAX)
}

struct Parts<'a> {
    /// What follows the boundary text of the last delimiter.
    rest: &'a [u8],
    boundary: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Moves behind the next delimiter; returns what stood before it, without the line break that belongs to it.
    fn skip_to_delimiter(&mut self) -> Option<&'a [u8]> {
        let mut from = 0;
        loop {
            let found = from + memmem::find(self.rest.get(from..)?, self.boundary)?;
            let end = found + self.boundary.len();
            let before = self.rest.get(..found)?;
            if let Some(text) = before
                .strip_suffix(b"--")
                .filter(|text| text.is_empty() || text.ends_with(b"\n"))
            {
                self.rest = self.rest.get(end..)?;
                let text = text.strip_suffix(b"\n").unwrap_or(text);
                return Some(text.strip_suffix(b"\r").unwrap_or(text));
            }
            from = end;
        }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Part<'a>;

    fn next(&mut self) -> Option<Part<'a>> {
        if self.rest.starts_with(b"--") {
            return None;
        }
        let line = memchr(b'\n', self.rest)?;
        self.rest = self.rest.get(line + 1..)?;
        let part = self.skip_to_delimiter()?;
        if let Some(body) = part.strip_prefix(b"\r\n") {
            return Some(Part { headers: &[], body });
        }
        let end = memmem::find(part, b"\r\n\r\n").unwrap_or(part.len());
        Some(Part {
            headers: part.get(..end)?,
            body: part.get(end + 4..).unwrap_or_default(),
        })
    }
}

impl<'a> Message<'a> {
    /// The body, or the part of a multipart body, that is of the media type `wanted`.
    #[must_use]
    pub fn body_of_type(&self, wanted: &[u8]) -> Option<&'a [u8]> {
        let content_type = self.content_type()?;
        if is_type(content_type, wanted) {
            return Some(self.body());
        }
        parts(self.body(), boundary(content_type)?)
            .find(|part| is_type(part.content_type(), wanted))
            .map(|part| part.body)
    }

    /// The session description, alone or beside other parts.
    #[must_use]
    pub fn sdp(&self) -> Option<&'a [u8]> {
        self.body_of_type(b"application/sdp")
            .filter(|body| !body.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    const BODY: &[u8] = b"preamble\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b\r\n\r\nplain --b\r\n--b--\r\nepilogue";

    #[test]
    fn parts_and_their_types() {
        let parts: Vec<_> = parts(BODY, b"b").collect();
        assert_eq!(parts.len(), 2);
        assert!(is_type(parts[0].content_type(), b"Application/SDP"));
        assert_eq!(parts[0].body, b"v=0\r\n");
        assert_eq!(
            parts[1],
            Part {
                headers: b"",
                body: b"plain --b"
            }
        );
    }

    #[test]
    fn boundaries() {
        assert_eq!(boundary(b"multipart/mixed;boundary=\"a b\""), Some(&b"a b"[..]));
        assert_eq!(boundary(b"Multipart/Mixed ; x=1; Boundary=ab"), Some(&b"ab"[..]));
        assert_eq!(boundary(b"multipart/mixed"), None);
        assert_eq!(boundary(b"multipart/mixed;boundary=\"\""), None);
        assert_eq!(boundary(b"application/sdp;boundary=a"), None);
    }

    #[test]
    fn unfinished_bodies_have_no_parts() {
        for body in [
            &b""[..],
            b"--b",
            b"--b\r\n",
            b"--b\r\nx",
            b"--c\r\n\r\n--c--",
            b"--b--",
        ] {
            assert_eq!(parts(body, b"b").count(), 0);
        }
    }
}
