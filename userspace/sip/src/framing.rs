//! A byte stream (TCP, TLS) to messages, by Content-Length.
#![deny(clippy::indexing_slicing)]

use crate::error::{ParseError, ParseErrorKind as Kind};
use crate::header::Name;
use crate::limits::{MESSAGE_BYTES_MAX, STREAM_HEADER_BYTES_MAX};
use crate::parse::{field_line, line_fault};
use crate::scan::{self, Lines};

/// What stands at the front of the stream's buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing whole yet: read more.
    More,
    /// One CRLF between messages, or the pong of RFC 5626: drop the bytes up to `end`.
    Blank {
        /// Bytes to drop.
        end: usize,
    },
    /// The second CRLF of a ping (RFC 5626): drop the bytes up to `end` and answer with one CRLF.
    Ping {
        /// Bytes to drop.
        end: usize,
    },
    /// A whole message: parse the bytes up to `end`, then drop them.
    Message {
        /// Bytes of the message.
        end: usize,
    },
    /// The stream cannot be framed any more and must be closed.
    Broken(ParseError),
}

/// Finds the messages in a growing buffer.
///
/// Call [`Framer::next`] with all bytes that were not dropped yet, after each read and after each drop. What was
/// searched once is not searched again, so any division of the stream into reads costs the same and gives the
/// same messages.
#[derive(Clone, Debug, Default)]
pub struct Framer {
    /// Bytes in which no end of the header section was found.
    searched: usize,
    /// End of the message in front, once its header section is known.
    end: Option<usize>,
    /// CRLFs since the last message: every second one completes a ping.
    blanks: u32,
    broken: Option<ParseError>,
}

impl Framer {
    /// A framer at the beginning of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Says what stands at the front of `buffer`. A stream that is broken stays so.
    pub fn next(&mut self, buffer: &[u8]) -> Step {
        if let Some(error) = self.broken {
            return Step::Broken(error);
        }
        match self.step(buffer) {
            Ok(step) => step,
            Err(error) => {
                self.broken = Some(error);
                Step::Broken(error)
            }
        }
    }

    fn step(&mut self, buffer: &[u8]) -> Result<Step, ParseError> {
        match (buffer.first(), buffer.get(1)) {
            (None, _) | (Some(b'\r'), None) => return Ok(Step::More),
            (Some(b'\r'), Some(b'\n')) => {
                self.blanks += 1;
                let is_ping = self.blanks.is_multiple_of(2);
                return Ok(if is_ping {
                    Step::Ping { end: 2 }
                } else {
                    Step::Blank { end: 2 }
                });
            }
            (Some(&first), _) if scan::token_end(&[first], 0) == 0 => {
                return Err(ParseError {
                    kind: Kind::NotSip,
                    offset: 0,
                });
            }
            _ => {}
        }
        let end = match self.end {
            Some(end) => end,
            None => match self.header_end(buffer)? {
                Some(header_end) => message_end(buffer, header_end)?,
                None => return Ok(Step::More),
            },
        };
        if end > MESSAGE_BYTES_MAX {
            return Err(ParseError {
                kind: Kind::TooLarge,
                offset: MESSAGE_BYTES_MAX,
            });
        }
        if end > buffer.len() {
            self.end = Some(end);
            return Ok(Step::More);
        }
        *self = Self::default();
        Ok(Step::Message { end })
    }

    /// Position after the empty line, if it is there.
    fn header_end(&mut self, buffer: &[u8]) -> Result<Option<usize>, ParseError> {
        let from = self.searched.saturating_sub(END_OF_HEADERS.len() - 1);
        let rest = buffer.get(from..).unwrap_or_default();
        if let Some(found) = memchr::memmem::find(rest, END_OF_HEADERS) {
            let end = from + found + END_OF_HEADERS.len();
            if end <= STREAM_HEADER_BYTES_MAX {
                return Ok(Some(end));
            }
            return Err(ParseError {
                kind: Kind::TooLarge,
                offset: STREAM_HEADER_BYTES_MAX,
            });
        }
        self.searched = buffer.len();
        if buffer.len() >= STREAM_HEADER_BYTES_MAX {
            return Err(ParseError {
                kind: Kind::TooLarge,
                offset: STREAM_HEADER_BYTES_MAX,
            });
        }
        Ok(None)
    }
}

/// End of the message whose header section ends at `header_end`.
//= https://www.rfc-editor.org/rfc/rfc3261#section-18.3
//# The Content-Length header field MUST be used with stream oriented
//# transports.
fn message_end(buffer: &[u8], header_end: usize) -> Result<usize, ParseError> {
    let head = buffer.get(..header_end).unwrap_or_default();
    let mut lines = Lines::new(head, 0);
    let start_end = lines.next_end(0).map_err(|end| line_fault(head, end))?;
    let mut at = start_end + 2;
    let mut length = None;
    while let Some(line) = field_line(head, at, &mut lines)? {
        if line.name == Name::ContentLength {
            let offset = line.span.value_start();
            if length.is_some() {
                return Err(ParseError {
                    kind: Kind::DuplicateHeader,
                    offset: at,
                });
            }
            let number = scan::number(line.span.value(head));
            length = Some(number.ok_or(ParseError {
                kind: Kind::BadContentLength,
                offset,
            })?);
        }
        at = line.next;
    }
    let length = length.ok_or(ParseError {
        kind: Kind::MissingContentLength,
        offset: header_end,
    })?;
    Ok(header_end.saturating_add(usize::try_from(length).unwrap_or(usize::MAX)))
}

const END_OF_HEADERS: &[u8] = b"\r\n\r\n";

#[cfg(test)]
mod tests;
