//! Via: where a request came through, and where its response goes.
#![deny(clippy::indexing_slicing)]

use super::param::{ParamReader, Params};
use crate::scan;

/// One Via element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    raw: &'a [u8],
    transport: &'a [u8],
    host: &'a [u8],
    port: Option<u16>,
    /// Where the parameters begin in `raw`.
    params: usize,
    branch: Option<&'a [u8]>,
    received: Option<&'a [u8]>,
    rport: Option<Option<u16>>,
}

impl<'a> Via<'a> {
    /// One that is not read yet.
    pub(crate) const BLANK: Self = Self {
        raw: &[],
        transport: &[],
        host: &[],
        port: None,
        params: 0,
        branch: None,
        received: None,
        rport: None,
    };

    /// Reads one Via that fills all of `value`.
    ///
    /// # Errors
    /// The offset at which it breaks.
    pub fn parse(value: &'a [u8]) -> Result<Self, usize> {
        let (via, end) = Self::parse_first(value)?;
        if end == value.len() { Ok(via) } else { Err(end) }
    }

    /// Reads the first Via of a list; returns it with the position of its comma or of the end.
    ///
    /// # Errors
    /// The offset at which it breaks.
    pub(crate) fn parse_first(value: &'a [u8]) -> Result<(Self, usize), usize> {
        let (transport, sent_by) = sent_protocol(value)?;
        let host_start = scan::skip_blanks(value, sent_by);
        if host_start == sent_by {
            return Err(sent_by);
        }
        let host_end = scan::host_end(value, host_start).ok_or(host_start)?;
        let mut at = scan::skip_blanks(value, host_end);
        let mut port = None;
        if value.get(at) == Some(&b':') {
            let start = scan::skip_blanks(value, at + 1);
            let (number, end) = scan::port_at(value, start);
            port = Some(number.ok_or(start)?);
            at = end;
        }
        let mut via = Self {
            raw: &[],
            transport,
            host: value.get(host_start..host_end).unwrap_or_default(),
            port,
            params: at,
            branch: None,
            received: None,
            rport: None,
        };
        let end = via.read_params(value, at)?;
        Ok((via, end))
    }

    #[inline]
    fn read_params(&mut self, value: &'a [u8], at: usize) -> Result<usize, usize> {
        let mut reader = ParamReader::new(value, at);
        while let Some(param) = reader.next_param()? {
            let name = param.name(value);
            let text = param.value(value);
            match name.len() {
                6 if scan::is_same(name, b"branch") => {
                    // An empty branch, or a second one, would make the transaction ambiguous.
                    let text = text.filter(|text| !text.is_empty());
                    if self.branch.is_some() || text.is_none() {
                        return Err(reader.position());
                    }
                    self.branch = text;
                }
                8 if scan::is_same(name, b"received") => self.received = text,
                5 if scan::is_same(name, b"rport") => {
                    self.rport = Some(match text {
                        None | Some(b"") => None,
                        Some(digits) => Some(scan::port(digits).ok_or(reader.position())?),
                    });
                }
                _ => {}
            }
        }
        self.raw = scan::trim(value.get(..reader.last_end()).unwrap_or_default());
        match value.get(reader.position()) {
            None | Some(b',') => Ok(reader.position()),
            Some(_) => Err(reader.position()),
        }
    }

    /// The whole element as it was written.
    #[must_use]
    pub const fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The branch; `None` from an RFC 2543 element.
    #[must_use]
    pub const fn branch(&self) -> Option<&'a [u8]> {
        self.branch
    }

    /// Whether the branch begins with the cookie of RFC 3261 and has something behind it.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1.7
    //# The branch ID inserted by an element compliant with this
    //# specification MUST always begin with the characters "z9hG4bK".
    #[must_use]
    pub fn has_cookie(&self) -> bool {
        self.branch
            .and_then(|branch| branch.strip_prefix(b"z9hG4bK"))
            .is_some_and(|rest| !rest.is_empty())
    }

    /// The host of sent-by, an IPv6 reference with its brackets.
    #[must_use]
    pub const fn sent_by_host(&self) -> &'a [u8] {
        self.host
    }

    /// The port of sent-by, where one is written.
    #[must_use]
    pub const fn sent_by_port(&self) -> Option<u16> {
        self.port
    }

    /// The transport as it was written, such as `UDP`.
    #[must_use]
    pub const fn transport(&self) -> &'a [u8] {
        self.transport
    }

    /// `rport` (RFC 3581): `Some(None)` if it stands without a value.
    #[must_use]
    pub const fn rport(&self) -> Option<Option<u16>> {
        self.rport
    }

    /// `received` as it was written, with or without brackets.
    #[must_use]
    pub const fn received(&self) -> Option<&'a [u8]> {
        self.received
    }

    /// All parameters.
    #[must_use]
    pub fn params(&self) -> Params<'a> {
        Params::new(scan::trim(self.raw.get(self.params..).unwrap_or_default()))
    }

    /// A parameter by its name (any case): `Some(None)` if it stands without a value.
    #[must_use]
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.params().find(name)
    }
}

/// Reads `SIP/2.0/transport`; returns the transport and the position behind it.
fn sent_protocol(value: &[u8]) -> Result<(&[u8], usize), usize> {
    let start = if value.starts_with(b"SIP/2.0/") {
        8
    } else {
        let at = scan::skip_blanks(value, 0);
        let at = after(value, at, b"SIP")?;
        let at = after(value, at, b"/")?;
        let at = after(value, at, b"2.0")?;
        after(value, at, b"/")?
    };
    let end = scan::token_end(value, start);
    if end == start {
        return Err(start);
    }
    Ok((value.get(start..end).unwrap_or_default(), end))
}

/// Skips `text` (any case) and the blanks after it.
fn after(value: &[u8], at: usize, text: &[u8]) -> Result<usize, usize> {
    let end = at + text.len();
    match value.get(at..end) {
        Some(found) if found.eq_ignore_ascii_case(text) => Ok(scan::skip_blanks(value, end)),
        _ => Err(at),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_folds_anywhere() {
        let via =
            Via::parse(b"SIP  /   2.0\r\n /UDP\r\n    [2001:db8::9] : 5062 ;\r\n branch = z9hG4bKa ; rport")
                .unwrap();
        assert_eq!(via.transport(), b"UDP");
        assert_eq!(via.sent_by_host(), b"[2001:db8::9]");
        assert_eq!(via.sent_by_port(), Some(5062));
        assert_eq!(via.branch(), Some(&b"z9hG4bKa"[..]));
        assert_eq!(via.rport(), Some(None));
        assert!(via.has_cookie());
    }

    #[test]
    fn the_first_of_a_list() {
        let (via, end) = Via::parse_first(b"SIP/2.0/TCP h;received=[::1];rport=5 , SIP/2.0/UDP x").unwrap();
        assert_eq!(
            (via.received(), via.rport(), end),
            (Some(&b"[::1]"[..]), Some(Some(5)), 37)
        );
        assert_eq!(via.raw(), b"SIP/2.0/TCP h;received=[::1];rport=5");
        assert_eq!(via.branch(), None);
    }

    #[test]
    fn broken_vias() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0/UDP ",
            "SIP/2.0/UDP ;branch=x",
            "SIP/3.0/UDP h",
            "SIP/2.0/UDP h:65536",
            "SIP/2.0/UDP h;;",
            "SIP/2.0/UDP h;branch=",
            "SIP/2.0/UDP h;branch=a;branch=b",
            "SIP/2.0/UDP h;rport=x",
            "SIP/2.0/UDP h x",
            "SIP/2.0/ h",
            "SIP/2.0/UDP [::1",
            "SIP/2.0/UDP h:",
        ] {
            assert!(Via::parse(text.as_bytes()).is_err(), "{text}");
        }
    }
}
