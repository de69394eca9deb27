//! The two requests that follow from an INVITE: the ACK for a failure, and CANCEL.

use crate::header::Name;
use crate::message::Message;
use crate::method::Method;
use crate::write::Writer;

/// Writes the ACK for `response`, a final response from 300 to 699 to `invite`. `None` if it does not fit.
//= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.3
//# The To
//# header field in the ACK MUST equal the To header field in the
//# response being acknowledged, and therefore will usually differ from
//# the To header field in the original request by the addition of the
//# tag parameter.
pub(super) fn write_ack(invite: &Message<'_>, response: &Message<'_>, buffer: &mut [u8]) -> Option<usize> {
    write(Method::Ack, invite, response.to().raw(), buffer)
}

/// Writes the CANCEL for `invite`. `None` if it does not fit.
//= https://www.rfc-editor.org/rfc/rfc3261#section-9.1
//# The Request-URI, Call-ID, To, the numeric part of CSeq, and From header
//# fields in the CANCEL request MUST be identical to those in the
//# request being cancelled, including tags.
pub(super) fn write_cancel(invite: &Message<'_>, buffer: &mut [u8]) -> Option<usize> {
    write(Method::Cancel, invite, invite.to().raw(), buffer)
}

fn write(method: Method, invite: &Message<'_>, to: &[u8], buffer: &mut [u8]) -> Option<usize> {
    let method = method.as_str().as_bytes();
    let mut writer = Writer::new(buffer);
    writer.request_line(method, invite.request_uri());
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.3
    //# The ACK MUST contain a single Via header field, and
    //# this MUST be equal to the top Via header field of the original
    //# request.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-9.1
    //# A CANCEL constructed by a client MUST have only a single Via header
    //# field value matching the top Via value in the request being
    //# cancelled.
    writer.field(b"Via", invite.top_via().raw());
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.3
    //# If the INVITE request whose response is being acknowledged had Route
    //# header fields, those header fields MUST appear in the ACK.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-9.1
    //# If the request being cancelled contains a Route header field, the
    //# CANCEL request MUST include that Route header field's values.
    for route in invite.fields().filter(|field| field.name == Name::Route) {
        writer.field(b"Route", route.value);
    }
    writer.field(b"Max-Forwards", b"70");
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.3
    //# The ACK request constructed by the client transaction MUST contain
    //# values for the Call-ID, From, and Request-URI that are equal to the
    //# values of those header fields in the request passed to the transport
    //# by the client transaction (call this the "original request").
    writer.field(b"From", invite.from().raw());
    writer.field(b"To", to);
    writer.field(b"Call-ID", invite.call_id());
    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.3
    //# The CSeq header field in the ACK MUST contain the same
    //# value for the sequence number as was present in the original request,
    //# but the method parameter MUST be equal to "ACK".
    writer
        .raw(b"CSeq: ")
        .number(u64::from(invite.cseq().number))
        .raw(b" ")
        .raw(method)
        .raw(b"\r\n");
    writer.finish(None, &[]).ok()
}
