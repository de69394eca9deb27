//! Dialogs: RFC 3261 section 12.
//!
//! A [`Dialog`] is what one side of a call remembers about its peer: who both are, where requests go, and how they are
//! numbered. It is data and rules; it sends nothing and knows no call. [`SuccessRepeat`] is the clock of a 2xx that has
//! to be repeated until its ACK comes.

mod repeat;
mod route_set;

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::header::Name;
use crate::message::Message;
use crate::method::Method;
use crate::path::{Path, Transport};
use crate::status::{Class, Status};
use crate::uri::Uri;
use crate::write::Writer;
pub use repeat::{Repeat, SuccessRepeat};
use route_set::RouteSet;

/// One side's state of a dialog.
///
/// Its texts are owned and bounded: together they are no longer than the message they came from, and
/// [`DIALOG_BYTES_MAX`].
#[derive(Clone, Debug)]
pub struct Dialog {
    state: DialogState,
    is_secure: bool,
    local_cseq: Option<u32>,
    remote_cseq: Option<u32>,
    call_id: Box<[u8]>,
    local_tag: Box<[u8]>,
    remote_tag: Box<[u8]>,
    /// The value of From in our requests, tag included.
    local: Box<[u8]>,
    /// The value of To in our requests, tag included.
    remote: Box<[u8]>,
    remote_target: Box<[u8]>,
    route_set: RouteSet,
}

/// How far a dialog is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogState {
    /// Made by a provisional response.
    Early,
    /// Made or confirmed by a 2xx.
    Confirmed,
}

/// Why a message makes no dialog.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DialogError {
    /// A request or 2xx without a Contact, or with one that is not a SIP URI.
    NoContact,
    /// A provisional response without a To tag, or one that is 100 or final and no 2xx.
    NotEstablishing,
    /// A Record-Route that cannot be read.
    BadRoute,
    /// More text than [`DIALOG_BYTES_MAX`] or more routes than [`ROUTES_MAX`].
    TooLarge,
}

/// Whether a request within a dialog comes in its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Order {
    /// It does.
    InOrder,
    /// It is older than one already seen: 500.
    OutOfOrder,
}

impl Dialog {
    /// The early dialog of a UAS that answers `request` with `local_tag` in the To field.
    ///
    /// # Errors
    /// [`DialogError::NoContact`], [`DialogError::BadRoute`], [`DialogError::TooLarge`].
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.1
    //# The remote sequence number MUST be set to the value of the sequence
    //# number in the CSeq header field of the request.  The local sequence
    //# number MUST be empty.
    pub fn from_request(
        request: &Message<'_>,
        local_tag: &[u8],
        via: Transport,
    ) -> Result<Self, DialogError> {
        let (from, to) = (request.from(), request.to());
        let local = match to.tag() {
            Some(_) => one_line(&[to.raw()]),
            None => one_line(&[to.raw(), b";tag=", local_tag]),
        };
        //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.1
        //# If the request arrived over TLS, and the Request-URI contained a SIPS
        //# URI, the "secure" flag is set to TRUE.
        let is_secure =
            via == Transport::Tls && Uri::parse(request.request_uri()).is_ok_and(|uri| uri.is_sips());
        Self {
            state: DialogState::Early,
            is_secure,
            local_cseq: None,
            remote_cseq: Some(request.cseq().number),
            call_id: request.call_id().into(),
            local_tag: to.tag().unwrap_or(local_tag).into(),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.1
            //# A UAS MUST be prepared to receive a
            //# request without a tag in the From field, in which case the tag is
            //# considered to have a value of null.
            remote_tag: from.tag().unwrap_or_default().into(),
            local,
            remote: one_line(&[from.raw()]),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.1
            //# The remote target MUST be set to the URI
            //# from the Contact header field of the request.
            remote_target: contact_uri(request).ok_or(DialogError::NoContact)?.into(),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.1
            //# The route set MUST be set to the list of URIs in the Record-Route
            //# header field from the request, taken in order and preserving all URI
            //# parameters.
            route_set: RouteSet::read(request.values(Name::RecordRoute), false)?,
        }
        .bounded()
    }

    /// The dialog of a UAC whose INVITE to `request_uri` got `response`: early for a 1xx, confirmed for a 2xx.
    ///
    /// Some peers leave the Contact out of a 1xx; until the 2xx brings it, the remote target is `request_uri`.
    ///
    /// # Errors
    /// [`DialogError::NotEstablishing`] for a 100, a 1xx without a To tag, and any failure;
    /// [`DialogError::NoContact`] for a 2xx without one; [`DialogError::BadRoute`], [`DialogError::TooLarge`].
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.2
    //# The local sequence number MUST be set to the value of the sequence
    //# number in the CSeq header field of the request.  The remote sequence
    //# number MUST be empty (it is established when the remote UA sends a
    //# request within the dialog).
    pub fn from_response(
        response: &Message<'_>,
        request_uri: &[u8],
        via: Transport,
    ) -> Result<Self, DialogError> {
        let (from, to) = (response.from(), response.to());
        let status = response.status().ok_or(DialogError::NotEstablishing)?;
        let state = establishes(status, to.tag().is_some()).ok_or(DialogError::NotEstablishing)?;
        let remote_target = match (contact_uri(response), state) {
            (Some(contact), _) => contact,
            (None, DialogState::Early) => request_uri,
            (None, DialogState::Confirmed) => return Err(DialogError::NoContact),
        };
        //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.2
        //# If the request was sent over TLS, and the Request-URI contained a
        //# SIPS URI, the "secure" flag is set to TRUE.
        let is_secure = via == Transport::Tls && Uri::parse(request_uri).is_ok_and(|uri| uri.is_sips());
        Self {
            state,
            is_secure,
            local_cseq: Some(response.cseq().number),
            remote_cseq: None,
            call_id: response.call_id().into(),
            local_tag: from.tag().unwrap_or_default().into(),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.2
            //# A
            //# UAC MUST be prepared to receive a response without a tag in the To
            //# field, in which case the tag is considered to have a value of null.
            remote_tag: to.tag().unwrap_or_default().into(),
            local: one_line(&[from.raw()]),
            remote: one_line(&[to.raw()]),
            remote_target: remote_target.into(),
            //= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.2
            //# The route set MUST be set to the list of URIs in the Record-Route
            //# header field from the response, taken in reverse order and preserving
            //# all URI parameters.
            route_set: RouteSet::read(response.values(Name::RecordRoute), true)?,
        }
        .bounded()
    }

    fn bounded(self) -> Result<Self, DialogError> {
        let texts = [
            &self.call_id,
            &self.local_tag,
            &self.remote_tag,
            &self.local,
            &self.remote,
        ];
        let len = texts.iter().map(|text| text.len()).sum::<usize>();
        let total = len + self.remote_target.len() + self.route_set.len_bytes();
        if total > DIALOG_BYTES_MAX {
            Err(DialogError::TooLarge)
        } else {
            Ok(self)
        }
    }

    /// A UAS's own 2xx has been sent: the dialog is confirmed.
    pub fn confirm(&mut self) {
        self.state = DialogState::Confirmed;
    }

    /// A 2xx to the INVITE that made this early dialog: confirms it.
    ///
    /// # Errors
    /// As of [`Dialog::from_response`]; the dialog is then as it was.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-13.2.2.4
    //# If the dialog identifier in the 2xx response matches the dialog
    //# identifier of an existing dialog, the dialog MUST be transitioned to
    //# the "confirmed" state, and the route set for the dialog MUST be
    //# recomputed based on the 2xx response using the procedures of Section
    //# 12.2.1.2.
    pub fn on_success(&mut self, response: &Message<'_>) -> Result<(), DialogError> {
        let route_set = RouteSet::read(response.values(Name::RecordRoute), true)?;
        let remote_target = contact_uri(response).ok_or(DialogError::NoContact)?.into();
        let confirmed = Self {
            state: DialogState::Confirmed,
            route_set,
            remote_target,
            ..self.clone()
        };
        *self = confirmed.bounded()?;
        Ok(())
    }

    /// Whether `message`, a request from the peer or a response to a request of ours, belongs to this dialog.
    #[must_use]
    pub fn is_dialog_of(&self, message: &Message<'_>) -> bool {
        let (from, to) = (message.from().tag(), message.to().tag());
        let (local, remote) = if message.is_request() {
            (to, from)
        } else {
            (from, to)
        };
        *self.call_id == *message.call_id()
            && self.local_tag.eq_ignore_ascii_case(local.unwrap_or_default())
            && self.remote_tag.eq_ignore_ascii_case(remote.unwrap_or_default())
    }

    /// Checks the number of a request within the dialog, and remembers it if it is in order.
    ///
    /// An ACK and a CANCEL carry the number of their INVITE and are always in order.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.2
    //# If the remote sequence number was not empty, but the sequence number
    //# of the request is lower than the remote sequence number, the request
    //# is out of order and MUST be rejected with a 500 (Server Internal
    //# Error) response.
    pub fn on_request(&mut self, request: &Message<'_>) -> Order {
        let cseq = request.cseq();
        if matches!(cseq.method, Method::Ack | Method::Cancel) {
            return Order::InOrder;
        }
        if self.remote_cseq.is_some_and(|last| cseq.number < last) {
            return Order::OutOfOrder;
        }
        //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.2
        //# The UAS MUST then set
        //# the remote sequence number to the value of the sequence number in the
        //# CSeq header field value in the request.
        self.remote_cseq = Some(cseq.number);
        Order::InOrder
    }

    /// Takes the remote target from a target refresh request that was accepted, or from a 2xx to one of ours.
    ///
    /// INVITE and UPDATE (RFC 3311) refresh; any other message, and one without a Contact, changes nothing.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.2
    //# When a UAS receives a target refresh request, it MUST replace the
    //# dialog's remote target URI with the URI from the Contact header field
    //# in that request, if present.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.2
    //# When a UAC receives a 2xx response to a target refresh request, it
    //# MUST replace the dialog's remote target URI with the URI from the
    //# Contact header field in that response, if present.
    pub fn refresh_target(&mut self, message: &Message<'_>) {
        let refreshes = matches!(message.cseq().method, Method::Invite | Method::Update)
            && message.status().is_none_or(Status::is_success);
        if let Some(contact) = contact_uri(message)
            && refreshes
            && contact.len() <= DIALOG_BYTES_MAX
        {
            self.remote_target = contact.into();
        }
    }

    /// The number for the next request of ours; an ACK or CANCEL has that of its INVITE instead.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.1
    //# Therefore, if
    //# the local sequence number is not empty, the value of the local
    //# sequence number MUST be incremented by one, and this value MUST be
    //# placed into the CSeq header field.
    pub fn next_cseq(&mut self) -> u32 {
        let next = self.local_cseq.map_or(FIRST_CSEQ, |last| last.wrapping_add(1));
        self.local_cseq = Some(next);
        next
    }

    /// Begins a request within the dialog: request line, Via, Route, Max-Forwards, From, To, Call-ID and CSeq.
    ///
    /// The caller adds what else the request needs, such as Contact, and finishes it. `cseq` is [`Dialog::next_cseq`],
    /// but for an ACK it is the number of the INVITE whose 2xx it acknowledges. `branch` goes into the Via of `path`.
    #[must_use]
    pub fn request<'b>(
        &self,
        method: &[u8],
        cseq: u32,
        path: &Path,
        branch: &[u8],
        buffer: &'b mut [u8],
    ) -> Writer<'b> {
        let mut writer = Writer::new(buffer);
        self.route_set
            .write(method, &self.remote_target, &mut writer, |writer| {
                path.write_via(branch, writer);
            });
        writer.field(b"Max-Forwards", b"70");
        //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.1
        //# The URI in the To field of the request MUST be set to the remote URI
        //# from the dialog state.  The tag in the To header field of the request
        //# MUST be set to the remote tag of the dialog ID.  The From URI of the
        //# request MUST be set to the local URI from the dialog state.  The tag
        //# in the From header field of the request MUST be set to the local tag
        //# of the dialog ID.
        writer.field(b"From", &self.local);
        writer.field(b"To", &self.remote);
        writer.field(b"Call-ID", &self.call_id);
        writer
            .raw(b"CSeq: ")
            .number(u64::from(cseq))
            .raw(b" ")
            .raw(method)
            .raw(b"\r\n");
        writer
    }

    /// The URI that says where requests go: the first route, else the remote target.
    #[must_use]
    pub fn next_hop(&self) -> &[u8] {
        self.route_set.first().unwrap_or(&self.remote_target)
    }

    /// How far the dialog is.
    #[must_use]
    pub fn state(&self) -> DialogState {
        self.state
    }

    /// Whether our Contact has to be a SIPS URI.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The Call-ID.
    #[must_use]
    pub fn call_id(&self) -> &[u8] {
        &self.call_id
    }

    /// Our tag.
    #[must_use]
    pub fn local_tag(&self) -> &[u8] {
        &self.local_tag
    }

    /// The peer's tag; empty if it gave none.
    #[must_use]
    pub fn remote_tag(&self) -> &[u8] {
        &self.remote_tag
    }

    /// The value of From in our requests, tag included.
    #[must_use]
    pub fn local(&self) -> &[u8] {
        &self.local
    }

    /// The value of To in our requests, tag included.
    #[must_use]
    pub fn remote(&self) -> &[u8] {
        &self.remote
    }

    /// The URI of the peer itself.
    #[must_use]
    pub fn remote_target(&self) -> &[u8] {
        &self.remote_target
    }

    /// The number of our latest request, if there was one.
    #[must_use]
    pub fn local_cseq(&self) -> Option<u32> {
        self.local_cseq
    }

    /// The number of the peer's latest request, if there was one.
    #[must_use]
    pub fn remote_cseq(&self) -> Option<u32> {
        self.remote_cseq
    }

    /// The URIs that requests are routed by, first hop first.
    pub fn routes(&self) -> impl Iterator<Item = &[u8]> {
        self.route_set.iter()
    }
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-12.1
//# Within this specification, only
//# 2xx and 101-199 responses with a To tag, where the request was
//# INVITE, will establish a dialog.
fn establishes(status: Status, has_tag: bool) -> Option<DialogState> {
    match status.class() {
        Class::Provisional if has_tag && status != Status::TRYING => Some(DialogState::Early),
        Class::Success => Some(DialogState::Confirmed),
        Class::Provisional
        | Class::Redirection
        | Class::ClientError
        | Class::ServerError
        | Class::GlobalFailure => None,
    }
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-12.1.1
//# The URI provided in the Contact header field MUST be a SIP
//# or SIPS URI.
fn contact_uri<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    let contact = message.contact()?;
    let is_sip = contact.uri().is_ok_and(|uri| {
        uri.scheme_bytes().eq_ignore_ascii_case(b"sip") || uri.scheme_bytes().eq_ignore_ascii_case(b"sips")
    });
    is_sip.then_some(contact.uri_bytes())
}

/// The parts in a row, without the line breaks of folded values.
fn one_line(parts: &[&[u8]]) -> Box<[u8]> {
    let mut line = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
    for byte in parts.iter().copied().flatten() {
        line.push(if matches!(byte, b'\r' | b'\n') {
            b' '
        } else {
            *byte
        });
    }
    line.into_boxed_slice()
}

/// Most bytes of text that a dialog keeps. Real dialogs have a few hundred; this bounds what a peer can make us hold.
pub const DIALOG_BYTES_MAX: usize = 8192;

/// Most routes of a dialog. Each is a proxy on the path, and Max-Forwards starts at 70.
pub const ROUTES_MAX: usize = 70;

//= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.1.5
//# The sequence number value MUST be expressible as a 32-bit unsigned integer
//# and MUST be less than 2**31.
const FIRST_CSEQ: u32 = 1;

#[cfg(test)]
mod tests;
