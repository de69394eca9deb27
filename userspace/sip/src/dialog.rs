//! Dialogs: RFC 3261 section 12.
//!
//! A [`Dialog`] is what one side of a call remembers about its peer: who both are, where requests go, and how they are
//! numbered. It is data and rules; it sends nothing and knows no call. [`SuccessRepeat`] is the clock of a 2xx that has
//! to be repeated until its ACK comes.

mod creation;
mod repeat;
mod route_set;

use alloc::boxed::Box;

use crate::message::Message;
use crate::method::Method;
use crate::path::Path;
use crate::status::Status;
use crate::write::Writer;
use creation::contact_uri;
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
    /// A UAS's own 2xx has been sent: the dialog is confirmed.
    pub fn confirm(&mut self) {
        self.state = DialogState::Confirmed;
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
