//! Request methods.

/// Keeps the list of methods and their texts equal.
macro_rules! methods {
    ($($(#[$doc:meta])+ $variant:ident => $text:literal,)+) => {
        /// A request method. Methods are case-sensitive: `invite` is [`Method::Other`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])+ $variant,)+
            /// Any other token; its text is in the message.
            Other,
        }

        impl Method {
            /// Every method, [`Method::Other`] last.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+ Self::Other];

            /// The method as it is written; `OTHER` for [`Method::Other`].
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ Self::Other => "OTHER" }
            }

            /// Reads a method, which is compared byte for byte.
            #[must_use]
            pub fn from_bytes(bytes: &[u8]) -> Self {
                match bytes {
                    $(found if found == $text.as_bytes() => Self::$variant,)+
                    _ => Self::Other,
                }
            }
        }
    };
}

methods! {
    /// RFC 3261
    Invite => "INVITE",
    /// RFC 3261
    Ack => "ACK",
    /// RFC 3261
    Bye => "BYE",
    /// RFC 3261
    Cancel => "CANCEL",
    /// RFC 3261
    Options => "OPTIONS",
    /// RFC 3261
    Register => "REGISTER",
    /// RFC 3262
    Prack => "PRACK",
    /// RFC 3311
    Update => "UPDATE",
    /// RFC 6086
    Info => "INFO",
    /// RFC 3428
    Message => "MESSAGE",
    /// RFC 6665
    Notify => "NOTIFY",
    /// RFC 6665
    Subscribe => "SUBSCRIBE",
    /// RFC 3515
    Refer => "REFER",
    /// RFC 3903
    Publish => "PUBLISH",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_is_read_back() {
        for &method in Method::ALL {
            assert_eq!(Method::from_bytes(method.as_str().as_bytes()), method);
        }
    }

    #[test]
    fn methods_are_case_sensitive() {
        assert_eq!(Method::from_bytes(b"invite"), Method::Other);
        assert_eq!(Method::from_bytes(b""), Method::Other);
        assert_eq!(Method::from_bytes(b"\xff"), Method::Other);
    }
}
