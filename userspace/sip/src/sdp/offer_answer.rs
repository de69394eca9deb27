//! Offer and answer (RFC 3264): directions, hold, rejection.
#![deny(clippy::indexing_slicing)]

use super::{MediaDescription, SessionDescription, media};

/// Which way media flows, seen from whoever wrote the description.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Both ways.
    SendRecv,
    /// The writer sends only.
    SendOnly,
    /// The writer receives only.
    RecvOnly,
    /// Neither.
    Inactive,
}

impl Direction {
    /// The attribute's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// Reads the attribute's name.
    #[must_use]
    pub fn from_bytes(name: &[u8]) -> Option<Self> {
        match name {
            b"sendrecv" => Some(Self::SendRecv),
            b"sendonly" => Some(Self::SendOnly),
            b"recvonly" => Some(Self::RecvOnly),
            b"inactive" => Some(Self::Inactive),
            _ => None,
        }
    }

    /// Whether the writer sends.
    #[must_use]
    pub const fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the writer receives.
    #[must_use]
    pub const fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// The same flow of media seen from the other side.
    #[must_use]
    pub const fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::SendRecv | Self::Inactive => self,
        }
    }

    /// The direction of an answer to an offer of this direction by one who `wants` that.
    //= https://www.rfc-editor.org/rfc/rfc3264#section-6.1
    //# If a stream is offered as sendonly, the corresponding stream MUST be
    //# marked as recvonly or inactive in the answer.  If a media stream is
    //# listed as recvonly in the offer, the answer MUST be marked as
    //# sendonly or inactive in the answer.
    #[must_use]
    pub const fn answer(self, wants: Self) -> Self {
        let sends = self.receives() && wants.sends();
        let receives = self.sends() && wants.receives();
        match (sends, receives) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }
}

/// The first direction among the attributes of `block`.
pub(super) fn direction_in(block: &[u8]) -> Option<Direction> {
    media::attributes(block).find_map(|attribute| Direction::from_bytes(attribute.name))
}

impl SessionDescription<'_> {
    /// Whether `media` is refused or switched off.
    //= https://www.rfc-editor.org/rfc/rfc3264#section-6
    //# To reject an offered stream, the port number in the corresponding stream in
    //# the answer MUST be set to zero.
    #[must_use]
    pub fn is_rejected(&self, media: &MediaDescription<'_>) -> bool {
        media.port() == 0
    }

    /// Whether the writer of the description puts `media` on hold: it sends only, does nothing, or has no address.
    //= https://www.rfc-editor.org/rfc/rfc3264#section-8.4
    //# If the stream to be placed on hold was previously a sendrecv media
    //# stream, it is placed on hold by marking it as sendonly.
    #[must_use]
    pub fn is_held(&self, media: &MediaDescription<'_>) -> bool {
        let connection = media.connection().or(self.connection);
        !self.direction_for(media).receives() || connection.is_some_and(|found| found.is_unspecified())
    }

    fn direction_for(&self, media: &MediaDescription<'_>) -> Direction {
        media
            .direction()
            .or_else(|| direction_in(self.attributes))
            .unwrap_or(Direction::SendRecv)
    }
}
