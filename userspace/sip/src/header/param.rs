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
        self.reader.next_param().ok().flatten()
    }
}

/// Reads parameters one after the other and tells where they break.
#[derive(Clone, Debug)]
pub(crate) struct ParamReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> ParamReader<'a> {
    pub(crate) const fn new(bytes: &'a [u8], at: usize) -> Self {
        Self { bytes, at }
    }

    /// Where the reader stands: after the last parameter and the blanks behind it.
    pub(crate) const fn position(&self) -> usize {
        self.at
    }

    /// The next parameter; `Ok(None)` if no `;` follows.
    ///
    /// # Errors
    /// The offset at which a parameter breaks: an empty name, an open quote.
    #[inline]
    pub(crate) fn next_param(&mut self) -> Result<Option<Param<'a>>, usize> {
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
        let name = bytes.get(start..end).unwrap_or_default();
        self.at = scan::skip_blanks(bytes, end);
        if bytes.get(self.at) != Some(&b'=') {
            return Ok(Some(Param { name, value: None }));
        }
        let start = scan::skip_blanks(bytes, self.at + 1);
        let end = match bytes.get(start) {
            Some(b'"') => scan::quoted_end(bytes, start + 1).ok_or(start)?,
            _ => scan::value_end(bytes, start),
        };
        self.at = scan::skip_blanks(bytes, end);
        Ok(Some(Param {
            name,
            value: bytes.get(start..end),
        }))
    }
}
