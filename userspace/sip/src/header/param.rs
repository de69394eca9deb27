//! Parameters of header field values: `;name`, `;name=token`, `;name="quoted"`.
#![deny(clippy::indexing_slicing)]

use crate::scan;

/// One parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    /// The name as it was written.
    pub name: &'a [u8],
    /// The value, quotes kept; `None` if the parameter has none.
    pub value: Option<&'a [u8]>,
}

/// The parameters of a header field value that was already checked, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<'a> {
    bytes: &'a [u8],
}

impl<'a> Params<'a> {
    /// `bytes` begins with the first `;`, or is empty.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    /// The parameters as they were written.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A parameter by its name (any case): `Some(None)` if it stands without a value.
    #[must_use]
    pub fn find(self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.into_iter()
            .find(|param| param.name.eq_ignore_ascii_case(name))
            .map(|param| param.value)
    }
}

impl<'a> IntoIterator for Params<'a> {
    type Item = Param<'a>;
    type IntoIter = ParamIter<'a>;

    fn into_iter(self) -> ParamIter<'a> {
        ParamIter {
            reader: ParamReader::new(self.bytes, 0),
        }
    }
}

/// Iterator of [`Params`]; it ends at the first parameter that is broken.
#[derive(Clone, Debug)]
pub struct ParamIter<'a> {
    reader: ParamReader<'a>,
}

impl<'a> Iterator for ParamIter<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        let place = self.reader.next_param().ok().flatten()?;
        Some(Param {
            name: place.name(self.reader.bytes),
            value: place.value(self.reader.bytes),
        })
    }
}

/// Where a parameter lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ParamPlace {
    pub(crate) name: (usize, usize),
    pub(crate) value: Option<(usize, usize)>,
    /// Whether the value is a token.
    pub(crate) is_token: bool,
}

impl ParamPlace {
    #[inline]
    pub(crate) fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.name.0..self.name.1).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn value<'a>(&self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (start, end) = self.value?;
        bytes.get(start..end)
    }
}

/// Reads parameters one after the other and tells where they break.
#[derive(Clone, Debug)]
pub(crate) struct ParamReader<'a> {
    bytes: &'a [u8],
    at: usize,
    last_end: usize,
}

impl<'a> ParamReader<'a> {
    #[inline]
    pub(crate) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            last_end: at,
        }
    }

    /// Where the reader stands: after the last parameter and the blanks behind it.
    #[inline]
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// End of the last parameter; where the reader began, if there was none.
    #[inline]
    pub(crate) const fn last_end(&self) -> usize {
        self.last_end
    }

    /// The next parameter; `Ok(None)` if no `;` follows.
    ///
    /// # Errors
    /// The offset at which a parameter breaks: an empty name, an open quote.
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "its result is large and has two users")]
    pub(crate) fn next_param(&mut self) -> Result<Option<ParamPlace>, usize> {
        let bytes = self.bytes;
        self.at = scan::skip_blanks(bytes, self.at);
        if bytes.get(self.at) != Some(&b';') {
            return Ok(None);
        }
        let start = scan::skip_blanks(bytes, self.at + 1);
        let end = scan::token_end(bytes, start);
        if end == start {
            return Err(start);
        }
        let name = (start, end);
        self.last_end = end;
        self.at = scan::skip_blanks(bytes, end);
        if bytes.get(self.at) != Some(&b'=') {
            return Ok(Some(ParamPlace {
                name,
                value: None,
                is_token: false,
            }));
        }
        let start = scan::skip_blanks(bytes, self.at + 1);
        let token_end = scan::token_end(bytes, start);
        let end = match bytes.get(token_end) {
            Some(b'"') if token_end == start => scan::quoted_end(bytes, start + 1).ok_or(start)?,
            Some(&byte) if scan::is_value(byte) => scan::value_end(bytes, token_end),
            _ => token_end,
        };
        self.last_end = end;
        self.at = scan::skip_blanks(bytes, end);
        Ok(Some(ParamPlace {
            name,
            value: Some((start, end)),
            is_token: start < end && end == token_end,
        }))
    }
}
