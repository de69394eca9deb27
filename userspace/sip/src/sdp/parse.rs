//! Bytes to [`SessionDescription`].
#![deny(clippy::indexing_slicing)]

use super::media::MediaDescription;
use super::{Connection, Line, Lines, Origin, SdpError, SdpErrorKind as Kind, SessionDescription};
use crate::limits::{SDP_FORMATS_MAX, SDP_LINES_MAX, SDP_MEDIA_MAX};

pub(super) fn parse(bytes: &[u8]) -> Result<SessionDescription<'_>, SdpError> {
    let mut lines = Lines { bytes, at: 0 };
    let fail = |kind, offset| SdpError { kind, offset };
    //= https://www.rfc-editor.org/rfc/rfc8866#section-5.1
    //# The "v=" line (version-field) gives the version of the Session
    //# Description Protocol.
    if lines.next().and_then(|line| line.parts()) != Some((b'v', b"0")) {
        return Err(fail(Kind::NoVersion, 0));
    }
    let mut found = SessionDescription {
        bytes,
        origin: Origin {
            username: &[],
            session_id: &[],
            version: &[],
            address: &[],
        },
        session_name: &[],
        connection: None,
        attributes: &[],
        media: [MediaDescription::NONE; SDP_MEDIA_MAX],
        media_count: 0,
    };
    let session_start = lines.at;
    let mut session_end = bytes.len();
    let mut has_origin = false;
    for (index, line) in lines.enumerate() {
        if index >= SDP_LINES_MAX {
            return Err(fail(Kind::TooManyLines, line.offset));
        }
        if line.text.is_empty() {
            continue;
        }
        let (letter, value) = line.parts().ok_or(fail(Kind::BadLine, line.offset))?;
        match letter {
            b'm' => {
                session_end = session_end.min(line.offset);
                add_media(&mut found, &line, value)?;
            }
            b'c' => {
                let connection = connection(value).ok_or(fail(Kind::BadConnection, line.offset))?;
                match last_media(&mut found) {
                    // RFC 8866 allows several of them for multicast; the first one counts.
                    Some(media) => media.connection = media.connection.or(Some(connection)),
                    None => found.connection = found.connection.or(Some(connection)),
                }
            }
            b'o' if found.media_count == 0 && !has_origin => {
                found.origin = origin(value).ok_or(fail(Kind::BadOrigin, line.offset))?;
                has_origin = true;
            }
            b's' if found.media_count == 0 => found.session_name = value,
            _ => {}
        }
        if let Some(media) = last_media(&mut found) {
            let end = line.offset + line.whole.len();
            media.block = bytes.get(media.block_start..end).unwrap_or_default();
        }
    }
    if !has_origin {
        return Err(fail(Kind::BadOrigin, 0));
    }
    found.attributes = bytes.get(session_start..session_end).unwrap_or_default();
    Ok(found)
}

fn last_media<'m, 'a>(found: &'m mut SessionDescription<'a>) -> Option<&'m mut MediaDescription<'a>> {
    let index = found.media_count.checked_sub(1)?;
    found.media.get_mut(index)
}

fn add_media<'a>(
    found: &mut SessionDescription<'a>,
    line: &Line<'a>,
    value: &'a [u8],
) -> Result<(), SdpError> {
    let fail = |kind| SdpError {
        kind,
        offset: line.offset,
    };
    let slot = found
        .media
        .get_mut(found.media_count)
        .ok_or(fail(Kind::TooManyMedia))?;
    *slot = media(value, line.offset).ok_or(fail(Kind::BadMedia))?;
    if slot.formats().count() > SDP_FORMATS_MAX {
        return Err(fail(Kind::TooManyFormats));
    }
    found.media_count += 1;
    Ok(())
}

/// Splits off the text before the first space.
fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match memchr::memchr(b' ', text) {
        Some(space) => Some((text.get(..space)?, text.get(space + 1..)?)),
        None => (!text.is_empty()).then_some((text, &[])),
    }
}

fn media(value: &[u8], offset: usize) -> Option<MediaDescription<'_>> {
    let (kind, rest) = word(value)?;
    let (port, rest) = word(rest)?;
    let (proto, formats) = word(rest)?;
    let (port, port_count) = match memchr::memchr(b'/', port) {
        Some(slash) => (
            port.get(..slash)?,
            Some(crate::scan::number(port.get(slash + 1..)?)?),
        ),
        None => (port, None),
    };
    Some(MediaDescription {
        kind,
        port: crate::scan::port(port)?,
        port_count,
        proto,
        formats,
        block_start: offset,
        ..MediaDescription::NONE
    })
}

fn origin(value: &[u8]) -> Option<Origin<'_>> {
    let (username, rest) = word(value)?;
    let (session_id, rest) = word(rest)?;
    let (version, rest) = word(rest)?;
    let (_net, rest) = word(rest)?;
    let (_family, address) = word(rest)?;
    (!address.is_empty()).then_some(Origin {
        username,
        session_id,
        version,
        address,
    })
}

pub(super) fn connection(value: &[u8]) -> Option<Connection<'_>> {
    let (net, rest) = word(value)?;
    let (family, address) = word(rest)?;
    let text = address.split(|&byte| byte == b'/').next()?.trim_ascii_end();
    if net != b"IN" || !matches!(family, b"IP4" | b"IP6") || text.is_empty() {
        return None;
    }
    Some(Connection {
        text,
        ip: core::str::from_utf8(text).ok()?.parse().ok(),
    })
}
