//! The proxies that requests of a dialog pass.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::{DialogError, ROUTES_MAX};
use crate::header::NameAddr;
use crate::uri::Uri;
use crate::write::Writer;

/// URIs with their parameters, first hop first.
#[derive(Clone, Debug, Default)]
pub(super) struct RouteSet {
    routes: Box<[Box<[u8]>]>,
}

impl RouteSet {
    /// Reads the values of Record-Route.
    pub(super) fn read<'a>(
        values: impl Iterator<Item = &'a [u8]>,
        is_reversed: bool,
    ) -> Result<Self, DialogError> {
        let mut routes: Vec<Box<[u8]>> = Vec::new();
        for value in values {
            if routes.len() == ROUTES_MAX {
                return Err(DialogError::TooLarge);
            }
            let route = NameAddr::parse(value).map_err(|_| DialogError::BadRoute)?;
            route.uri().map_err(|_| DialogError::BadRoute)?;
            routes.push(route.uri_bytes().into());
        }
        if is_reversed {
            routes.reverse();
        }
        Ok(Self {
            routes: routes.into_boxed_slice(),
        })
    }

    pub(super) fn len_bytes(&self) -> usize {
        self.iter().map(<[u8]>::len).sum()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.routes.iter().map(AsRef::as_ref)
    }

    pub(super) fn first(&self) -> Option<&[u8]> {
        self.routes.first().map(AsRef::as_ref)
    }

    /// Writes the request line and the Route fields; `between` writes what stands between them.
    pub(super) fn write(
        &self,
        method: &[u8],
        remote_target: &[u8],
        writer: &mut Writer<'_>,
        between: impl FnOnce(&mut Writer<'_>),
    ) {
        match self.routes.split_first() {
            //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.1
            //# If the route set is empty, the UAC MUST place the remote target URI
            //# into the Request-URI.  The UAC MUST NOT add a Route header field to
            //# the request.
            None => {
                writer.request_line(method, remote_target);
                between(writer);
            }
            //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.1
            //# If the route set is not empty, and the first URI in the route set
            //# contains the lr parameter (see Section 19.1.1), the UAC MUST place
            //# the remote target URI into the Request-URI and MUST include a Route
            //# header field containing the route set values in order, including all
            //# parameters.
            Some((first, _)) if is_loose(first) => {
                writer.request_line(method, remote_target);
                between(writer);
                for route in self.iter() {
                    writer.field_parts(b"Route", &[b"<", route, b">"]);
                }
            }
            //= https://www.rfc-editor.org/rfc/rfc3261#section-12.2.1.1
            //# If the route set is not empty, and its first URI does not contain the
            //# lr parameter, the UAC MUST place the first URI from the route set
            //# into the Request-URI, stripping any parameters that are not allowed
            //# in a Request-URI.  The UAC MUST add a Route header field containing
            //# the remainder of the route set values in order, including all
            //# parameters.  The UAC MUST then place the remote target URI into the
            //# Route header field as the last value.
            Some((first, rest)) => {
                let mut request_uri = Vec::with_capacity(first.len());
                push_as_request_uri(first, &mut request_uri);
                writer.request_line(method, &request_uri);
                between(writer);
                for route in rest {
                    writer.field_parts(b"Route", &[b"<", route, b">"]);
                }
                writer.field_parts(b"Route", &[b"<", remote_target, b">"]);
            }
        }
    }
}

fn is_loose(route: &[u8]) -> bool {
    Uri::parse(route).is_ok_and(|uri| uri.param(b"lr").is_some())
}

/// Appends a URI without what RFC 3261 section 19.1.1 does not allow in a Request-URI: headers and the method parameter.
fn push_as_request_uri(route: &[u8], out: &mut Vec<u8>) {
    let Ok(uri) = Uri::parse(route) else {
        out.extend_from_slice(route);
        return;
    };
    // Behind the host and port come the parameters with their semicolons, then the headers with their question mark.
    let tail = uri.headers().map_or(0, |headers| headers.len() + 1);
    let params = uri.params();
    let head = route.len().saturating_sub(tail + params.len());
    let head = route.get(..head).unwrap_or(route);
    out.extend_from_slice(head.strip_suffix(b";").unwrap_or(head));
    for param in params
        .split(|byte| *byte == b';')
        .filter(|param| !param.is_empty())
    {
        let name = param.split(|byte| *byte == b'=').next().unwrap_or_default();
        if !name.eq_ignore_ascii_case(b"method") {
            out.push(b';');
            out.extend_from_slice(param);
        }
    }
}
