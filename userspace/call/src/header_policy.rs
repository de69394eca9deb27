//! What crosses from one side to the other.
//!
//! Every header falls into one class:
//!
//! - **ours**: written anew on each leg; the peer's is never copied (Via, From, To, Call-ID, CSeq, Contact,
//!   Max-Forwards, Route, Record-Route, User-Agent, Server, Allow, Supported, Require, Content-Length, ..).
//! - **identity**: P-Asserted-Identity, P-Preferred-Identity, Remote-Party-ID, Diversion cross with the number
//!   written as the other trunk wants it and our own address as host. Trunks are one trust domain (RFC 3325).
//! - **dropped**: meaningful to one hop, one side or one dialog only (credentials, Warning, Call-Info, Path,
//!   Replaces, Refer-To, History-Info, ..).
//! - **passed**: all the rest, also headers that nobody here knows, byte for byte; unless the value holds an IP
//!   address or a host name of the side it comes from, then it is dropped.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use trunkline_sip::write::Writer;
use trunkline_sip::{Message, Name, NameAddr};

use crate::number;
use crate::plan::{NumberRules, Trunk};

/// Most host names of one side that are looked for.
pub const SECRETS_MAX: usize = 32;

/// Shortest host name that is looked for: shorter ones occur by chance.
pub const SECRET_LEN_MIN: usize = 4;

/// Addresses and host names of one side, which must not reach the other.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    hosts: Vec<Vec<u8>>,
}

/// How numbers and hosts change on the way.
#[derive(Debug, Clone, Copy)]
pub struct Crossing<'c> {
    /// Number rules of the side that the message comes from.
    pub from: &'c NumberRules,
    /// Number rules of the side that it goes to.
    pub to: &'c NumberRules,
    /// Our address on the side that it goes to, as host of identities; with brackets for IPv6.
    pub host: &'c str,
}

impl Secrets {
    /// Collects what `message` and its trunk tell about their side.
    #[must_use]
    pub fn of(message: &Message<'_>, trunk: &Trunk, local: IpAddr, remote: IpAddr) -> Self {
        let mut secrets = Self::of_peer(trunk, local, remote);
        for value in message.values(Name::Via) {
            secrets.add(via_host(value));
        }
        for name in [
            Name::Contact,
            Name::RecordRoute,
            Name::Route,
            Name::PAssertedIdentity,
        ] {
            for value in message.values(name) {
                secrets.add(uri_host(value));
            }
        }
        secrets.add(uri_host(message.from().uri_bytes()));
        secrets.add(uri_host(message.to().uri_bytes()));
        secrets.add(uri_host(message.request_uri()));
        if let Some(at) = message.call_id().iter().position(|&b| b == b'@') {
            secrets.add(&message.call_id()[at + 1..]);
        }
        secrets
    }

    /// What is known about a side that has not spoken yet.
    #[must_use]
    pub fn of_peer(trunk: &Trunk, local: IpAddr, remote: IpAddr) -> Self {
        let mut secrets = Self::default();
        secrets.add(local.to_string().as_bytes());
        secrets.add(remote.to_string().as_bytes());
        for peer in &trunk.peers {
            secrets.add(peer.address.ip().to_string().as_bytes());
        }
        secrets
    }

    /// Adds what a later message of this side tells. The Vias of a response are our own.
    pub fn learn(&mut self, message: &Message<'_>) {
        if message.is_request() {
            self.add(message.top_via().sent_by_host());
        }
        for name in [Name::Contact, Name::RecordRoute, Name::PAssertedIdentity] {
            for value in message.values(name) {
                self.add(uri_host(value));
            }
        }
    }

    /// Whether `value` holds an IP address, or one of the hosts in any case of letters.
    #[must_use]
    pub fn occur_in(&self, value: &[u8]) -> bool {
        holds_address(value)
            || self
                .hosts
                .iter()
                .any(|host| value.windows(host.len()).any(|w| w.eq_ignore_ascii_case(host)))
    }

    fn add(&mut self, host: &[u8]) {
        let host = host.strip_prefix(b"[").unwrap_or(host);
        let host = host.strip_suffix(b"]").unwrap_or(host);
        if host.len() < SECRET_LEN_MIN
            || self.hosts.len() >= SECRETS_MAX
            || self.hosts.iter().any(|h| h == host)
        {
            return;
        }
        self.hosts.push(host.to_vec());
    }
}

/// Writes those headers of `message` that cross.
pub fn cross(message: &Message<'_>, secrets: &Secrets, crossing: &Crossing<'_>, writer: &mut Writer<'_>) {
    for field in message.fields() {
        match class_of(field.name, field.name_bytes) {
            Class::Ours | Class::Dropped => {}
            Class::Identity => {
                for value in elements(field.value) {
                    let text = identity(value, secrets, crossing);
                    writer.field(field.name_bytes, text.as_bytes());
                }
            }
            Class::Passed if secrets.occur_in(field.value) => {}
            Class::Passed => {
                writer.field(field.name_bytes, field.value);
            }
        }
    }
}

/// Whether a body that is not SDP may cross.
#[must_use]
pub fn body_may_cross(body: &[u8], secrets: &Secrets) -> bool {
    !secrets.occur_in(body)
}

/// Takes the lines out of a session description that tell one side's addresses or people to the other.
///
/// The connection, origin and media lines are already ours; an attribute or title with an IP address in it, and the
/// contact lines (`u=`, `e=`, `p=`), are not needed to talk.
pub fn hide_description(description: &mut Vec<u8>) {
    let mut kept = Vec::with_capacity(description.len());
    for line in description.split_inclusive(|&byte| byte == b'\n') {
        let tells = match line.first() {
            Some(b'u' | b'e' | b'p') => true,
            Some(b'a' | b'i' | b'k') => holds_address(line),
            _ => false,
        };
        if !tells {
            kept.extend_from_slice(line);
        }
    }
    *description = kept;
}

/// The user part of a URI as it is written on the other side: a number in the trunk's format, anything else
/// as it is.
#[must_use]
pub fn user_across(user: &[u8], crossing: &Crossing<'_>) -> String {
    let text = String::from_utf8_lossy(user);
    match number::normalise(crossing.from, &text) {
        Some(number) => number::write(crossing.to, &number),
        None => text.into_owned(),
    }
}

/// `"Display" <sip:user@host>` for the other side, without the peer's parameters.
#[must_use]
pub fn identity(value: &[u8], secrets: &Secrets, crossing: &Crossing<'_>) -> String {
    let mut text = String::new();
    let parsed = NameAddr::parse(value).ok();
    let display = parsed
        .as_ref()
        .and_then(NameAddr::display)
        .filter(|d| !secrets.occur_in(d));
    if let Some(display) = display
        .and_then(|d| core::str::from_utf8(d).ok())
        .filter(|d| !d.is_empty())
    {
        push_quoted(&mut text, display);
    }
    let user = parsed.and_then(|p| {
        p.uri()
            .ok()
            .and_then(|u| u.user().map(|user| user_across(user, crossing)))
    });
    text.push_str("<sip:");
    if let Some(user) = user.filter(|u| !u.is_empty() && !secrets.occur_in(u.as_bytes())) {
        text.push_str(&user);
        text.push('@');
    }
    text.push_str(crossing.host);
    text.push('>');
    text
}

/// A display name as a quoted string and a blank, whether or not it was quoted.
fn push_quoted(text: &mut String, display: &str) {
    let bare = display
        .strip_prefix('"')
        .and_then(|d| d.strip_suffix('"'))
        .unwrap_or(display);
    text.push('"');
    text.push_str(bare);
    text.push_str("\" ");
}

enum Class {
    Ours,
    Identity,
    Dropped,
    Passed,
}

fn class_of(name: Name, bytes: &[u8]) -> Class {
    match name {
        Name::Via
        | Name::From
        | Name::To
        | Name::CallId
        | Name::CSeq
        | Name::Contact
        | Name::MaxForwards
        | Name::MaxBreadth
        | Name::ContentLength
        | Name::ContentType
        | Name::Route
        | Name::RecordRoute
        | Name::Require
        | Name::Supported
        | Name::ProxyRequire
        | Name::Unsupported
        | Name::Allow
        | Name::Accept
        | Name::UserAgent
        | Name::Server
        | Name::Timestamp
        | Name::RSeq
        | Name::RAck
        | Name::SessionExpires
        | Name::MinSe => Class::Ours,
        Name::PAssertedIdentity | Name::PPreferredIdentity | Name::RemotePartyId | Name::Diversion => {
            Class::Identity
        }
        Name::Authorization
        | Name::ProxyAuthorization
        | Name::WwwAuthenticate
        | Name::ProxyAuthenticate
        | Name::AuthenticationInfo
        | Name::Warning
        | Name::CallInfo
        | Name::AlertInfo
        | Name::ErrorInfo
        | Name::Path
        | Name::ServiceRoute
        | Name::PAccessNetworkInfo
        | Name::PChargingVector
        | Name::PCalledPartyId
        | Name::HistoryInfo
        | Name::Geolocation
        | Name::GeolocationRouting
        | Name::Replaces
        | Name::Join
        | Name::TargetDialog
        | Name::ReferTo
        | Name::ReferredBy
        | Name::ReplyTo
        | Name::InReplyTo
        | Name::Organization
        | Name::FeatureCaps => Class::Dropped,
        _ if DROPPED
            .iter()
            .any(|entry| entry.as_bytes().eq_ignore_ascii_case(bytes)) =>
        {
            Class::Dropped
        }
        _ => Class::Passed,
    }
}

/// Dropped as well, though the parser has no name for them.
const DROPPED: &[&str] = &[
    "P-Visited-Network-ID",
    "P-Charging-Function-Addresses",
    "P-Associated-URI",
    "Proxy-Authentication-Info",
    "Security-Client",
    "Security-Server",
    "Security-Verify",
    "Flow-Timer",
];

/// The comma-separated elements of one value; commas in quotes and angle brackets do not separate.
fn elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    let mut inside = false;
    value
        .split(move |&b| {
            match b {
                b'"' => quoted = !quoted,
                b'<' if !quoted => inside = true,
                b'>' if !quoted => inside = false,
                b',' => return !quoted && !inside,
                _ => {}
            }
            false
        })
        .map(<[u8]>::trim_ascii)
        .filter(|e| !e.is_empty())
}

/// Whether an IPv4 or IPv6 address stands somewhere in `value`. Whose it is cannot be told from outside, so any counts.
fn holds_address(value: &[u8]) -> bool {
    let is_part = |b: &u8| b.is_ascii_hexdigit() || matches!(b, b'.' | b':');
    value
        .split(|b| !is_part(b))
        .filter_map(|word| core::str::from_utf8(word).ok())
        .any(|word| {
            let bare = word.trim_matches('.');
            let is_ipv6 = bare.parse::<IpAddr>().is_ok() || bare.trim_matches(':').parse::<IpAddr>().is_ok();
            // `port:host`, `host:port` and `name:host` leave a colon at either end of an IPv4 address.
            is_ipv6
                || bare
                    .split(':')
                    .any(|part| part.trim_matches('.').parse::<Ipv4Addr>().is_ok())
        })
}

/// The host of `SIP/2.0/UDP host:port;..`.
fn via_host(value: &[u8]) -> &[u8] {
    let sent_by = value.split(u8::is_ascii_whitespace).nth(1).unwrap_or_default();
    host_of(sent_by)
}

/// The host of the first sip or sips URI in `value`.
fn uri_host(value: &[u8]) -> &[u8] {
    let Some(colon) = value
        .windows(4)
        .position(|w| w.eq_ignore_ascii_case(b"sip:") || w.eq_ignore_ascii_case(b"ips:"))
    else {
        return &[];
    };
    let rest = &value[colon + 4..];
    let end = rest
        .iter()
        .position(|&b| matches!(b, b'>' | b'?' | b','))
        .unwrap_or(rest.len());
    let rest = &rest[..end];
    let host = rest
        .iter()
        .rposition(|&b| b == b'@')
        .map_or(rest, |at| &rest[at + 1..]);
    host_of(host)
}

/// `host` of `host:port;params`.
fn host_of(text: &[u8]) -> &[u8] {
    if text.first() == Some(&b'[') {
        let end = text.iter().position(|&b| b == b']').unwrap_or(text.len());
        return text.get(1..end).unwrap_or_default();
    }
    let end = text
        .iter()
        .position(|&b| matches!(b, b':' | b';' | b' '))
        .unwrap_or(text.len());
    &text[..end]
}
