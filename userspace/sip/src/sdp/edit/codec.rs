//! Which payload types stay in an audio description.
#![deny(clippy::indexing_slicing)]

use crate::limits::SDP_FORMATS_MAX;
use crate::sdp::{MediaDescription, media};

/// The payload types that stay.
pub(super) enum Kept {
    /// All formats, whatever they are.
    All,
    /// These.
    Some(PayloadTypes),
}

impl Kept {
    pub(super) const fn has(&self, payload_type: u8) -> bool {
        match self {
            Self::All => true,
            Self::Some(kept) => kept.set & bit(payload_type) != 0,
        }
    }
}

/// Payload types in order of preference.
pub(super) struct PayloadTypes {
    list: [u8; SDP_FORMATS_MAX],
    count: usize,
    /// The same as a set: bit n is payload type n.
    set: u128,
    /// Whether one of them carries speech: events and comfort noise alone are no codec.
    has_speech: bool,
}

impl PayloadTypes {
    pub(super) fn in_order(&self) -> impl Iterator<Item = u8> + '_ {
        self.list.iter().take(self.count).copied()
    }

    pub(super) const fn is_empty(&self) -> bool {
        !self.has_speech
    }

    fn push(&mut self, payload_type: u8, is_speech: bool) {
        if self.set & bit(payload_type) != 0 {
            return;
        }
        if let Some(slot) = self.list.get_mut(self.count) {
            *slot = payload_type;
            self.count += 1;
            self.set |= bit(payload_type);
            self.has_speech |= is_speech;
        }
    }
}

const fn bit(payload_type: u8) -> u128 {
    1_u128 << (payload_type & 127)
}

/// Filters an audio description by `codecs`. Rejected descriptions, other media and other transports stay whole.
pub(super) fn kept(media: &MediaDescription<'_>, codecs: &[&str], is_rejected: bool) -> Kept {
    if codecs.is_empty() || is_rejected || !media.is_audio() || !media.is_rtp() {
        return Kept::All;
    }
    let names = encodings(media);
    let mut kept = PayloadTypes {
        list: [0; SDP_FORMATS_MAX],
        count: 0,
        set: 0,
        has_speech: false,
    };
    for codec in codecs {
        for payload_type in media.payload_types() {
            let encoding = names.get(usize::from(payload_type)).copied().flatten();
            if encoding.is_some_and(|encoding| encoding.eq_ignore_ascii_case(codec.as_bytes())) {
                kept.push(payload_type, !is_auxiliary(codec));
            }
        }
    }
    Kept::Some(kept)
}

/// The encoding name of each payload type, found in one pass over the description.
fn encodings<'a>(media: &MediaDescription<'a>) -> [Option<&'a [u8]>; SDP_FORMATS_MAX] {
    let mut names = [None; SDP_FORMATS_MAX];
    for (payload_type, slot) in (0_u8..).zip(names.iter_mut()) {
        *slot = media::static_rtpmap(payload_type).map(|map| map.encoding);
    }
    for attribute in media.attributes().filter(|attribute| attribute.name == b"rtpmap") {
        let Some((payload_type, text)) = media::of_payload_type(attribute.value) else {
            continue;
        };
        let slot = names.get_mut(usize::from(payload_type));
        if let (Some(slot), Some(map)) = (slot, media::rtpmap(text)) {
            *slot = Some(map.encoding);
        }
    }
    names
}

fn is_auxiliary(codec: &str) -> bool {
    ["telephone-event", "CN", "red"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(codec))
}
