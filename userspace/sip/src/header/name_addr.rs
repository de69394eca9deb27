//! From, To, Contact, Route and their like: a URI with a display name and parameters.
#![deny(clippy::indexing_slicing)]

use memchr::{memchr, memchr2};

use super::param::{ParamReader, Params};
use crate::scan;
use crate::uri::{Uri, UriError};

/// A `name-addr` or `addr-spec` with its header parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    raw: &'a [u8],
    uri: u32,
    uri_end: u32,
    params: u32,
    /// The tag; 0 if there is none.
    tag: u32,
    tag_end: u32,
}

impl<'a> NameAddr<'a> {
    /// One that is not read yet.
    pub(crate) const BLANK: Self = Self {
        raw: &[],
        uri: 0,
        uri_end: 0,
        params: 0,
        tag: 0,
        tag_end: 0,
    };

    /// Reads one address that fills all of `value`, which is shorter than 4 GB.
    ///
    /// # Errors
    /// The offset at which it breaks.
    pub fn parse(value: &'a [u8]) -> Result<Self, usize> {
        let (addr, end) = Self::parse_first(value)?;
        if end == value.len() { Ok(addr) } else { Err(end) }
    }

    /// Reads the first address of a list; returns it with the position of its comma or of the end.
    ///
    /// # Errors
    /// The offset at which it breaks.
    pub(crate) fn parse_first(value: &'a [u8]) -> Result<(Self, usize), usize> {
        let start = scan::skip_blanks(value, 0);
        let (uri_start, uri_end, params_start) = outside(value, start)?;
        let uri = value.get(uri_start..uri_end).unwrap_or_default();
        Uri::check(uri).map_err(|error| uri_start + error.offset)?;
        let mut reader = ParamReader::new(value, params_start);
        let mut tag = None;
        while let Some(param) = reader.next_param()? {
            if scan::is_same(param.name(value), b"tag") {
                // A tag is one non-empty token, and there is one: another reading would be another dialog.
                if tag.is_some() || !param.is_token {
                    return Err(params_start);
                }
                tag = param.value;
            }
        }
        let end = reader.position();
        if !matches!(value.get(end), None | Some(b',')) {
            return Err(end);
        }
        let (tag, tag_end) = tag.unwrap_or((start, start));
        let addr = Self {
            raw: value.get(start..reader.last_end()).unwrap_or_default(),
            uri: (uri_start - start) as u32,
            uri_end: (uri_end - start) as u32,
            params: (params_start - start) as u32,
            tag: (tag - start) as u32,
            tag_end: (tag_end - start) as u32,
        };
        Ok((addr, end))
    }

    fn part(&self, start: u32, end: u32) -> &'a [u8] {
        self.raw.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The whole element as it was written.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The display name as it was written, quotes kept; `None` if there is none.
    #[must_use]
    pub fn display(&self) -> Option<&'a [u8]> {
        let display = scan::trim(self.part(0, self.uri.saturating_sub(1)));
        (!display.is_empty()).then_some(display)
    }

    /// The URI, without angle brackets.
    #[must_use]
    pub fn uri_bytes(&self) -> &'a [u8] {
        self.part(self.uri, self.uri_end)
    }

    /// The URI, parsed.
    ///
    /// # Errors
    /// None in an address that was read by this crate: the URI was checked then.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri_bytes())
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<&'a [u8]> {
        (self.tag != 0).then(|| self.part(self.tag, self.tag_end))
    }

    /// The header parameters.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        let params = self.raw.get(self.params as usize..);
        Params::new(scan::trim(params.unwrap_or_default()))
    }

    /// A header parameter by its name (any case): `Some(None)` if it stands without a value.
    #[must_use]
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.params().find(name)
    }
}

/// Start and end of the URI, start of the parameters.
type Outside = (usize, usize, usize);

/// Finds the parts of the element that begins at `start`.
#[inline]
fn outside(value: &[u8], start: usize) -> Result<Outside, usize> {
    let open = match value.get(start) {
        Some(b'<') => start,
        Some(b'"') => {
            let close = scan::quoted_end(value, start + 1).ok_or(start)?;
            scan::skip_blanks(value, close)
        }
        _ => {
            let found = scan::find::<b'<', b'"'>(value, start);
            if value.get(found) == Some(&b'<') && !is_bare(value, start, found) {
                found
            } else {
                return bare(value, start);
            }
        }
    };
    if value.get(open) != Some(&b'<') {
        return Err(open);
    }
    let close = scan::find::<b'>', b'>'>(value, open + 1);
    if close == value.len() {
        return Err(open);
    }
    Ok((open + 1, close, close + 1))
}

/// Whether the text before an angle bracket is an address of its own, as in `sip:a@b, <sip:c@d>`.
///
/// A display name of tokens has no colon and no semicolon, an address has a colon.
fn is_bare(value: &[u8], start: usize, open: usize) -> bool {
    value
        .get(start..open)
        .is_some_and(|text| memchr2(b':', b';', text).is_some())
}

/// An `addr-spec` without brackets: parameters after it belong to the header.
//= https://www.rfc-editor.org/rfc/rfc3261#section-20
//# If the URI is not enclosed in angle brackets, any semicolon-delimited
//# parameters are header-parameters, not URI parameters.
fn bare(value: &[u8], start: usize) -> Result<Outside, usize> {
    let end = scan::value_end(value, start);
    //= https://www.rfc-editor.org/rfc/rfc3261#section-20
    //# The Contact, From, and To header fields contain a URI.  If the URI
    //# contains a comma, question mark or semicolon, the URI MUST be
    //# enclosed in angle brackets (< and >).
    match value.get(start..end).and_then(|uri| memchr(b'?', uri)) {
        Some(question) => Err(start + question),
        None => Ok((start, end, end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_an_address() {
        let addr =
            NameAddr::parse(b"\"J \\\"Q\\\" <x>\"<sip:a@b;tag=no> ; x = \"1;2\" ;\r\n tag = abc ").unwrap();
        assert_eq!(addr.display(), Some(&b"\"J \\\"Q\\\" <x>\""[..]));
        assert_eq!(addr.uri_bytes(), b"sip:a@b;tag=no");
        assert_eq!(addr.tag(), Some(&b"abc"[..]));
        assert_eq!(addr.param(b"X"), Some(Some(&b"\"1;2\""[..])));
        assert_eq!(addr.uri().unwrap().host(), b"b");
    }

    #[test]
    fn parameters_after_a_bare_address_are_the_headers() {
        let addr = NameAddr::parse(b"sip:a@b;tag=1").unwrap();
        assert_eq!((addr.uri_bytes(), addr.tag()), (&b"sip:a@b"[..], Some(&b"1"[..])));
    }

    #[test]
    fn a_list_ends_at_its_comma() {
        let (addr, end) = NameAddr::parse_first(b"sip:a@b;q=1, \"x\" <sip:c@d>").unwrap();
        assert_eq!((addr.uri_bytes(), end), (&b"sip:a@b"[..], 11));
        assert_eq!(addr.raw(), b"sip:a@b;q=1");
    }

    #[test]
    fn broken_addresses() {
        for text in [
            "",
            "<sip:a@b",
            "<<sip:a@b>>",
            "\"x <sip:a@b>",
            "\"x\" sip:a@b",
            "<sip:a@b>;;",
            "<sip:a@b>;tag=",
            "<sip:a@b>;tag=1;tag=2",
            "<sip:a@b> x",
            "sip:a@b?x=y",
            "<sip:a@b>;x=\"1",
            "<sip:a@b>>",
            "x",
        ] {
            assert!(NameAddr::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
