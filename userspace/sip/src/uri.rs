//! SIP, SIPS and tel URIs, and the outside of any other.
#![deny(clippy::indexing_slicing)]

use memchr::memchr;

use crate::scan;

/// What kind of URI it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// `sip:`
    Sip,
    /// `sips:`
    Sips,
    /// `tel:`
    Tel,
    /// Any other; only its outside was checked.
    Other,
}

/// A URI that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UriError {
    /// Byte offset in the URI.
    pub offset: usize,
}

/// A parsed URI, borrowed. Escapes are kept as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    raw: &'a [u8],
    scheme: Scheme,
    scheme_len: usize,
    user: Option<&'a [u8]>,
    password: Option<&'a [u8]>,
    host: &'a [u8],
    port: Option<u16>,
    params: &'a [u8],
    headers: Option<&'a [u8]>,
}

impl<'a> Uri<'a> {
    /// Reads a URI. Linear, no allocation.
    ///
    /// Strict about what routing depends on (scheme, host, port), lenient about bytes of the user part and of
    /// parameters.
    ///
    /// # Errors
    /// [`UriError`] at the first byte that does not fit.
    pub fn parse(raw: &'a [u8]) -> Result<Self, UriError> {
        let scheme_len = memchr(b':', raw).ok_or(UriError { offset: 0 })?;
        let (name, rest) = raw.split_at_checked(scheme_len).ok_or(UriError { offset: 0 })?;
        let rest = rest.get(1..).unwrap_or_default();
        let scheme = scheme_of(name).ok_or(UriError { offset: 0 })?;
        let base = scheme_len + 1;
        let blank = Self {
            raw,
            scheme,
            scheme_len,
            user: None,
            password: None,
            host: &[],
            port: None,
            params: &[],
            headers: None,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => blank.with_sip_part(rest, base),
            Scheme::Tel => blank.with_tel_part(rest, base),
            Scheme::Other if !rest.is_empty() && scan::is_uri_text(rest) => Ok(blank),
            Scheme::Other => Err(UriError { offset: base }),
        }
    }

    fn with_sip_part(mut self, rest: &'a [u8], base: usize) -> Result<Self, UriError> {
        let mut host_start = 0;
        if let Some(at) = memchr(b'@', rest) {
            let userinfo = rest.get(..at).unwrap_or_default();
            if at == 0 || !scan::is_user_text(userinfo) {
                return Err(UriError { offset: base });
            }
            (self.user, self.password) = match memchr(b':', userinfo) {
                Some(colon) => (userinfo.get(..colon), userinfo.get(colon + 1..)),
                None => (Some(userinfo), None),
            };
            host_start = at + 1;
        }
        let host_end = scan::host_end(rest, host_start).ok_or(UriError {
            offset: base + host_start,
        })?;
        self.host = rest.get(host_start..host_end).unwrap_or_default();
        let mut end = host_end;
        if rest.get(end) == Some(&b':') {
            let tail = rest.get(end + 1..).unwrap_or_default();
            let digits = tail
                .iter()
                .position(|byte| !byte.is_ascii_digit())
                .unwrap_or(tail.len());
            let port = scan::port(tail.get(..digits).unwrap_or_default());
            self.port = Some(port.ok_or(UriError {
                offset: base + end + 1,
            })?);
            end += 1 + digits;
        }
        self.with_tail(rest.get(end..).unwrap_or_default(), base + end)
    }

    fn with_tel_part(mut self, rest: &'a [u8], base: usize) -> Result<Self, UriError> {
        let end = memchr(b';', rest).unwrap_or(rest.len());
        let number = rest.get(..end).unwrap_or_default();
        if number.is_empty() || !scan::is_user_text(number) {
            return Err(UriError { offset: base });
        }
        self.user = Some(number);
        self.with_tail(rest.get(end..).unwrap_or_default(), base + end)
    }

    /// Parameters and headers: `tail` is empty or begins with `;` or `?`.
    fn with_tail(mut self, tail: &'a [u8], base: usize) -> Result<Self, UriError> {
        if tail.is_empty() {
            return Ok(self);
        }
        if !matches!(tail.first(), Some(b';' | b'?')) || !scan::is_user_text(tail) {
            return Err(UriError { offset: base });
        }
        let end = memchr(b'?', tail).unwrap_or(tail.len());
        self.params = tail.get(..end).unwrap_or_default();
        self.headers = tail.get(end + 1..);
        Ok(self)
    }

    /// The whole URI as it was written.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.raw
    }

    /// What kind of URI it is.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The scheme as it was written.
    #[must_use]
    pub fn scheme_bytes(&self) -> &'a [u8] {
        self.raw.get(..self.scheme_len).unwrap_or_default()
    }

    /// Whether it is a tel URI.
    #[must_use]
    pub const fn is_tel(&self) -> bool {
        matches!(self.scheme, Scheme::Tel)
    }

    /// Whether it is a SIPS URI.
    #[must_use]
    pub const fn is_sips(&self) -> bool {
        matches!(self.scheme, Scheme::Sips)
    }

    /// The user part without password; of a tel URI the number. Escapes are kept.
    #[must_use]
    pub const fn user(&self) -> Option<&'a [u8]> {
        self.user
    }

    /// The password, which nobody should send.
    #[must_use]
    pub const fn password(&self) -> Option<&'a [u8]> {
        self.password
    }

    /// The host, an IPv6 reference with its brackets; empty for tel and unknown schemes.
    #[must_use]
    pub const fn host(&self) -> &'a [u8] {
        self.host
    }

    /// The port, where one is written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters as they were written, with the first `;`.
    #[must_use]
    pub const fn params(&self) -> &'a [u8] {
        self.params
    }

    /// The headers after `?`.
    #[must_use]
    pub const fn headers(&self) -> Option<&'a [u8]> {
        self.headers
    }

    /// A parameter by its name (any case): `Some(None)` if it stands without a value.
    #[must_use]
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.params.split(|&byte| byte == b';').find_map(|param| {
            let (found, value) = match memchr(b'=', param) {
                Some(equals) => (param.get(..equals)?, Some(param.get(equals + 1..)?)),
                None => (param, None),
            };
            (!found.is_empty() && found.eq_ignore_ascii_case(name)).then_some(value)
        })
    }

    /// The host as an IP address, where it is one.
    #[must_use]
    pub fn ip(&self) -> Option<core::net::IpAddr> {
        ip_of_host(self.host)
    }
}

/// The address that `host` is, with or without brackets; `None` for a name.
#[must_use]
pub fn ip_of_host(host: &[u8]) -> Option<core::net::IpAddr> {
    let text = match host {
        [b'[', inner @ .., b']'] => inner,
        _ => host,
    };
    core::str::from_utf8(text).ok()?.parse().ok()
}

fn scheme_of(name: &[u8]) -> Option<Scheme> {
    match name {
        b"sip" => Some(Scheme::Sip),
        b"sips" => Some(Scheme::Sips),
        b"tel" => Some(Scheme::Tel),
        [first, rest @ ..]
            if first.is_ascii_alphabetic()
                && rest
                    .iter()
                    .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')) =>
        {
            Some(if name.eq_ignore_ascii_case(b"sip") {
                Scheme::Sip
            } else if name.eq_ignore_ascii_case(b"sips") {
                Scheme::Sips
            } else if name.eq_ignore_ascii_case(b"tel") {
                Scheme::Tel
            } else {
                Scheme::Other
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
