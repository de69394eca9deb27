//! What can be wrong with a message, and where.

use core::fmt;

use crate::status::Status;

/// A message that cannot be taken: the peer's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// Byte offset in the parsed bytes at or shortly before which it is wrong.
    pub offset: usize,
}

/// Keeps the list of kinds, their names and their count equal.
macro_rules! kinds {
    ($($(#[$doc:meta])+ $variant:ident => $text:literal,)+) => {
        /// Kinds of [`ParseError`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum ParseErrorKind {
            $($(#[$doc])+ $variant,)+
        }

        impl ParseErrorKind {
            /// Every kind, in the order of its number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Number of kinds.
            pub const COUNT: usize = Self::ALL.len();

            /// The kind's name in snake_case, as metrics print it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }
        }
    };
}

kinds! {
    /// The bytes are not a SIP message at all (another protocol, noise).
    NotSip => "not_sip",
    /// More bytes than a message may have.
    TooLarge => "too_large",
    /// More header fields than [`crate::limits::FIELDS_MAX`].
    TooManyHeaders => "too_many_headers",
    /// The first line is neither a request line nor a status line.
    BadStartLine => "bad_start_line",
    /// The method is not a token.
    BadMethod => "bad_method",
    /// The Request-URI is not a URI.
    BadRequestUri => "bad_request_uri",
    /// The version is SIP, but not 2.0.
    BadVersion => "bad_version",
    /// The status code is not between 100 and 699.
    BadStatus => "bad_status",
    /// A CR without LF in the header section.
    BareCr => "bare_cr",
    /// An LF without CR in the header section.
    BareLf => "bare_lf",
    /// The bytes end before the empty line after the header fields.
    NoEndOfHeaders => "no_end_of_headers",
    /// A header line has no colon.
    NoColon => "no_colon",
    /// A header name is empty or not a token.
    BadHeaderName => "bad_header_name",
    /// A header field that may stand once stands twice.
    DuplicateHeader => "duplicate_header",
    /// No Via.
    MissingVia => "missing_via",
    /// No From.
    MissingFrom => "missing_from",
    /// No To.
    MissingTo => "missing_to",
    /// No Call-ID.
    MissingCallId => "missing_call_id",
    /// No CSeq.
    MissingCseq => "missing_cseq",
    /// The top Via cannot be read.
    BadVia => "bad_via",
    /// From cannot be read.
    BadFrom => "bad_from",
    /// To cannot be read.
    BadTo => "bad_to",
    /// Call-ID is empty or has blanks or control bytes.
    BadCallId => "bad_call_id",
    /// CSeq is not a 32-bit number and a method.
    BadCseq => "bad_cseq",
    /// The method of CSeq is not that of the request line.
    CseqMethodMismatch => "cseq_method_mismatch",
    /// The first Contact cannot be read.
    BadContact => "bad_contact",
    /// A Route or Record-Route element cannot be read.
    BadRoute => "bad_route",
    /// Max-Forwards is not a number from 0 to 255.
    BadMaxForwards => "bad_max_forwards",
    /// Content-Length is not a number.
    BadContentLength => "bad_content_length",
    /// No Content-Length in a message of a stream.
    MissingContentLength => "missing_content_length",
    /// Content-Length promises more than the datagram holds.
    BodyTruncated => "body_truncated",
}

impl ParseErrorKind {
    /// The status that a request with this fault earns; `None` where silence is the only answer.
    ///
    /// Whether an answer can be built at all is decided by [`crate::write::answer_malformed`].
    #[must_use]
    pub const fn answer(self) -> Option<Status> {
        match self {
            Self::NotSip | Self::MissingVia | Self::BadStatus => None,
            //= https://www.rfc-editor.org/rfc/rfc3261#section-21.5.6
            //# The server does not support, or refuses to support, the SIP protocol
            //# version that was used in the request.
            Self::BadVersion => Some(Status::VERSION_NOT_SUPPORTED),
            Self::TooLarge | Self::TooManyHeaders => Some(Status::MESSAGE_TOO_LARGE),
            _ => Some(Status::BAD_REQUEST),
        }
    }
}

impl fmt::Display for ParseErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for ParseError {}
