//! A parsed message: an index of header fields over the bytes it was parsed from.
#![deny(clippy::indexing_slicing)]

use crate::error::ParseErrorKind;
use crate::header::{CSeq, Name, NameAddr, Via};
use crate::limits::FIELDS_MAX;
use crate::method::Method;
use crate::scan::{self, Elements};
use crate::status::Status;

/// A SIP request or response that was checked by [`crate::parse()`]. Borrows its bytes; owns nothing.
///
/// What parsing has checked (start line, Via, From, To, Call-ID, CSeq, first Contact, Route, Record-Route,
/// Max-Forwards, Content-Length) costs nothing to ask for; everything else is read when asked.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) start: Start<'a>,
    pub(crate) fields: FieldIndex,
    pub(crate) via: Via<'a>,
    pub(crate) from: NameAddr<'a>,
    pub(crate) to: NameAddr<'a>,
    pub(crate) call_id: &'a [u8],
    pub(crate) cseq: CSeq<'a>,
    pub(crate) contact: Option<NameAddr<'a>>,
    pub(crate) max_forwards: Option<u8>,
    pub(crate) content_length: Option<u32>,
    pub(crate) body: &'a [u8],
}

/// The start line.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Start<'a> {
    Request {
        method: Method,
        method_bytes: &'a [u8],
        uri: &'a [u8],
    },
    Response {
        status: Status,
        reason: &'a [u8],
    },
}

/// Where one header field lies in the message: one word, because every message has an array of them.
///
/// From the lowest bits: its name (8), the length of the name as written (8), its start (16), start of the value (16),
/// end of the value (16).
#[derive(Clone, Copy)]
pub(crate) struct FieldSpan(u64);

/// A name whose length is read from the message when it is asked for: that long, or longer.
pub(crate) const LONG_NAME: u8 = u8::MAX;

impl FieldSpan {
    const NONE: Self = Self(0);

    /// All positions are at most [`crate::limits::MESSAGE_BYTES_MAX`].
    #[inline]
    pub(crate) fn new(name: Name, start: usize, name_len: u8, value: (usize, usize)) -> Self {
        Self(
            name as u64
                | u64::from(name_len) << 8
                | (start as u64) << 16
                | (value.0 as u64) << 32
                | (value.1 as u64) << 48,
        )
    }

    #[inline]
    pub(crate) const fn name(self) -> Name {
        Name::from_number(self.0 as u8)
    }

    #[inline]
    pub(crate) const fn start(self) -> usize {
        (self.0 >> 16) as u16 as usize
    }

    #[inline]
    pub(crate) const fn value_start(self) -> usize {
        (self.0 >> 32) as u16 as usize
    }

    #[inline]
    pub(crate) fn value(self, bytes: &[u8]) -> &[u8] {
        let end = usize::from((self.0 >> 48) as u16);
        bytes.get(self.value_start()..end).unwrap_or_default()
    }

    fn name_bytes(self, bytes: &[u8]) -> &[u8] {
        let rest = bytes.get(self.start()..).unwrap_or_default();
        let len = match (self.0 >> 8) as u8 {
            LONG_NAME => scan::token_end(rest, 0),
            len => usize::from(len),
        };
        rest.get(..len).unwrap_or_default()
    }
}

impl core::fmt::Debug for FieldSpan {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{:?} at {}", self.name(), self.start())
    }
}

/// The header fields in their order, and the first one of each name.
#[derive(Clone, Debug)]
pub(crate) struct FieldIndex {
    spans: [FieldSpan; FIELDS_MAX],
    first: [u8; Name::COUNT],
    count: usize,
}

/// In [`FieldIndex::first`]: no field has that name.
const ABSENT: u8 = u8::MAX;

const _: () = assert!(FIELDS_MAX < ABSENT as usize, "a place is one byte");

impl FieldIndex {
    const EMPTY: Self = Self {
        spans: [FieldSpan::NONE; FIELDS_MAX],
        first: [ABSENT; Name::COUNT],
        count: 0,
    };

    #[inline]
    pub(crate) fn as_slice(&self) -> &[FieldSpan] {
        self.spans.get(..self.count).unwrap_or_default()
    }

    /// The first field of that name.
    #[inline]
    pub(crate) fn first(&self, name: Name) -> Option<FieldSpan> {
        let place = *self.first.get(name as usize)?;
        self.spans.get(usize::from(place)).copied()
    }

    /// The fields of that name, in their order.
    #[inline]
    pub(crate) fn named(&self, name: Name) -> impl Iterator<Item = FieldSpan> {
        let place = self.first.get(name as usize).map_or(ABSENT, |&place| place);
        let rest = self.as_slice().get(usize::from(place)..).unwrap_or_default();
        rest.iter().copied().filter(move |span| span.name() == name)
    }

    /// Appends a field, whose name is `name`.
    ///
    /// # Errors
    /// A second field of a name that stands once, or no room.
    #[inline]
    pub(crate) fn push(&mut self, name: Name, span: FieldSpan) -> Result<(), ParseErrorKind> {
        if let Some(first) = self.first.get_mut(name as usize) {
            if *first == ABSENT {
                *first = self.count as u8;
            } else if name.stands_once() {
                //= https://www.rfc-editor.org/rfc/rfc3261#section-7.3.1
                //# Multiple header field rows with the same field-name MAY be present in a
                //# message if and only if the entire field-value for that header field
                //# is defined as a comma-separated list (i.e., if follows the grammar
                //# defined in Section 7.3).
                return Err(ParseErrorKind::DuplicateHeader);
            }
        }
        let place = self.spans.get_mut(self.count);
        *place.ok_or(ParseErrorKind::TooManyHeaders)? = span;
        self.count += 1;
        Ok(())
    }
}

/// One header field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name, if it is known.
    pub name: Name,
    /// The name as it was written.
    pub name_bytes: &'a [u8],
    /// The value without blanks at its ends; folds inside are kept.
    pub value: &'a [u8],
    /// Byte offset of the field in the message.
    pub offset: usize,
}

impl<'a> Message<'a> {
    /// A message whose fields are not read yet.
    #[inline]
    pub(crate) const fn blank(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            start: Start::Request {
                method: Method::Other,
                method_bytes: &[],
                uri: &[],
            },
            fields: FieldIndex::EMPTY,
            via: Via::BLANK,
            from: NameAddr::BLANK,
            to: NameAddr::BLANK,
            call_id: &[],
            cseq: CSeq::BLANK,
            contact: None,
            max_forwards: None,
            content_length: None,
            body: &[],
        }
    }

    /// The bytes the message was parsed from, with whatever followed its body.
    #[must_use]
    pub const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Whether it is a request.
    #[must_use]
    pub const fn is_request(&self) -> bool {
        matches!(self.start, Start::Request { .. })
    }

    /// The method of a request; of a response, the method of its CSeq.
    #[must_use]
    pub const fn method(&self) -> Method {
        match self.start {
            Start::Request { method, .. } => method,
            Start::Response { .. } => self.cseq.method,
        }
    }

    /// The method as it was written.
    #[must_use]
    pub const fn method_bytes(&self) -> &'a [u8] {
        match self.start {
            Start::Request { method_bytes, .. } => method_bytes,
            Start::Response { .. } => self.cseq.method_bytes,
        }
    }

    /// The status of a response.
    #[must_use]
    pub const fn status(&self) -> Option<Status> {
        match self.start {
            Start::Request { .. } => None,
            Start::Response { status, .. } => Some(status),
        }
    }

    /// The reason phrase of a response; empty for a request.
    #[must_use]
    pub const fn reason_phrase(&self) -> &'a [u8] {
        match self.start {
            Start::Request { .. } => &[],
            Start::Response { reason, .. } => reason,
        }
    }

    /// The Request-URI as it was written; empty for a response.
    #[must_use]
    pub const fn request_uri(&self) -> &'a [u8] {
        match self.start {
            Start::Request { uri, .. } => uri,
            Start::Response { .. } => &[],
        }
    }

    /// All header fields in their order.
    pub fn fields(&self) -> impl Iterator<Item = Field<'a>> + '_ {
        self.fields.as_slice().iter().map(|&span| self.field(span))
    }

    /// The value of the first field of that name.
    #[must_use]
    pub fn header(&self, name: Name) -> Option<&'a [u8]> {
        self.fields.first(name).map(|span| span.value(self.bytes))
    }

    /// The value of the first field whose name is `name` in any case, for names this crate does not know.
    #[must_use]
    pub fn header_by_bytes(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.fields()
            .find(|field| field.name_bytes.eq_ignore_ascii_case(name))
            .map(|field| field.value)
    }

    /// The comma-separated elements of all fields of that name, in their order, trimmed, empty ones left out.
    ///
    /// Only for header fields whose grammar is a list; a Date or a User-Agent has commas of its own.
    pub fn values(&self, name: Name) -> impl Iterator<Item = &'a [u8]> + '_ {
        let spans = self.fields.named(name);
        spans.flat_map(|span| Elements::new(span.value(self.bytes)))
    }

    /// Whether a list of tokens, such as Require or Supported, has `token` in any case.
    #[must_use]
    pub fn lists(&self, name: Name, token: &[u8]) -> bool {
        self.values(name)
            .any(|element| element.eq_ignore_ascii_case(token))
    }

    /// The top Via.
    #[must_use]
    pub const fn top_via(&self) -> Via<'a> {
        self.via
    }

    /// Number of Vias, lists counted by their elements.
    #[must_use]
    pub fn via_count(&self) -> usize {
        self.values(Name::Via).count()
    }

    /// From.
    #[must_use]
    pub const fn from(&self) -> NameAddr<'a> {
        self.from
    }

    /// To.
    #[must_use]
    pub const fn to(&self) -> NameAddr<'a> {
        self.to
    }

    /// Call-ID.
    #[must_use]
    pub const fn call_id(&self) -> &'a [u8] {
        self.call_id
    }

    /// CSeq.
    #[must_use]
    pub const fn cseq(&self) -> CSeq<'a> {
        self.cseq
    }

    /// The first Contact; `None` if there is none, or if it is `*`.
    #[must_use]
    pub const fn contact(&self) -> Option<NameAddr<'a>> {
        self.contact
    }

    /// Max-Forwards.
    #[must_use]
    pub const fn max_forwards(&self) -> Option<u8> {
        self.max_forwards
    }

    /// Content-Length, where it is given.
    #[must_use]
    pub const fn content_length(&self) -> Option<u32> {
        self.content_length
    }

    /// The body: as long as Content-Length says, or all that follows the header fields.
    #[must_use]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The value of Content-Type.
    #[must_use]
    pub fn content_type(&self) -> Option<&'a [u8]> {
        self.header(Name::ContentType)
    }

    fn field(&self, span: FieldSpan) -> Field<'a> {
        Field {
            name: span.name(),
            name_bytes: span.name_bytes(self.bytes),
            value: span.value(self.bytes),
            offset: span.start(),
        }
    }
}

/// Whether `bytes` are a keep-alive and not a message: empty, CRLF, CRLFCRLF, or up to four NULs.
//= https://www.rfc-editor.org/rfc/rfc5626#section-3.5.1
//# the client "ping" is a double CRLF, and the server "pong" is a single CRLF
#[must_use]
pub fn is_keepalive(bytes: &[u8]) -> bool {
    bytes.len() <= KEEPALIVE_BYTES_MAX
        && (bytes.iter().all(|&byte| byte == 0) || scan::trim(bytes).is_empty())
}

const KEEPALIVE_BYTES_MAX: usize = 4;
