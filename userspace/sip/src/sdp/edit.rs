//! Rewriting a session description at the border.
#![deny(clippy::indexing_slicing)]

mod codec;

use core::net::IpAddr;

use super::{
    Line, Lines, MediaDescription, SdpError, SdpErrorKind as Kind, SessionDescription, media, parse,
};
use crate::write::Sink;
use codec::Kept;

/// What changes in a description that crosses the border.
#[derive(Clone, Copy, Debug)]
pub struct Edits<'e> {
    /// Replaces the `o=` and `s=` lines; `None` keeps them.
    pub identity: Option<Identity<'e>>,
    /// Replaces the address of every `c=` line, except that of a hold (`0.0.0.0`, `::`).
    pub address: IpAddr,
    /// One for each media description, in their order; descriptions beyond its end are rejected (port 0).
    pub media: &'e [MediaEdit],
    /// Audio codecs to keep, in this order, compared in any case; empty leaves them alone.
    pub codecs: &'e [&'e str],
    /// Replaces the direction attributes of every description; `None` keeps them.
    pub direction: Option<super::Direction>,
}

/// Who the session is from.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'e> {
    /// Username of `o=`, usually `-`.
    pub username: &'e str,
    /// Session id: the same through a dialog.
    pub session_id: u64,
    /// Session version: one more for each changed description of a dialog.
    pub version: u64,
    /// The `s=` line, usually `-`.
    pub session_name: &'e str,
}

/// What changes in one media description.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MediaEdit {
    /// The port; 0 rejects the description. One that was rejected already stays so.
    pub port: u16,
    /// Port of `a=rtcp`; `None` drops that line.
    pub rtcp_port: Option<u16>,
}

/// Copies `original` to `out` with `edits` applied; returns the length.
///
/// Lines about ICE and source filters are dropped, since they name addresses behind the border. So are the rtpmap,
/// fmtp and rtcp-fb lines of payload types that were filtered out. All other lines pass byte for byte.
///
/// # Errors
/// Those of [`SessionDescription::parse`], [`Kind::NoCodec`] if an audio description keeps no codec, and
/// [`Kind::Overflow`].
pub fn rewrite(original: &[u8], edits: &Edits<'_>, out: &mut [u8]) -> Result<usize, SdpError> {
    let description = SessionDescription::parse(original)?;
    let mut pass = Pass {
        edits,
        description: &description,
        sink: Sink::new(out),
        at_media: None,
        kept: Kept::All,
    };
    for line in (Lines {
        bytes: original,
        at: 0,
    }) {
        pass.line(&line)?;
    }
    pass.sink.finished().map_err(|_| SdpError {
        kind: Kind::Overflow,
        offset: original.len(),
    })
}

/// One pass over the lines.
struct Pass<'p, 'a> {
    edits: &'p Edits<'p>,
    description: &'p SessionDescription<'a>,
    sink: Sink<'p>,
    /// Index of the description that the line belongs to.
    at_media: Option<usize>,
    /// Payload types that stay in it.
    kept: Kept,
}

impl Pass<'_, '_> {
    fn line(&mut self, line: &Line<'_>) -> Result<(), SdpError> {
        match line.parts() {
            Some((b'm', _)) => self.media_line(line.offset)?,
            Some((b'o', _)) if self.edits.identity.is_some() => self.origin(),
            Some((b's', _)) if self.at_media.is_none() && self.edits.identity.is_some() => {
                let name = self.edits.identity.map_or("-", |identity| identity.session_name);
                self.sink.put_all(&[b"s=", name.as_bytes(), b"\r\n"]);
            }
            Some((b'c', value)) => match parse::connection(value) {
                Some(connection) if !connection.is_unspecified() => self.connection(),
                _ => self.sink.put(line.whole),
            },
            Some((b'a', text)) => self.attribute(line, media::attribute(text)),
            _ => self.sink.put(line.whole),
        }
        Ok(())
    }

    fn origin(&mut self) {
        let Some(identity) = self.edits.identity else {
            return;
        };
        self.sink.put_all(&[b"o=", identity.username.as_bytes(), b" "]);
        self.sink.put_number(identity.session_id);
        self.sink.put(b" ");
        self.sink.put_number(identity.version);
        self.sink.put(b" ");
        self.network_address();
    }

    fn connection(&mut self) {
        self.sink.put(b"c=");
        self.network_address();
    }

    fn network_address(&mut self) {
        self.sink.put(if self.edits.address.is_ipv4() {
            b"IN IP4 "
        } else {
            b"IN IP6 "
        });
        self.sink.put_ip(self.edits.address);
        self.sink.put(b"\r\n");
    }

    fn media_line(&mut self, offset: usize) -> Result<(), SdpError> {
        self.put_direction();
        let index = self.at_media.map_or(0, |index| index + 1);
        self.at_media = Some(index);
        let Some(media) = self.description.media().get(index) else {
            return Ok(());
        };
        let port = match self.edits.media.get(index) {
            Some(edit) if media.port() != 0 => edit.port,
            _ => 0,
        };
        self.kept = codec::kept(media, self.edits.codecs, port == 0);
        if matches!(&self.kept, Kept::Some(kept) if kept.is_empty()) {
            return Err(SdpError {
                kind: Kind::NoCodec,
                offset,
            });
        }
        self.put_media_line(media, port);
        let has_address = self.description.connection_of(media).is_some();
        if !has_address {
            self.connection();
        }
        Ok(())
    }

    fn put_media_line(&mut self, media: &MediaDescription<'_>, port: u16) {
        self.sink.put_all(&[b"m=", media.kind(), b" "]);
        self.sink.put_number(u64::from(port));
        self.sink.put_all(&[b" ", media.proto()]);
        match &self.kept {
            Kept::All if media.formats.is_empty() => {}
            Kept::All => self.sink.put_all(&[b" ", media.formats]),
            Kept::Some(kept) => {
                for payload_type in kept.in_order() {
                    self.sink.put(b" ");
                    self.sink.put_number(u64::from(payload_type));
                }
            }
        }
        self.sink.put(b"\r\n");
    }

    fn attribute(&mut self, line: &Line<'_>, attribute: media::Attribute<'_>) {
        match attribute.name {
            b"candidate" | b"remote-candidates" | b"end-of-candidates" | b"source-filter" => {}
            name if name.starts_with(b"ice-") => {}
            b"sendrecv" | b"sendonly" | b"recvonly" | b"inactive" if self.edits.direction.is_some() => {}
            b"rtcp" => self.put_rtcp(),
            b"rtpmap" | b"fmtp" | b"rtcp-fb" => {
                let payload_type = media::of_payload_type(attribute.value);
                if payload_type.is_none_or(|(payload_type, _)| self.kept.has(payload_type)) {
                    self.sink.put(line.whole);
                }
            }
            _ => self.sink.put(line.whole),
        }
    }

    fn put_rtcp(&mut self) {
        let edit = self.at_media.and_then(|index| self.edits.media.get(index));
        if let Some(port) = edit.and_then(|edit| edit.rtcp_port) {
            self.sink.put(b"a=rtcp:");
            self.sink.put_number(u64::from(port));
            self.sink.put(b"\r\n");
        }
    }

    /// The direction at the session level, once, before the first description: it holds for all of them.
    fn put_direction(&mut self) {
        if let (None, Some(direction)) = (self.at_media, self.edits.direction) {
            self.sink
                .put_all(&[b"a=", direction.as_str().as_bytes(), b"\r\n"]);
        }
    }
}
