//! One `m=` block.
#![deny(clippy::indexing_slicing)]

use super::{Connection, Direction, Lines, offer_answer};
use crate::scan;

/// A media description. Borrows its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaDescription<'a> {
    pub(crate) kind: &'a [u8],
    pub(crate) port: u16,
    pub(crate) port_count: Option<u32>,
    pub(crate) proto: &'a [u8],
    pub(crate) formats: &'a [u8],
    pub(crate) connection: Option<Connection<'a>>,
    pub(crate) block: &'a [u8],
    pub(crate) block_start: usize,
}

/// An `a=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// What stands before the colon.
    pub name: &'a [u8],
    /// What stands after it; empty if there is none.
    pub value: &'a [u8],
}

/// An `a=rtpmap` line, or what RFC 3551 says of a static payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RtpMap<'a> {
    /// Encoding name, such as `PCMU`. Compare it in any case.
    pub encoding: &'a [u8],
    /// Clock rate in Hz.
    pub clock_rate: u32,
    /// Encoding parameters, for audio the number of channels.
    pub channels: Option<u32>,
}

impl<'a> MediaDescription<'a> {
    pub(crate) const NONE: Self = Self {
        kind: &[],
        port: 0,
        port_count: None,
        proto: &[],
        formats: &[],
        connection: None,
        block: &[],
        block_start: 0,
    };

    /// `audio`, `video`, `image`, ..
    #[must_use]
    pub const fn kind(&self) -> &'a [u8] {
        self.kind
    }

    /// Whether it is audio.
    #[must_use]
    pub fn is_audio(&self) -> bool {
        self.kind == b"audio"
    }

    /// The port; 0 is a rejected or disabled description.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The number of ports, where it is written.
    #[must_use]
    pub const fn port_count(&self) -> Option<u32> {
        self.port_count
    }

    /// The transport protocol, such as `RTP/AVP`.
    #[must_use]
    pub const fn proto(&self) -> &'a [u8] {
        self.proto
    }

    /// Whether the transport is an RTP profile.
    #[must_use]
    pub fn is_rtp(&self) -> bool {
        self.proto.windows(4).any(|text| text == b"RTP/")
    }

    /// The formats as they were written; payload types for RTP.
    pub fn formats(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.formats
            .split(|&byte| byte == b' ')
            .filter(|format| !format.is_empty())
    }

    /// The formats that are payload types (0 to 127).
    pub fn payload_types(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.formats().filter_map(payload_type)
    }

    /// The `c=` line of this description.
    #[must_use]
    pub const fn connection(&self) -> Option<Connection<'a>> {
        self.connection
    }

    /// All lines of the description as they were written, the `m=` line first.
    #[must_use]
    pub const fn block(&self) -> &'a [u8] {
        self.block
    }

    /// The attributes in their order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        attributes(self.block)
    }

    /// The value of the first attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.attributes()
            .find(|attribute| attribute.name == name)
            .map(|attribute| attribute.value)
    }

    /// The codec of a payload type: by its rtpmap, else by RFC 3551.
    #[must_use]
    pub fn rtpmap(&self, payload_type: u8) -> Option<RtpMap<'a>> {
        let mapped = self.attributes().filter(|attribute| attribute.name == b"rtpmap");
        mapped
            .filter_map(|attribute| of_payload_type(attribute.value))
            .find(|(found, _)| *found == payload_type)
            .and_then(|(_, text)| rtpmap(text))
            .or_else(|| static_rtpmap(payload_type))
    }

    /// The format parameters of a payload type.
    #[must_use]
    pub fn fmtp(&self, payload_type: u8) -> Option<&'a [u8]> {
        let mut lines = self.attributes().filter(|attribute| attribute.name == b"fmtp");
        lines.find_map(|attribute| {
            of_payload_type(attribute.value)
                .filter(|(found, _)| *found == payload_type)
                .map(|(_, text)| text)
        })
    }

    /// `a=ptime` in milliseconds; `None` if it is absent or not a number.
    #[must_use]
    pub fn ptime(&self) -> Option<u32> {
        self.attribute(b"ptime").and_then(scan::number)
    }

    /// The port of `a=rtcp` (RFC 3605).
    #[must_use]
    pub fn rtcp_port(&self) -> Option<u16> {
        self.attribute(b"rtcp")?
            .split(|&byte| byte == b' ')
            .next()
            .and_then(scan::port)
    }

    /// Whether RTP and RTCP may share a port (RFC 5761).
    #[must_use]
    pub fn has_rtcp_mux(&self) -> bool {
        self.attribute(b"rtcp-mux").is_some()
    }

    /// Whether keys for SRTP are offered in the description (RFC 4568).
    #[must_use]
    pub fn has_crypto(&self) -> bool {
        self.attribute(b"crypto").is_some()
    }

    /// The direction that the description itself names.
    #[must_use]
    pub fn direction(&self) -> Option<Direction> {
        offer_answer::direction_in(self.block)
    }
}

pub(super) fn attributes(block: &[u8]) -> impl Iterator<Item = Attribute<'_>> + use<'_> {
    Lines { bytes: block, at: 0 }.filter_map(|line| match line.parts() {
        Some((b'a', text)) => Some(attribute(text)),
        _ => None,
    })
}

pub(super) fn attribute(text: &[u8]) -> Attribute<'_> {
    match memchr::memchr(b':', text) {
        Some(colon) => Attribute {
            name: text.get(..colon).unwrap_or_default(),
            value: text.get(colon + 1..).unwrap_or_default(),
        },
        None => Attribute {
            name: text,
            value: &[],
        },
    }
}

/// A format as a payload type.
//= https://www.rfc-editor.org/rfc/rfc3551#section-3
//# This profile reserves payload type numbers in the range 96-127
//# exclusively for dynamic assignment.
pub(super) fn payload_type(format: &[u8]) -> Option<u8> {
    scan::number(format)
        .and_then(|number| u8::try_from(number).ok())
        .filter(|number| *number < 128)
}

/// Splits `payload-type rest`, as rtpmap, fmtp and rtcp-fb have it.
pub(super) fn of_payload_type(value: &[u8]) -> Option<(u8, &[u8])> {
    let space = memchr::memchr(b' ', value).unwrap_or(value.len());
    Some((
        payload_type(value.get(..space)?)?,
        value.get(space + 1..).unwrap_or_default(),
    ))
}

pub(super) fn rtpmap(text: &[u8]) -> Option<RtpMap<'_>> {
    let mut parts = text.trim_ascii().splitn(3, |&byte| byte == b'/');
    let encoding = parts.next().filter(|name| !name.is_empty())?;
    let clock_rate = scan::number(parts.next()?)?;
    Some(RtpMap {
        encoding,
        clock_rate,
        channels: parts.next().and_then(scan::number),
    })
}

/// RFC 3551 section 6, tables 4 and 5, as far as trunks use them.
pub(super) fn static_rtpmap(payload_type: u8) -> Option<RtpMap<'static>> {
    let (encoding, clock_rate): (&[u8], u32) = match payload_type {
        0 => (b"PCMU", 8_000),
        3 => (b"GSM", 8_000),
        4 => (b"G723", 8_000),
        5 => (b"DVI4", 8_000),
        8 => (b"PCMA", 8_000),
        9 => (b"G722", 8_000),
        12 => (b"QCELP", 8_000),
        13 => (b"CN", 8_000),
        15 => (b"G728", 8_000),
        18 => (b"G729", 8_000),
        26 => (b"JPEG", 90_000),
        31 => (b"H261", 90_000),
        34 => (b"H263", 90_000),
        _ => return None,
    };
    Some(RtpMap {
        encoding,
        clock_rate,
        channels: None,
    })
}
