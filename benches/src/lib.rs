//! What the benches measure, shared by the timed and the counted ones.
//!
//! - **Owns** the inputs and the units of work. - **Does not own** any code of the product.
//! - **May depend on** every crate, and with the feature `peers` on other SIP parsers.

use std::fs;
use std::path::PathBuf;

use trunkline_sip::write::Writer;
use trunkline_sip::{Message, Name};

#[cfg(feature = "peers")]
pub mod peers;

/// The message that the speed promises name: 1,028 bytes.
pub const INVITE: &str = "asterisk-pjsip-invite.sip";

/// Reads a file of the trunk corpus.
///
/// # Panics
/// If it is not there.
#[must_use]
pub fn trunk_message(file: &str) -> Vec<u8> {
    let path = trunk_folder().join(file);
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The trunk corpus: every file name with its bytes, sorted.
///
/// # Panics
/// If it cannot be read.
#[must_use]
pub fn trunk_corpus() -> Vec<(String, Vec<u8>)> {
    let folder = fs::read_dir(trunk_folder()).expect("the corpus is part of the source tree");
    let mut files: Vec<_> = folder
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.ends_with(".sip"))
        .map(|name| (name.clone(), trunk_message(&name)))
        .collect();
    files.sort();
    files
}

fn trunk_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/data/torture/trunk")
}

/// What routing needs of a message.
#[derive(Debug)]
pub struct Routing<'a> {
    /// Request-URI.
    pub uri: &'a [u8],
    /// Branch of the top Via.
    pub branch: Option<&'a [u8]>,
    /// From tag and To tag.
    pub tags: [Option<&'a [u8]>; 2],
    /// Call-ID.
    pub call_id: &'a [u8],
    /// Number of CSeq.
    pub cseq: u32,
    /// URI of Contact.
    pub contact: Option<&'a [u8]>,
    /// Content-Length.
    pub content_length: Option<u32>,
    /// Max-Forwards.
    pub max_forwards: Option<u8>,
    /// First Route and Record-Route.
    pub routes: [Option<&'a [u8]>; 2],
}

/// Takes the fields that routing needs.
#[inline]
#[must_use]
pub fn routing<'a>(message: &Message<'a>) -> Routing<'a> {
    Routing {
        uri: message.request_uri(),
        branch: message.top_via().branch(),
        tags: [message.from().tag(), message.to().tag()],
        call_id: message.call_id(),
        cseq: message.cseq().number,
        contact: message.contact().map(|contact| contact.uri_bytes()),
        content_length: message.content_length(),
        max_forwards: message.max_forwards(),
        routes: [message.header(Name::Route), message.header(Name::RecordRoute)],
    }
}

/// Writes the INVITE of the B-leg for an INVITE of the A-leg; returns its length.
///
/// # Panics
/// If `buffer` is too small.
pub fn write_invite(message: &Message<'_>, buffer: &mut [u8]) -> usize {
    let mut writer = Writer::new(buffer);
    writer
        .request_line(b"INVITE", b"sip:+13125550187@192.0.2.10:5060")
        .field_parts(
            b"Via",
            &[
                b"SIP/2.0/UDP 192.0.2.1:5060;rport;branch=",
                b"z9hG4bK00a1b2c3d4e5f60718293a4b",
            ],
        )
        .field(b"Max-Forwards", b"69")
        .field_parts(
            b"From",
            &[b"<sip:+12025550142@192.0.2.1>;tag=", b"00a1b2c3d4e5f607"],
        )
        .field(b"To", b"<sip:+13125550187@192.0.2.10>")
        .field(b"Call-ID", b"00a1b2c3d4e5f60718293a4b5c6d7e8f")
        .field(b"CSeq", b"1 INVITE")
        .field(b"Contact", b"<sip:192.0.2.1:5060>");
    for name in [
        Name::Allow,
        Name::Supported,
        Name::SessionExpires,
        Name::MinSe,
        Name::PAssertedIdentity,
    ] {
        if let Some(value) = message.header(name) {
            writer.named(name, value);
        }
    }
    writer
        .finish(message.content_type(), message.body())
        .expect("the buffer holds a datagram")
}
