//! Digest access authentication of a client: RFC 7616 and 8760, with RFC 2617 for old servers.
#![deny(clippy::indexing_slicing)]

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use md5::{Digest, Md5};
use sha2::Sha256;

/// The hash, and whether it covers a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// `MD5`, also where none is named.
    Md5,
    /// `MD5-sess`
    Md5Sess,
    /// `SHA-256`
    Sha256,
    /// `SHA-256-sess`
    Sha256Sess,
}

/// One challenge that we can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    /// The realm, without quotes.
    pub realm: &'a [u8],
    /// The nonce, without quotes.
    pub nonce: &'a [u8],
    /// To be sent back as it is.
    pub opaque: Option<&'a [u8]>,
    /// The hash that is wanted.
    pub algorithm: Algorithm,
    /// Whether `qop=auth` is offered.
    pub has_qop: bool,
    /// Whether only the nonce was wrong.
    pub is_stale: bool,
}

/// A challenge that is answered with each request from now on.
#[derive(Clone, Debug)]
pub struct Session {
    realm: Box<[u8]>,
    nonce: Box<[u8]>,
    opaque: Option<Box<[u8]>>,
    algorithm: Algorithm,
    has_qop: bool,
    count: u32,
}

/// Who we are.
#[derive(Clone, Copy)]
pub struct Identity<'a> {
    /// The user name.
    pub username: &'a [u8],
    /// The password.
    pub password: &'a [u8],
}

impl Algorithm {
    fn from_bytes(name: &[u8]) -> Option<Self> {
        [Self::Md5, Self::Md5Sess, Self::Sha256, Self::Sha256Sess]
            .into_iter()
            .find(|a| a.as_str().as_bytes().eq_ignore_ascii_case(name))
    }

    /// The name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Md5Sess => "MD5-sess",
            Self::Sha256 => "SHA-256",
            Self::Sha256Sess => "SHA-256-sess",
        }
    }

    const fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }

    /// The hash of the parts, with colons between them, in hexadecimal digits.
    fn hash(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => hex(&digest::<Md5>(parts)),
            Self::Sha256 | Self::Sha256Sess => hex(&digest::<Sha256>(parts)),
        }
    }
}

fn digest<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = D::new();
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

impl<'a> Challenge<'a> {
    /// Reads the value of a WWW-Authenticate or Proxy-Authenticate. `None` if it is broken or not one that we can
    /// meet: another scheme or hash, or `auth-int` alone.
    #[must_use]
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let (scheme, rest) = value.split_at_checked(6)?;
        if !scheme.eq_ignore_ascii_case(b"Digest") || !rest.first()?.is_ascii_whitespace() {
            return None;
        }
        let mut found = Self {
            realm: b"",
            nonce: b"",
            opaque: None,
            algorithm: Algorithm::Md5,
            has_qop: false,
            is_stale: false,
        };
        let (mut has_realm, mut has_nonce) = (false, false);
        let mut rest = rest;
        while let Some((name, value, after)) = parameter(rest)? {
            rest = after;
            match name.to_ascii_lowercase().as_slice() {
                b"realm" => (found.realm, has_realm) = (value, true),
                b"nonce" => (found.nonce, has_nonce) = (value, true),
                b"opaque" => found.opaque = Some(value),
                b"algorithm" => found.algorithm = Algorithm::from_bytes(value)?,
                b"stale" => found.is_stale = value.eq_ignore_ascii_case(b"true"),
                b"qop" => {
                    found.has_qop = value
                        .split(|b| *b == b',')
                        .any(|q| q.trim_ascii().eq_ignore_ascii_case(b"auth"));
                    if !found.has_qop {
                        return None;
                    }
                }
                _ => {}
            }
        }
        (has_realm && has_nonce).then_some(found)
    }
}

type Parameter<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// The next `name=value` and what follows it; `Some(None)` at the end, `None` where it breaks.
fn parameter(text: &[u8]) -> Option<Option<Parameter<'_>>> {
    let is_gap = |b: &u8| b.is_ascii_whitespace() || *b == b',';
    let start = text.iter().position(|b| !is_gap(b));
    let Some(text) = start.and_then(|start| text.get(start..)) else {
        return Some(None);
    };
    let equals = text.iter().position(|b| *b == b'=')?;
    let (name, rest) = text.split_at_checked(equals)?;
    let rest = rest.get(1..)?.trim_ascii_start();
    if rest.first() == Some(&b'"') {
        let mut escaped = false;
        let end = rest.iter().skip(1).position(|b| {
            let ends = *b == b'"' && !escaped;
            escaped = *b == b'\\' && !escaped;
            ends
        })? + 1;
        return Some(Some((name.trim_ascii(), rest.get(1..end)?, rest.get(end + 1..)?)));
    }
    let end = rest.iter().position(is_gap).unwrap_or(rest.len());
    let (value, after) = rest.split_at_checked(end)?;
    Some(Some((name.trim_ascii(), value, after)))
}

impl Session {
    /// Begins to answer a challenge.
    #[must_use]
    pub fn new(challenge: &Challenge<'_>) -> Self {
        Self {
            realm: challenge.realm.into(),
            nonce: challenge.nonce.into(),
            opaque: challenge.opaque.map(Into::into),
            algorithm: challenge.algorithm,
            has_qop: challenge.has_qop,
            count: 0,
        }
    }

    /// The value of Authorization or Proxy-Authorization for one request. `entropy` becomes the cnonce.
    ///
    /// Each call counts the nonce up.
    //= https://www.rfc-editor.org/rfc/rfc7616#section-3.4
    //# The nc value is the hexadecimal count of the number of requests
    //# (including the current request) that the client has sent with the
    //# nonce value in this request.
    pub fn answer(&mut self, who: &Identity<'_>, method: &[u8], uri: &[u8], entropy: u64) -> Vec<u8> {
        self.count = self.count.wrapping_add(1);
        let cnonce = alloc::format!("{entropy:016x}");
        let nc = alloc::format!("{:08x}", self.count);
        let algorithm = self.algorithm;
        let mut secret = algorithm.hash(&[who.username, &self.realm, who.password]);
        if algorithm.is_session() {
            secret = algorithm.hash(&[secret.as_bytes(), &self.nonce, cnonce.as_bytes()]);
        }
        let request = algorithm.hash(&[method, uri]);
        let (secret, request) = (secret.as_bytes(), request.as_bytes());
        let response = if self.has_qop {
            let parts = [
                secret,
                &self.nonce,
                nc.as_bytes(),
                cnonce.as_bytes(),
                b"auth",
                request,
            ];
            algorithm.hash(&parts)
        } else {
            algorithm.hash(&[secret, &self.nonce, request])
        };
        let mut value = b"Digest ".to_vec();
        quoted(&mut value, "username", who.username);
        quoted(&mut value, ", realm", &self.realm);
        quoted(&mut value, ", nonce", &self.nonce);
        quoted(&mut value, ", uri", uri);
        quoted(&mut value, ", response", response.as_bytes());
        value.extend_from_slice(b", algorithm=");
        value.extend_from_slice(algorithm.as_str().as_bytes());
        if self.has_qop {
            value.extend_from_slice(b", qop=auth, nc=");
            value.extend_from_slice(nc.as_bytes());
        }
        if self.has_qop || algorithm.is_session() {
            quoted(&mut value, ", cnonce", cnonce.as_bytes());
        }
        if let Some(opaque) = &self.opaque {
            quoted(&mut value, ", opaque", opaque);
        }
        value
    }
}

fn quoted(text: &mut Vec<u8>, name: &str, value: &[u8]) {
    text.extend_from_slice(name.as_bytes());
    text.extend_from_slice(b"=\"");
    text.extend_from_slice(value);
    text.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    const MUFASA: Identity<'static> = Identity {
        username: b"Mufasa",
        password: b"Circle of Life",
    };

    fn field<'a>(value: &'a str, name: &str) -> &'a str {
        let at = value.find(&alloc::format!("{name}=")).unwrap() + name.len() + 1;
        value
            .get(at..)
            .unwrap()
            .split([','])
            .next()
            .unwrap()
            .trim_matches('"')
    }

    /// The examples of RFC 7616 section 3.9.1 with its cnonce in place of ours.
    #[test]
    fn hashes_are_those_of_the_rfc() {
        let nonce = b"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v";
        let cnonce = b"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
        for (algorithm, expected) in [
            (Algorithm::Md5, "8ca523f5e9506fed4657c9700eebdbec"),
            (
                Algorithm::Sha256,
                "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
            ),
        ] {
            let secret = algorithm.hash(&[b"Mufasa", b"http-auth@example.org", b"Circle of Life"]);
            let request = algorithm.hash(&[b"GET", b"/dir/index.html"]);
            let parts: [&[u8]; 6] = [
                secret.as_bytes(),
                nonce,
                b"00000001",
                cnonce,
                b"auth",
                request.as_bytes(),
            ];
            assert_eq!(algorithm.hash(&parts), expected);
        }
    }

    #[test]
    fn an_answer_without_qop_is_that_of_rfc_2069() {
        let challenge = Challenge::parse(b"digest realm=\"a\", nonce=\"n\"").unwrap();
        assert!(!challenge.has_qop && challenge.algorithm == Algorithm::Md5);
        let value = Session::new(&challenge).answer(&MUFASA, b"BYE", b"sip:x", 1);
        let value = String::from_utf8(value).unwrap();
        assert!(!value.contains("nc=") && !value.contains("cnonce"), "{value}");
        assert_eq!(field(&value, "response").len(), 32);
    }

    #[test]
    fn challenges() {
        let text = b"Digest realm=\"a, \\\"b\\\"\",nonce=\"n\" , qop=\"auth-int, auth\",opaque=\"o\", \
                     algorithm=SHA-256, stale=TRUE";
        let challenge = Challenge::parse(text).unwrap();
        assert_eq!(challenge.realm, b"a, \\\"b\\\"");
        assert!(challenge.has_qop && challenge.is_stale);
        assert_eq!(
            (challenge.algorithm, challenge.opaque),
            (Algorithm::Sha256, Some(&b"o"[..]))
        );
        for other in [
            &b"Basic realm=\"a\""[..],
            b"Digest",
            b"Digest realm=\"a\"",
            b"Digest nonce=\"a\"",
            b"Digest realm=\"a, nonce=\"n",
            b"Digest realm=\"a\", nonce=\"n\", qop=\"auth-int\"",
            b"Digest realm=\"a\", nonce=\"n\", algorithm=SHA-512",
        ] {
            assert_eq!(Challenge::parse(other), None);
        }
    }

    #[test]
    fn the_nonce_is_counted() {
        let text = b"Digest realm=\"a\", nonce=\"n\", qop=\"auth\", algorithm=MD5-sess";
        let mut session = Session::new(&Challenge::parse(text).unwrap());
        let first = String::from_utf8(session.answer(&MUFASA, b"INVITE", b"sip:x", 1)).unwrap();
        let second = String::from_utf8(session.answer(&MUFASA, b"INVITE", b"sip:x", 1)).unwrap();
        assert_eq!(
            (field(&first, "nc"), field(&second, "nc")),
            ("00000001", "00000002")
        );
        assert_ne!(field(&first, "response"), field(&second, "response"));
        assert_eq!(field(&first, "cnonce"), "0000000000000001");
    }
}
