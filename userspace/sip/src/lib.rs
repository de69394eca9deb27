#![no_std]
// The vector instructions of scan.rs are the one exception, where they exist.
#![cfg_attr(target_arch = "x86_64", deny(unsafe_code))]
#![cfg_attr(not(target_arch = "x86_64"), forbid(unsafe_code))]
//! SIP as the RFCs have it: messages, session descriptions, transactions, dialogs.
//!
//! - **Owns** the bytes of SIP and SDP: reading them without copying, writing them into the caller's buffer, the
//!   state machines of RFC 3261 section 17, dialogs, and the tokens that say who owns them.
//! - **Does not own** sockets, clocks, randomness, trunks, routes or policy: `now` and entropy are arguments.
//! - **May depend on** `trunkline-time`.

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod dialog;
pub mod digest;
pub mod error;
pub mod framing;
pub mod header;
pub mod limits;
pub mod message;
pub mod method;
pub mod multipart;
pub mod parse;
pub mod path;
mod scan;
pub mod sdp;
pub mod status;
pub mod token;
pub mod transaction;
pub mod uri;
pub mod write;

pub use error::{ParseError, ParseErrorKind};
pub use header::{CSeq, Name, NameAddr, Via};
pub use message::{Field, Message, is_keepalive};
pub use method::Method;
pub use parse::parse;
pub use scan::Elements;
pub use status::{Class, Status};
pub use token::{Entropy, Token, TokenText};
pub use uri::{Scheme, Uri};
