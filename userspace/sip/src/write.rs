//! Messages into the caller's buffer.
//!
//! A [`Writer`] appends; what does not fit is left out, remembered, and reported once by [`Writer::finish`], so that
//! callers do not check each line.
#![deny(clippy::indexing_slicing)]

mod malformed;
mod response;
mod sink;

use core::fmt;

pub use malformed::answer_malformed;
pub use response::{response, response_target};
pub(crate) use sink::Sink;

use crate::header::Name;
use crate::status::Status;

/// The buffer was too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Overflow;

impl fmt::Display for Overflow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the buffer is too short for the message")
    }
}

impl core::error::Error for Overflow {}

/// Appends the parts of one message to a buffer.
#[derive(Debug)]
pub struct Writer<'b> {
    sink: Sink<'b>,
}

impl<'b> Writer<'b> {
    /// Begins a message at the start of `buffer`.
    #[must_use]
    pub const fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            sink: Sink::new(buffer),
        }
    }

    /// Appends `METHOD uri SIP/2.0`.
    pub fn request_line(&mut self, method: &[u8], uri: &[u8]) -> &mut Self {
        self.sink.put_all(&[method, b" ", uri, b" SIP/2.0\r\n"]);
        self
    }

    /// Appends `SIP/2.0 code reason`; an empty `reason` becomes the usual one.
    pub fn status_line(&mut self, status: Status, reason: &[u8]) -> &mut Self {
        let reason = if reason.is_empty() {
            status.default_reason().as_bytes()
        } else {
            reason
        };
        self.sink
            .put_all(&[b"SIP/2.0 ", &status.digits(), b" ", reason, b"\r\n"]);
        self
    }

    /// Appends one header field.
    pub fn field(&mut self, name: &[u8], value: &[u8]) -> &mut Self {
        self.sink.put_all(&[name, b": ", value, b"\r\n"]);
        self
    }

    /// Appends one header field by its known name.
    pub fn named(&mut self, name: Name, value: &[u8]) -> &mut Self {
        self.field(name.as_str().as_bytes(), value)
    }

    /// Appends one header field whose value is the parts in a row.
    pub fn field_parts(&mut self, name: &[u8], parts: &[&[u8]]) -> &mut Self {
        self.sink.put_all(&[name, b": "]);
        self.sink.put_all(parts);
        self.sink.put(b"\r\n");
        self
    }

    /// Appends one header field with a decimal value.
    pub fn field_number(&mut self, name: &[u8], value: u64) -> &mut Self {
        self.sink.put_all(&[name, b": "]);
        self.sink.put_number(value);
        self.sink.put(b"\r\n");
        self
    }

    /// Appends bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) -> &mut Self {
        self.sink.put(bytes);
        self
    }

    /// Appends a decimal number.
    pub fn number(&mut self, value: u64) -> &mut Self {
        self.sink.put_number(value);
        self
    }

    /// Appends an address as a URI or Via has it: IPv6 in brackets; the port unless it is `None`.
    pub fn address(&mut self, ip: core::net::IpAddr, port: Option<u16>) -> &mut Self {
        self.sink.put_host(ip);
        if let Some(port) = port {
            self.sink.put(b":");
            self.sink.put_number(u64::from(port));
        }
        self
    }

    /// Bytes written so far.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.sink.len()
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends Content-Type (if there is a body), Content-Length, the empty line and `body`; returns the length of
    /// the whole message.
    ///
    /// # Errors
    /// [`Overflow`] if this or anything before did not fit.
    pub fn finish(&mut self, content_type: Option<&[u8]>, body: &[u8]) -> Result<usize, Overflow> {
        if let Some(content_type) = content_type {
            self.field(b"Content-Type", content_type);
        }
        self.field_number(b"Content-Length", body.len() as u64);
        self.sink.put_all(&[b"\r\n", body]);
        self.sink.finished()
    }
}

#[cfg(test)]
mod tests;
