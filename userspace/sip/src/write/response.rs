//! Responses to a request, and where they go.
#![deny(clippy::indexing_slicing)]

use core::net::{IpAddr, SocketAddr};

use super::{Sink, Writer};
use crate::header::{Name, Via};
use crate::message::Message;
use crate::status::Status;
use crate::uri::ip_of_host;

/// Begins a response to `request`, which came from `source`: status line, all Vias, From, To, Call-ID and CSeq.
///
/// The top Via gets `received` and `rport`. `to_tag` is added unless To has a tag already. The caller appends
/// other fields and calls [`Writer::finish`].
//= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.6.2
//# The From field of the response MUST equal the From header field of
//# the request.  The Call-ID header field of the response MUST equal the
//# Call-ID header field of the request.  The CSeq header field of the
//# response MUST equal the CSeq field of the request.  The Via header
//# field values in the response MUST equal the Via header field values
//# in the request and MUST maintain the same ordering.
#[must_use]
pub fn response<'b>(
    request: &Message<'_>,
    source: SocketAddr,
    status: Status,
    reason: &[u8],
    to_tag: Option<&[u8]>,
    buffer: &'b mut [u8],
) -> Writer<'b> {
    let mut writer = Writer::new(buffer);
    writer.status_line(status, reason);
    let top = request.top_via();
    let mut is_top = true;
    for field in request.fields() {
        match field.name {
            Name::Via if is_top => {
                is_top = false;
                writer.raw(b"Via: ");
                put_top_via(&mut writer.sink, &top, source);
                // What follows the top element in its field begins with its comma.
                let rest = rest_after_top(field.value, &top);
                writer.raw(rest).raw(b"\r\n");
            }
            Name::Via => {
                writer.field(b"Via", field.value);
            }
            Name::From => {
                writer.field(b"From", field.value);
            }
            Name::To => put_to(&mut writer, request, field.value, to_tag),
            Name::CallId => {
                writer.field(b"Call-ID", field.value);
            }
            Name::CSeq => {
                writer.field(b"CSeq", field.value);
            }
            _ => {}
        }
    }
    writer
}

//= https://www.rfc-editor.org/rfc/rfc3261#section-8.2.6.2
//# However, if the To header field in the request did not contain a tag,
//# the URI in the To header field in the response MUST equal the URI in
//# the To header field; additionally, the UAS MUST add a tag to the To
//# header field in the response (with the exception of the 100 (Trying)
//# response, in which a tag MAY be present).
fn put_to(writer: &mut Writer<'_>, request: &Message<'_>, value: &[u8], to_tag: Option<&[u8]>) {
    match to_tag {
        Some(tag) if request.to().tag().is_none() => writer.field_parts(b"To", &[value, b";tag=", tag]),
        _ => writer.field(b"To", value),
    };
}

/// Where a response to `request` goes over UDP.
///
/// `maddr` is not followed: it would let anyone aim our responses at a third party. Over TCP and TLS a response
/// goes back over its connection, and to this address only when that is gone.
//= https://www.rfc-editor.org/rfc/rfc3581#section-4
//# When a server attempts to send a response, it examines the topmost
//# Via header field value of that response.  If the "sent-protocol"
//# component indicates an unreliable unicast transport protocol, such as
//# UDP, and there is no "maddr" parameter, but there is both a
//# "received" parameter and an "rport" parameter, the response MUST be
//# sent to the IP address listed in the "received" parameter, and the
//# port in the "rport" parameter.
#[must_use]
pub fn response_target(request: &Message<'_>, source: SocketAddr) -> SocketAddr {
    target(&request.top_via(), source)
}

pub(super) fn target(via: &Via<'_>, source: SocketAddr) -> SocketAddr {
    //= https://www.rfc-editor.org/rfc/rfc3261#section-18.2.2
    //# Otherwise (for unreliable unicast transports), if the top Via has a
    //# "received" parameter, the response MUST be sent to the address in the
    //# "received" parameter, using the port indicated in the "sent-by"
    //# value, or using port 5060 if none is specified explicitly.
    // The address is always that of the source: it is what `received` would hold.
    match via.rport() {
        Some(_) => source,
        None => SocketAddr::new(source.ip(), via.sent_by_port().unwrap_or(DEFAULT_PORT)),
    }
}

/// Writes the top Via with the `received` and `rport` that the server adds.
pub(super) fn put_top_via(sink: &mut Sink<'_>, via: &Via<'_>, source: SocketAddr) {
    let has_rport = via.rport().is_some();
    //= https://www.rfc-editor.org/rfc/rfc3261#section-18.2.1
    //# If the host portion of the "sent-by" parameter contains a domain name, or if it
    //# contains an IP address that differs from the packet source address,
    //# the server MUST add a "received" parameter to that Via header field value.
    //= https://www.rfc-editor.org/rfc/rfc3581#section-4
    //# When a server compliant to this specification (which can be a proxy
    //# or UAS) receives a request, it examines the topmost Via header field
    //# value.  If this Via header field value contains an "rport" parameter
    //# with no value, it MUST set the value of the parameter to the source
    //# port of the request.
    let is_elsewhere = ip_of_host(via.sent_by_host()).map(canonical) != Some(canonical(source.ip()));
    if !has_rport && !is_elsewhere && via.received().is_none() {
        sink.put(via.raw());
        return;
    }
    let head = via.raw().len() - via.params().as_bytes().len().min(via.raw().len());
    sink.put(via.raw().get(..head).unwrap_or_default().trim_ascii_end());
    for param in via.params() {
        if param.name.eq_ignore_ascii_case(b"received") || param.name.eq_ignore_ascii_case(b"rport") {
            continue;
        }
        sink.put_all(&[b";", param.name]);
        if let Some(value) = param.value {
            sink.put_all(&[b"=", value]);
        }
    }
    sink.put(b";received=");
    sink.put_ip(canonical(source.ip()));
    if has_rport {
        sink.put(b";rport=");
        sink.put_number(u64::from(source.port()));
    }
}

/// What follows the top element in the value of its field.
pub(super) fn rest_after_top<'a>(value: &'a [u8], top: &Via<'_>) -> &'a [u8] {
    let after = value.get(top.raw().len()..).unwrap_or_default();
    memchr::memchr(b',', after)
        .and_then(|comma| after.get(comma..))
        .unwrap_or_default()
}

/// An IPv4 address that came mapped into IPv6 as the IPv4 address it is.
pub(super) fn canonical(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

const DEFAULT_PORT: u16 = 5060;
