//! Every limit of this crate, with its reason.

/// Largest message in bytes. A UDP datagram carries at most 65,507, and offsets are kept in 16 bits.
pub const MESSAGE_BYTES_MAX: usize = 65_535;

/// Most header fields of one message. The largest real trunk message seen has about 60 with all its Vias; a
/// proxy chain ends at Max-Forwards 70.
pub const FIELDS_MAX: usize = 128;

/// Most header bytes that a stream may send before the empty line. Twice the largest real header section.
pub const STREAM_HEADER_BYTES_MAX: usize = 32_768;

/// Most media descriptions of one session description. WebRTC bundles reach about ten.
pub const SDP_MEDIA_MAX: usize = 16;

/// Most formats listed by one media description: the payload type has seven bits.
pub const SDP_FORMATS_MAX: usize = 128;

/// Most lines of one session description. Long lists of ICE candidates stay below this.
pub const SDP_LINES_MAX: usize = 2_000;

/// Longest multipart boundary in bytes (RFC 2046 section 5.1.1).
pub const BOUNDARY_BYTES_MAX: usize = 70;

/// Most body parts looked at in one multipart body.
pub const BODY_PARTS_MAX: usize = 64;
