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
    port: Option<u16>,
    /// What follows the colon of the scheme.
    start: u32,
    /// The host; after an `@` if it is not at `start`.
    host: u32,
    host_end: u32,
    /// Parameters, up to the headers.
    params: u32,
    /// The `?` of the headers; the end if there are none.
    headers: u32,
}

impl<'a> Uri<'a> {
    /// Reads a URI of less than 4 GB. Linear, no allocation.
    ///
    /// Strict about what routing depends on (scheme, host, port), lenient about bytes of the user part and of
    /// parameters.
    ///
    /// # Errors
    /// [`UriError`] at the first byte that does not fit.
    pub fn parse(raw: &'a [u8]) -> Result<Self, UriError> {
        Self::read(raw)
    }

    /// Whether it can be read.
    pub(crate) fn check(raw: &'a [u8]) -> Result<(), UriError> {
        Self::read(raw).map(|_| ())
    }

    #[inline]
    fn read(raw: &'a [u8]) -> Result<Self, UriError> {
        let (scheme, start) = if raw.starts_with(b"sip:") {
            (Scheme::Sip, 4)
        } else {
            let len = memchr(b':', raw).ok_or(UriError { offset: 0 })?;
            let scheme = raw.get(..len).and_then(scheme_of);
            (scheme.ok_or(UriError { offset: 0 })?, len + 1)
        };
        let end = raw.len() as u32;
        let mut uri = Self {
            raw,
            scheme,
            port: None,
            start: start as u32,
            host: end,
            host_end: end,
            params: end,
            headers: end,
        };
        match scheme {
            Scheme::Sip | Scheme::Sips => uri.read_sip_part(start)?,
            Scheme::Tel => uri.read_tel_part(start)?,
            Scheme::Other => {
                let rest = raw.get(start..).unwrap_or_default();
                if rest.is_empty() || !scan::is_uri_text(rest) {
                    return Err(UriError { offset: start });
                }
            }
        }
        Ok(uri)
    }

    #[inline]
    fn read_sip_part(&mut self, start: usize) -> Result<(), UriError> {
        let raw = self.raw;
        let user_end = scan::user_end(raw, start);
        let host = match raw.get(user_end) {
            None => start,
            Some(b'@') if user_end > start => user_end + 1,
            // What cannot stand in a user part may stand behind the host, and is refused there.
            Some(_) => match raw.get(user_end..).and_then(|rest| memchr(b'@', rest)) {
                Some(_) => return Err(UriError { offset: start }),
                None => start,
            },
        };
        let host_end = scan::host_end(raw, host).ok_or(UriError { offset: host })?;
        let mut end = host_end;
        if raw.get(end) == Some(&b':') {
            let (port, port_end) = scan::port_at(raw, end + 1);
            self.port = Some(port.ok_or(UriError { offset: end + 1 })?);
            end = port_end;
        }
        self.host = host as u32;
        self.host_end = host_end as u32;
        self.read_tail(end)
    }

    fn read_tel_part(&mut self, start: usize) -> Result<(), UriError> {
        let rest = self.raw.get(start..).unwrap_or_default();
        let len = memchr(b';', rest).unwrap_or(rest.len());
        let number = rest.get(..len).unwrap_or_default();
        if number.is_empty() || !scan::is_user_text(number) {
            return Err(UriError { offset: start });
        }
        self.read_tail(start + len)
    }

    /// Parameters and headers: nothing, or what begins with `;` or `?`.
    #[inline]
    fn read_tail(&mut self, at: usize) -> Result<(), UriError> {
        if at == self.raw.len() {
            return Ok(());
        }
        let tail = self.raw.get(at..).unwrap_or_default();
        if !matches!(tail.first(), Some(b';' | b'?')) || !scan::is_user_text(tail) {
            return Err(UriError { offset: at });
        }
        self.params = at as u32;
        self.headers = (at + memchr(b'?', tail).unwrap_or(tail.len())) as u32;
        Ok(())
    }

    fn part(&self, start: u32, end: u32) -> &'a [u8] {
        self.raw.get(start as usize..end as usize).unwrap_or_default()
    }

    /// The user part with its password.
    fn userinfo(&self) -> Option<&'a [u8]> {
        match self.scheme {
            Scheme::Tel => Some(self.part(self.start, self.params)),
            Scheme::Sip | Scheme::Sips if self.host > self.start => {
                Some(self.part(self.start, self.host - 1))
            }
            _ => None,
        }
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
        self.part(0, self.start.saturating_sub(1))
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
    pub fn user(&self) -> Option<&'a [u8]> {
        let userinfo = self.userinfo()?;
        match memchr(b':', userinfo) {
            Some(colon) if !self.is_tel() => userinfo.get(..colon),
            _ => Some(userinfo),
        }
    }

    /// The password, which nobody should send.
    #[must_use]
    pub fn password(&self) -> Option<&'a [u8]> {
        let userinfo = self.userinfo().filter(|_| !self.is_tel())?;
        memchr(b':', userinfo).and_then(|colon| userinfo.get(colon + 1..))
    }

    /// The host, an IPv6 reference with its brackets; empty for tel and unknown schemes.
    #[must_use]
    pub fn host(&self) -> &'a [u8] {
        self.part(self.host, self.host_end)
    }

    /// The port, where one is written.
    #[must_use]
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The parameters as they were written, with the first `;`.
    #[must_use]
    pub fn params(&self) -> &'a [u8] {
        self.part(self.params, self.headers)
    }

    /// The headers after `?`.
    #[must_use]
    pub fn headers(&self) -> Option<&'a [u8]> {
        self.raw.get(self.headers as usize + 1..)
    }

    /// A parameter by its name (any case): `Some(None)` if it stands without a value.
    #[must_use]
    pub fn param(&self, name: &[u8]) -> Option<Option<&'a [u8]>> {
        self.params().split(|&byte| byte == b';').find_map(|param| {
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
        ip_of_host(self.host())
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
