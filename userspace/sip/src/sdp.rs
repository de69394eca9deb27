//! Session descriptions (RFC 8866) and what offer and answer (RFC 3264) need of them.
//!
//! Reading borrows; editing copies line by line, so that lines this crate does not know pass byte for byte. Lines may
//! end in LF alone.
#![deny(clippy::indexing_slicing)]

mod edit;
mod media;
mod offer_answer;
mod parse;

use core::fmt;
use core::net::IpAddr;

pub use edit::{Edits, Identity, MediaEdit, rewrite};
pub use media::{Attribute, MediaDescription, RtpMap};
pub use offer_answer::Direction;

/// What is wrong with a session description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SdpErrorKind {
    /// It does not begin with `v=0`.
    NoVersion,
    /// A line is not `letter=value`.
    BadLine,
    /// There is no `o=` line, or it has not six fields.
    BadOrigin,
    /// A `c=` line has not the form `IN IP4 address` or `IN IP6 address`.
    BadConnection,
    /// An `m=` line lacks its media, port, protocol or formats.
    BadMedia,
    /// More lines than [`crate::limits::SDP_LINES_MAX`].
    TooManyLines,
    /// More media descriptions than [`crate::limits::SDP_MEDIA_MAX`].
    TooManyMedia,
    /// More formats in one description than [`crate::limits::SDP_FORMATS_MAX`].
    TooManyFormats,
    /// None of the allowed codecs is in a media description.
    NoCodec,
    /// The output buffer is too short.
    Overflow,
}

impl SdpErrorKind {
    /// The kind's name in snake_case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoVersion => "no_version",
            Self::BadLine => "bad_line",
            Self::BadOrigin => "bad_origin",
            Self::BadConnection => "bad_connection",
            Self::BadMedia => "bad_media",
            Self::TooManyLines => "too_many_lines",
            Self::TooManyMedia => "too_many_media",
            Self::TooManyFormats => "too_many_formats",
            Self::NoCodec => "no_codec",
            Self::Overflow => "overflow",
        }
    }
}

/// A session description that cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SdpError {
    /// What is wrong.
    pub kind: SdpErrorKind,
    /// Byte offset of the line.
    pub offset: usize,
}

impl fmt::Display for SdpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind.as_str(), self.offset)
    }
}

impl core::error::Error for SdpError {}

/// The `o=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin<'a> {
    /// Username, often `-`.
    pub username: &'a [u8],
    /// Session id.
    pub session_id: &'a [u8],
    /// Session version: a new one for each change.
    pub version: &'a [u8],
    /// Address, often a name.
    pub address: &'a [u8],
}

/// The address of a `c=` line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection<'a> {
    /// The address as it was written, without TTL and count.
    pub text: &'a [u8],
    /// The address, unless it is a name.
    pub ip: Option<IpAddr>,
}

impl Connection<'_> {
    /// Whether it is `0.0.0.0` or `::`, the hold of RFC 2543.
    #[must_use]
    pub fn is_unspecified(&self) -> bool {
        self.ip.is_some_and(|ip| ip.is_unspecified())
    }
}

/// A parsed session description. Borrows its bytes.
#[derive(Clone, Debug)]
pub struct SessionDescription<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) origin: Origin<'a>,
    pub(crate) session_name: &'a [u8],
    pub(crate) connection: Option<Connection<'a>>,
    pub(crate) attributes: &'a [u8],
    pub(crate) media: [MediaDescription<'a>; crate::limits::SDP_MEDIA_MAX],
    pub(crate) media_count: usize,
}

impl<'a> SessionDescription<'a> {
    /// Reads a session description. Linear, no allocation.
    ///
    /// # Errors
    /// [`SdpError`] with the first line that cannot be read.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, SdpError> {
        parse::parse(bytes)
    }

    /// The bytes it was parsed from.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The `o=` line.
    #[must_use]
    pub const fn origin(&self) -> Origin<'a> {
        self.origin
    }

    /// The `s=` line; empty if there is none.
    #[must_use]
    pub const fn session_name(&self) -> &'a [u8] {
        self.session_name
    }

    /// The `c=` line of the session.
    #[must_use]
    pub const fn connection(&self) -> Option<Connection<'a>> {
        self.connection
    }

    /// The media descriptions in their order.
    #[must_use]
    pub fn media(&self) -> &[MediaDescription<'a>] {
        self.media.get(..self.media_count).unwrap_or_default()
    }

    /// The attributes of the session.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        media::attributes(self.attributes)
    }

    /// The connection that holds for `media`: its own, else the session's.
    #[must_use]
    pub fn connection_of(&self, media: &MediaDescription<'a>) -> Option<Connection<'a>> {
        media.connection().or(self.connection)
    }

    /// The direction that holds for `media`: its own, else the session's, else sendrecv.
    #[must_use]
    pub fn direction_of(&self, media: &MediaDescription<'a>) -> Direction {
        media
            .direction()
            .or_else(|| offer_answer::direction_in(self.attributes))
            .unwrap_or(Direction::SendRecv)
    }
}

/// Lines with their offset, without CR and LF; what follows the last LF is a line too, if it is not empty.
#[derive(Clone, Debug)]
pub(crate) struct Lines<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) at: usize,
}

/// One line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    pub(crate) offset: usize,
    /// Without its end.
    pub(crate) text: &'a [u8],
    /// With its end.
    pub(crate) whole: &'a [u8],
}

impl<'a> Line<'a> {
    /// The letter and the value of `letter=value`.
    pub(crate) fn parts(&self) -> Option<(u8, &'a [u8])> {
        match self.text {
            [letter, b'=', value @ ..] => Some((*letter, value)),
            _ => None,
        }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = Line<'a>;

    fn next(&mut self) -> Option<Line<'a>> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let len = memchr::memchr(b'\n', rest).map_or(rest.len(), |lf| lf + 1);
        let whole = rest.get(..len)?;
        let text = whole.strip_suffix(b"\n").unwrap_or(whole);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let line = Line {
            offset: self.at,
            text,
            whole,
        };
        self.at += len;
        Some(line)
    }
}

#[cfg(test)]
mod tests;
