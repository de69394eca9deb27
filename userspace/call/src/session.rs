//! The session timer of one leg, as data and rules: RFC 4028.

use core::time::Duration;

use trunkline_sip::header::session_expires::{Refresher, SessionExpires, min_se};
use trunkline_sip::write::Writer;
use trunkline_sip::{Message, Name};
use trunkline_time::{TimerKey, Timestamp};

use crate::plan::SessionPolicy;

/// Default of a Min-SE that is not there.
const MIN_SE_SECS: u32 = 90;

/// What both ends of a leg have agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Granted {
    pub(crate) secs: u32,
    pub(crate) we_refresh: bool,
    /// Whether the peer knows session timers.
    is_known: bool,
}

/// A running session timer.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) granted: Granted,
    pub(crate) expires: Timestamp,
    pub(crate) timer: Option<TimerKey>,
}

impl Granted {
    /// What we answer to a request of the peer; `None` = no session timer.
    pub(crate) fn to_request(policy: SessionPolicy, request: &Message<'_>) -> Option<Self> {
        if policy.expires_secs == 0 {
            return None;
        }
        let is_known = knows(request);
        let asked = request
            .header(Name::SessionExpires)
            .and_then(SessionExpires::parse);
        let floor = request
            .header(Name::MinSe)
            .and_then(min_se)
            .unwrap_or(MIN_SE_SECS)
            .max(policy.min_secs);
        //= https://www.rfc-editor.org/rfc/rfc4028#section-9
        //# The UAS MUST NOT set the
        //# value of the Session-Expires header field to a value less than the
        //# value in the Min-SE header field of the request, if it is present.
        let secs = match asked {
            Some(asked) => asked.secs.min(policy.expires_secs).max(floor),
            None if is_known => policy.expires_secs.max(floor),
            None => return None,
        };
        let theirs = asked.and_then(|a| a.refresher).unwrap_or(Refresher::Uac);
        Some(Self {
            secs,
            we_refresh: !is_known || theirs == Refresher::Uas,
            is_known,
        })
    }

    /// What a 2xx of the peer says; `None` = no session timer.
    pub(crate) fn by_response(response: &Message<'_>) -> Option<Self> {
        let value = response.header(Name::SessionExpires)?;
        let granted = SessionExpires::parse(value)?;
        Some(Self {
            secs: granted.secs.max(MIN_SE_SECS),
            we_refresh: granted.refresher != Some(Refresher::Uas),
            is_known: true,
        })
    }

    /// Writes the fields of our 2xx.
    //= https://www.rfc-editor.org/rfc/rfc4028#section-9
    //# If the refresher parameter is set to 'uac', the UAS MUST place a
    //# Require header field into the response with the value 'timer'.
    pub(crate) fn write_answer(&self, writer: &mut Writer<'_>) {
        if self.is_known {
            writer.field(b"Require", b"timer");
        }
        self.write(writer, if self.we_refresh { b"uas" } else { b"uac" });
    }

    /// Writes the fields of a request of ours inside the dialog.
    pub(crate) fn write_request(&self, writer: &mut Writer<'_>) {
        self.write(writer, if self.we_refresh { b"uac" } else { b"uas" });
        if self.secs < MIN_SE_SECS * 2 {
            return;
        }
        writer.field_number(b"Min-SE", u64::from(MIN_SE_SECS));
    }

    fn write(&self, writer: &mut Writer<'_>, role: &[u8]) {
        writer
            .raw(b"Session-Expires: ")
            .number(u64::from(self.secs))
            .raw(b";refresher=")
            .raw(role)
            .raw(b"\r\n");
    }

    //= https://www.rfc-editor.org/rfc/rfc4028#section-10
    //# It is RECOMMENDED that this refresh be sent
    //# once half the session interval has elapsed.
    pub(crate) fn refresh_after(&self) -> Duration {
        Duration::from_millis(u64::from(self.secs) * 500)
    }

    //= https://www.rfc-editor.org/rfc/rfc4028#section-10
    //# If the side not performing refreshes does not receive a
    //# session refresh request before the session expiration, it SHOULD send
    //# a BYE to terminate the session, slightly before the session
    //# expiration.  The minimum of 32 seconds and one third of the session
    //# interval is RECOMMENDED.
    pub(crate) fn expires_after(&self) -> Duration {
        Duration::from_secs(u64::from(self.secs - (self.secs / 3).min(32)))
    }
}

/// Writes what an INVITE that begins a session asks for; `min_secs` is what the peer has demanded so far.
pub(crate) fn write_invite(policy: SessionPolicy, min_secs: u32, writer: &mut Writer<'_>) {
    if policy.expires_secs == 0 {
        return;
    }
    let secs = policy.expires_secs.max(min_secs);
    writer.field_number(b"Session-Expires", u64::from(secs));
    let floor = policy.min_secs.max(min_secs);
    if floor > MIN_SE_SECS {
        writer.field_number(b"Min-SE", u64::from(floor));
    }
}

/// The interval that is too short for us, if the request asks for one: it is refused by 422.
//= https://www.rfc-editor.org/rfc/rfc4028#section-9
//# If an incoming request contains a Supported header field with a value
//# 'timer' and a Session Expires header field, the UAS MAY reject the
//# INVITE request with a 422 (Session Interval Too Small) response if the
//# session interval in the Session-Expires header field is smaller than
//# the minimum interval defined by the UAS' local policy.
pub(crate) fn is_too_short(policy: SessionPolicy, request: &Message<'_>) -> bool {
    let asked = request
        .header(Name::SessionExpires)
        .and_then(SessionExpires::parse);
    policy.expires_secs != 0 && knows(request) && asked.is_some_and(|a| a.secs < policy.min_secs)
}

/// The Min-SE of a 422.
pub(crate) fn demanded(response: &Message<'_>) -> Option<u32> {
    response.header(Name::MinSe).and_then(min_se)
}

fn knows(message: &Message<'_>) -> bool {
    message.lists(Name::Supported, b"timer") || message.lists(Name::Require, b"timer")
}
