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
    display: Option<&'a [u8]>,
    uri: &'a [u8],
    params: &'a [u8],
    tag: Option<&'a [u8]>,
}

impl<'a> NameAddr<'a> {
    /// Reads one address that fills all of `value`.
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
        let (display, uri_start, uri_end, params_start) = outside(value, start)?;
        let uri = value.get(uri_start..uri_end).unwrap_or_default();
        Uri::parse(uri).map_err(|error| uri_start + error.offset)?;
        let mut reader = ParamReader::new(value, params_start);
        let mut tag = None;
        while let Some(param) = reader.next_param()? {
            if param.name.eq_ignore_ascii_case(b"tag") {
                // A tag is one non-empty token, and there is one: another reading would be another dialog.
                let text = param.value.filter(|text| scan::is_whole_token(text));
                if tag.is_some() || text.is_none() {
                    return Err(params_start);
                }
                tag = text;
            }
        }
        let end = reader.position();
        if !matches!(value.get(end), None | Some(b',')) {
            return Err(end);
        }
        let raw = scan::trim(value.get(start..end).unwrap_or_default());
        let params = scan::trim(value.get(params_start..end).unwrap_or_default());
        Ok((
            Self {
                raw,
                display,
                uri,
                params,
                tag,
            },
            end,
        ))
    }

    /// The whole element as it was written.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The display name as it was written, quotes kept; `None` if there is none.
    #[must_use]
    pub const fn display(&self) -> Option<&'a [u8]> {
        self.display
    }

    /// The URI, without angle brackets.
    #[must_use]
    pub const fn uri_bytes(&self) -> &'a [u8] {
        self.uri
    }

    /// The URI, parsed.
    ///
    /// # Errors
    /// None in an address that was read by this crate: the URI was checked then.
    pub fn uri(&self) -> Result<Uri<'a>, UriError> {
        Uri::parse(self.uri)
    }

    /// The tag.
    #[must_use]
    pub const fn tag(&self) -> Option<&'a [u8]> {
        self.tag
    }

    /// The header parameters.
    #[must_use]
    pub const fn params(&self) -> Params<'a> {
        Params::new(self.params)
    }

    /// A header parameter by its name (any case): `Some(None)` if it stands without a value.
    #[must_use]
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.params().find(name)
    }
}

/// Display name, start and end of the URI, start of the parameters.
type Outside<'a> = (Option<&'a [u8]>, usize, usize, usize);

/// Finds the parts of the element that begins at `start`.
fn outside(value: &[u8], start: usize) -> Result<Outside<'_>, usize> {
    let open = match value.get(start) {
        Some(b'<') => start,
        Some(b'"') => {
            let close = scan::quoted_end(value, start + 1).ok_or(start)?;
            scan::skip_blanks(value, close)
        }
        _ => match value.get(start..).and_then(|rest| memchr2(b'<', b'"', rest)) {
            Some(found)
                if value.get(start + found) == Some(&b'<') && !is_bare(value, start, start + found) =>
            {
                start + found
            }
            _ => return bare(value, start),
        },
    };
    if value.get(open) != Some(&b'<') {
        return Err(open);
    }
    let rest = value.get(open + 1..).unwrap_or_default();
    let close = open + 1 + memchr(b'>', rest).ok_or(open)?;
    let display = scan::trim(value.get(start..open).unwrap_or_default());
    Ok((
        (!display.is_empty()).then_some(display),
        open + 1,
        close,
        close + 1,
    ))
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
fn bare(value: &[u8], start: usize) -> Result<Outside<'_>, usize> {
    let end = scan::value_end(value, start);
    //= https://www.rfc-editor.org/rfc/rfc3261#section-20
    //# The Contact, From, and To header fields contain a URI.  If the URI
    //# contains a comma, question mark or semicolon, the URI MUST be
    //# enclosed in angle brackets (< and >).
    match value.get(start..end).and_then(|uri| memchr(b'?', uri)) {
        Some(question) => Err(start + question),
        None => Ok((None, start, end, end)),
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
