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

            /// Number of names with [`Name::Other`], which is name 0.
            pub(crate) const COUNT: usize = Self::ALL.len() + 1;

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
    /// The name that `name as u8` is `number`.
    #[inline]
    pub(crate) const fn from_number(number: u8) -> Self {
        match Self::ALL.split_at_checked((number as usize).wrapping_sub(1)) {
            Some((_, [name, ..])) => *name,
            _ => Self::Other,
        }
    }

    /// Whether a second field of this name would make the message ambiguous.
    #[inline]
    pub(crate) const fn stands_once(self) -> bool {
        matches!(
            self,
            Self::From
                | Self::To
                | Self::CallId
                | Self::CSeq
                | Self::MaxForwards
                | Self::ContentLength
                | Self::ContentType
        )
    }

    /// Reads a name, long or compact, in any case. One hash and one compare, whatever the name.
    ///
    /// `name` must not contain a CR, which no header line does.
    #[must_use]
    pub fn from_bytes(name: &[u8]) -> Self {
        let mut words = [0; NAME_BYTES_MAX];
        match words.get_mut(..name.len()) {
            Some(head) => head.copy_from_slice(name),
            None => return Self::Other,
        }
        Self::from_words(&words, name.len())
    }

    /// Reads the name in the first `len` bytes, like [`Name::from_bytes`].
    #[inline(always)]
    #[allow(clippy::inline_always, reason = "once per header line, in the loop over them")]
    pub(crate) fn read(rest: &[u8], len: usize) -> Self {
        match rest.first_chunk() {
            Some(words) if len <= NAME_BYTES_MAX => Self::from_words(words, len),
            _ => Self::from_bytes(rest.get(..len).unwrap_or_default()),
        }
    }

    #[inline(always)]
    #[allow(clippy::inline_always, reason = "once per header line, in the loop over them")]
    fn from_words(words: &[u8; NAME_BYTES_MAX], len: usize) -> Self {
        if let (1, [byte, ..]) = (len, words) {
            return of_compact(byte | 0x20);
        }
        let key = Key::of(words, len);
        match TABLE.get(key.hash()) {
            Some(entry) if entry.key.is_same(&key) => entry.name,
            _ => Self::Other,
        }
    }
}

/// The bytes of a name with bit 5 set, which folds case, and zeros behind them.
///
/// Of the bytes that a header line can hold, only letters of equal value in another case fold onto a letter, and
/// only `-` itself (and CR, which cannot stand there) folds onto `-`.
#[derive(Clone, Copy)]
struct Key([u64; 3]);

#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    name: Name,
}

impl Key {
    /// The key of the first `len` bytes of `words`; of no name, if there are more than fit.
    #[inline]
    const fn of(words: &[u8; NAME_BYTES_MAX], len: usize) -> Self {
        let ([first, second, third], _) = words.as_chunks::<8>() else {
            return Self([0; 3]);
        };
        let (_, [[a, b, c], ..]) = KEPT.split_at(if len < KEPT.len() { len } else { 0 }) else {
            return Self([0; 3]);
        };
        Self([
            (u64::from_le_bytes(*first) | FOLD) & *a,
            (u64::from_le_bytes(*second) | FOLD) & *b,
            (u64::from_le_bytes(*third) | FOLD) & *c,
        ])
    }

    const fn is_same(&self, other: &Self) -> bool {
        let (Self([a, b, c]), Self([x, y, z])) = (self, other);
        (*a ^ *x) | (*b ^ *y) | (*c ^ *z) == 0
    }

    #[inline]
    const fn hash(&self) -> usize {
        let Self([first, second, third]) = self;
        let mixed = *first ^ second.rotate_left(29) ^ third.rotate_left(43);
        (mixed.wrapping_mul(SEED) >> 56) as usize
    }
}

/// By the length of a name, which bytes of its three words belong to it.
static KEPT: [[u64; 3]; NAME_BYTES_MAX + 1] = masks();

#[allow(
    clippy::indexing_slicing,
    reason = "runs at compile time, where an overrun is a compile error"
)]
const fn masks() -> [[u64; 3]; NAME_BYTES_MAX + 1] {
    let mut masks = [[0; 3]; NAME_BYTES_MAX + 1];
    let mut index = 0;
    while index < NAME_BYTES_MAX * NAME_BYTES_MAX {
        let (len, byte) = (index / NAME_BYTES_MAX + 1, index % NAME_BYTES_MAX);
        if byte < len {
            masks[len][byte / 8] |= 0xff << (byte % 8 * 8);
        }
        index += 1;
    }
    masks
}

const FOLD: u64 = 0x2020_2020_2020_2020;
const NAME_BYTES_MAX: usize = 24;
const SLOTS: usize = 256;

/// Found by trial: no two names share a slot. A further name may need another one; the compiler tells.
const SEED: u64 = 0x82c0_090f_c7bc_c031;

static TABLE: [Entry; SLOTS] = table();

#[allow(
    clippy::indexing_slicing,
    reason = "runs at compile time, where an overrun is a compile error"
)]
const fn table() -> [Entry; SLOTS] {
    let none = Entry {
        key: Key([0; 3]),
        name: Name::Other,
    };
    let mut table = [none; SLOTS];
    let mut index = 0;
    while index < Name::ALL.len() {
        let name = Name::ALL[index];
        let text = name.as_str().as_bytes();
        let mut words = [0; NAME_BYTES_MAX];
        let (head, _) = words.split_at_mut(text.len());
        head.copy_from_slice(text);
        let key = Key::of(&words, text.len());
        let slot = key.hash();
        assert!(
            matches!(table[slot].name, Name::Other),
            "two names share a slot: try another SEED"
        );
        table[slot] = Entry { key, name };
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
            "P-Asserxed-Identity",
        ] {
            assert_eq!(Name::from_bytes(name.as_bytes()), Name::Other, "{name}");
        }
    }
}
