//! How SIP extensions are treated on a trunk.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// Which extensions a trunk is offered, and who serves them.
#[derive(Debug, Clone, Default)]
pub struct SipPolicy {
    /// Reliable provisional responses of calls towards this trunk.
    pub reliable: Reliability,
    /// Session timers of legs of this trunk.
    pub session: SessionPolicy,
    /// Answers challenges of this trunk; `None` = a challenge is a refusal.
    pub auth: Option<Arc<Credentials>>,
}

/// Who acknowledges the reliable provisional responses of a callee (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reliability {
    /// The caller, if it supports that; otherwise the callee is not offered any.
    #[default]
    Relayed,
    /// The edge, whatever the caller supports. An INVITE without an offer is relayed all the same, as only the caller
    /// can answer what the callee offers.
    Terminated,
    /// Nobody: they are not offered.
    Off,
}

/// How long a session lives without a sign of life of its ends (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPolicy {
    /// The session interval that we ask for, in seconds; 0 = sessions of this trunk have none.
    pub expires_secs: u32,
    /// The shortest interval that we take.
    pub min_secs: u32,
}

impl Default for SessionPolicy {
    //= https://www.rfc-editor.org/rfc/rfc4028#section-4
    //# The absolute minimum for the Session-Expires header field is 90
    //# seconds.
    fn default() -> Self {
        Self {
            expires_secs: 1800,
            min_secs: 90,
        }
    }
}

/// What a trunk knows us by.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password; it is never shown.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}
