//! CSeq, RAck: numbers that order requests.
#![deny(clippy::indexing_slicing)]

use crate::method::Method;
use crate::scan;

/// A CSeq value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    /// The sequence number.
    pub number: u32,
    /// The method.
    pub method: Method,
    /// The method as it was written.
    pub method_bytes: &'a [u8],
}

impl CSeq<'_> {
    /// One that is not read yet.
    pub(crate) const BLANK: Self = Self {
        number: 0,
        method: Method::Other,
        method_bytes: &[],
    };
}

impl<'a> CSeq<'a> {
    /// Reads `number method`.
    ///
    /// # Errors
    /// The offset at which it breaks.
    pub fn parse(value: &'a [u8]) -> Result<Self, usize> {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1.5
        //# The sequence number value MUST be expressible as a 32-bit unsigned
        //# integer and MUST be less than 2**31.
        // Receiving is lenient about the second half: numbers up to 2^32-1 order requests as well.
        let (number, digits) = scan::number_at(value, 0);
        let number = number.ok_or(0_usize)?;
        let start = scan::skip_blanks(value, digits);
        let method_bytes = value.get(start..).unwrap_or_default();
        let method = Method::from_bytes(method_bytes);
        // The known methods are tokens.
        if start == digits || (method == Method::Other && !scan::is_whole_token(method_bytes)) {
            return Err(scan::token_end(value, start));
        }
        Ok(Self {
            number,
            method,
            method_bytes,
        })
    }
}

/// A RAck value (RFC 3262): which provisional response is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RAck<'a> {
    /// RSeq of the response.
    pub response_number: u32,
    /// CSeq of the response.
    pub cseq: CSeq<'a>,
}

impl<'a> RAck<'a> {
    /// Reads `response-number cseq-number method`.
    ///
    /// # Errors
    /// The offset at which it breaks.
    pub fn parse(value: &'a [u8]) -> Result<Self, usize> {
        let digits = value
            .iter()
            .position(|byte| !byte.is_ascii_digit())
            .ok_or(value.len())?;
        let response_number = scan::number(value.get(..digits).unwrap_or_default()).ok_or(0_usize)?;
        let start = scan::skip_blanks(value, digits);
        let cseq = CSeq::parse(value.get(start..).unwrap_or_default()).map_err(|offset| start + offset)?;
        if start == digits {
            Err(start)
        } else {
            Ok(Self {
                response_number,
                cseq,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_methods() {
        let cseq = CSeq::parse(b"0009\r\n  INVITE").unwrap();
        assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
        let rack = RAck::parse(b"776656 1 INVITE").unwrap();
        assert_eq!((rack.response_number, rack.cseq.number), (776_656, 1));
    }

    #[test]
    fn broken_ones() {
        for text in [
            "",
            "1",
            "1 ",
            "INVITE",
            "-1 INVITE",
            "4294967296 INVITE",
            "1INVITE",
            "1 INVITE x",
            "1 A<B",
        ] {
            assert!(CSeq::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(RAck::parse(b"1 INVITE").is_err());
    }
}
