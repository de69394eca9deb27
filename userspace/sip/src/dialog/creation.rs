//! How a dialog comes about and is confirmed.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::route_set::RouteSet;
use super::{DIALOG_BYTES_MAX, Dialog, DialogError, DialogState};
use crate::header::Name;
use crate::message::Message;
use crate::path::Transport;
use crate::status::{Class, Status};
use crate::uri::Uri;

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
pub(super) fn contact_uri<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
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
