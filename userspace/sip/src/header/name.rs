//! Header field names.
#![deny(clippy::indexing_slicing)]

/// Keeps the list of names and their texts equal.
macro_rules! names {
    ($($variant:ident => $text:literal $(/ $compact:literal)?,)+) => {
        /// A header field name that this crate knows, in whatever form it was written.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Name {
            /// Any other name; its text is in the field.
            Other,
            $(#[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl Name {
            /// Every known name.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The long form as it is usually written; empty for [`Name::Other`].
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { Self::Other => "", $(Self::$variant => $text),+ }
            }

            /// The compact form, where there is one.
            #[must_use]
            pub const fn compact(self) -> Option<u8> {
                match self { $($(Self::$variant => Some($compact),)?)+ _ => None }
            }
        }

        const fn of_compact(lower: u8) -> Name {
            match lower { $($($compact => Name::$variant,)?)+ _ => Name::Other }
        }
    };
}

names! {
    Accept => "Accept",
    AcceptContact => "Accept-Contact" / b'a',
    AcceptEncoding => "Accept-Encoding",
    AcceptLanguage => "Accept-Language",
    AlertInfo => "Alert-Info",
    Allow => "Allow",
    AllowEvents => "Allow-Events" / b'u',
    AuthenticationInfo => "Authentication-Info",
    Authorization => "Authorization",
    CallId => "Call-ID" / b'i',
    CallInfo => "Call-Info",
    Contact => "Contact" / b'm',
    ContentDisposition => "Content-Disposition",
    ContentEncoding => "Content-Encoding" / b'e',
    ContentId => "Content-ID",
    ContentLanguage => "Content-Language",
    ContentLength => "Content-Length" / b'l',
    ContentType => "Content-Type" / b'c',
    CSeq => "CSeq",
    Date => "Date",
    Diversion => "Diversion",
    ErrorInfo => "Error-Info",
    Event => "Event" / b'o',
    Expires => "Expires",
    FeatureCaps => "Feature-Caps",
    From => "From" / b'f',
    Geolocation => "Geolocation",
    GeolocationRouting => "Geolocation-Routing",
    HistoryInfo => "History-Info",
    Identity => "Identity" / b'y',
    IdentityInfo => "Identity-Info" / b'n',
    InfoPackage => "Info-Package",
    InReplyTo => "In-Reply-To",
    Join => "Join",
    MaxBreadth => "Max-Breadth",
    MaxForwards => "Max-Forwards",
    MimeVersion => "MIME-Version",
    MinExpires => "Min-Expires",
    MinSe => "Min-SE",
    Organization => "Organization",
    PAccessNetworkInfo => "P-Access-Network-Info",
    PAssertedIdentity => "P-Asserted-Identity",
    PCalledPartyId => "P-Called-Party-ID",
    PChargingVector => "P-Charging-Vector",
    PEarlyMedia => "P-Early-Media",
    PPreferredIdentity => "P-Preferred-Identity",
    Path => "Path",
    Priority => "Priority",
    Privacy => "Privacy",
    ProxyAuthenticate => "Proxy-Authenticate",
    ProxyAuthorization => "Proxy-Authorization",
    ProxyRequire => "Proxy-Require",
    RAck => "RAck",
    Reason => "Reason",
    RecordRoute => "Record-Route",
    RecvInfo => "Recv-Info",
    ReferSub => "Refer-Sub",
    ReferTo => "Refer-To" / b'r',
    ReferredBy => "Referred-By" / b'b',
    RejectContact => "Reject-Contact" / b'j',
    RemotePartyId => "Remote-Party-ID",
    Replaces => "Replaces",
    ReplyTo => "Reply-To",
    RequestDisposition => "Request-Disposition" / b'd',
    Require => "Require",
    ResourcePriority => "Resource-Priority",
    RetryAfter => "Retry-After",
    Route => "Route",
    RSeq => "RSeq",
    Server => "Server",
    ServiceRoute => "Service-Route",
    SessionExpires => "Session-Expires" / b'x',
    SessionId => "Session-ID",
    SipEtag => "SIP-ETag",
    SipIfMatch => "SIP-If-Match",
    Subject => "Subject" / b's',
    SubscriptionState => "Subscription-State",
    Supported => "Supported" / b'k',
    TargetDialog => "Target-Dialog",
    Timestamp => "Timestamp",
    To => "To" / b't',
    Unsupported => "Unsupported",
    UserAgent => "User-Agent",
    UserToUser => "User-to-User",
    Via => "Via" / b'v',
    Warning => "Warning",
    WwwAuthenticate => "WWW-Authenticate",
}

impl Name {
    /// Reads a name, long or compact, in any case. One hash and two 64-bit compares.
    ///
    /// `name` must not contain a CR, which no header line does.
    #[must_use]
    pub fn from_bytes(name: &[u8]) -> Self {
        if let [byte] = name {
            return of_compact(byte | 0x20);
        }
        let Some(key) = Key::of(name) else {
            return Self::Other;
        };
        let mut slot = key.hash();
        for _ in 0..SLOTS {
            match TABLE.get(slot) {
                Some(Some(entry)) if entry.key.is_same(&key) => {
                    let text = entry.name.as_str().as_bytes();
                    let is_whole = name.len() <= 16 || name.eq_ignore_ascii_case(text);
                    return if is_whole { entry.name } else { Self::Other };
                }
                Some(Some(_)) => slot = (slot + 1) % SLOTS,
                _ => return Self::Other,
            }
        }
        Self::Other
    }
}

/// The first and the last eight bytes of a name with bit 5 set, which folds case.
///
/// Of the bytes that a header line can hold, only letters of equal value in another case fold onto a letter, and
/// only `-` itself (and CR, which cannot stand there) folds onto `-`.
#[derive(Clone, Copy)]
struct Key {
    head: u64,
    tail: u64,
    len: usize,
}

#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    name: Name,
}

impl Key {
    #[inline]
    const fn of(name: &[u8]) -> Option<Self> {
        let len = name.len();
        if len < 2 || len > NAME_BYTES_MAX {
            return None;
        }
        let (head, tail) = match (name.first_chunk::<8>(), name.last_chunk::<8>()) {
            (Some(head), Some(tail)) => (u64::from_le_bytes(*head), u64::from_le_bytes(*tail)),
            _ => match (name.first_chunk::<4>(), name.last_chunk::<4>()) {
                (Some(head), Some(tail)) => {
                    (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64)
                }
                _ => match (name.first_chunk::<2>(), name.last_chunk::<2>()) {
                    (Some(head), Some(tail)) => {
                        (u16::from_le_bytes(*head) as u64, u16::from_le_bytes(*tail) as u64)
                    }
                    _ => return None,
                },
            },
        };
        Some(Self {
            head: head | FOLD,
            tail: tail | FOLD,
            len,
        })
    }

    const fn is_same(&self, other: &Self) -> bool {
        self.head == other.head && self.tail == other.tail && self.len == other.len
    }

    #[inline]
    const fn hash(&self) -> usize {
        let mixed =
            (self.head ^ self.tail.rotate_left(29) ^ self.len as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 56) as usize % SLOTS
    }
}

const FOLD: u64 = 0x2020_2020_2020_2020;
const NAME_BYTES_MAX: usize = 24;
const SLOTS: usize = 256;

static TABLE: [Option<Entry>; SLOTS] = table();

#[allow(
    clippy::indexing_slicing,
    reason = "runs at compile time, where an overrun is a compile error"
)]
const fn table() -> [Option<Entry>; SLOTS] {
    let mut table = [None; SLOTS];
    let mut index = 0;
    while index < Name::ALL.len() {
        let name = Name::ALL[index];
        if let Some(key) = Key::of(name.as_str().as_bytes()) {
            let mut slot = key.hash();
            while table[slot].is_some() {
                slot = (slot + 1) % SLOTS;
            }
            table[slot] = Some(Entry { key, name });
        }
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_in_any_case() {
        for &name in Name::ALL {
            assert_eq!(Name::from_bytes(name.as_str().as_bytes()), name);
            assert_eq!(
                Name::from_bytes(&name.as_str().as_bytes().to_ascii_uppercase()),
                name
            );
            assert_eq!(
                Name::from_bytes(&name.as_str().as_bytes().to_ascii_lowercase()),
                name
            );
            if let Some(compact) = name.compact() {
                assert_eq!(Name::from_bytes(&[compact]), name);
                assert_eq!(Name::from_bytes(&[compact.to_ascii_uppercase()]), name);
            }
        }
    }

    #[test]
    fn near_misses_are_other() {
        for name in [
            "",
            "Z",
            "Vi",
            "Viaa",
            "Content_Length",
            "P-Asserted-1dentity",
            "P-Assertedxxdentity",
        ] {
            assert_eq!(Name::from_bytes(name.as_bytes()), Name::Other, "{name}");
        }
    }

    #[test]
    fn no_probe_is_long() {
        for &name in Name::ALL {
            let key = Key::of(name.as_str().as_bytes()).unwrap();
            let place = TABLE
                .iter()
                .position(|slot| slot.is_some_and(|entry| entry.name == name))
                .unwrap();
            assert!((place + SLOTS - key.hash()) % SLOTS <= 6, "{name:?}");
        }
    }
}
