//! Session-Expires and Min-SE: RFC 4028.
#![deny(clippy::indexing_slicing)]

use super::param::Params;
use crate::scan;

/// Who has to refresh a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The one that sent the request.
    Uac,
    /// The one that answered it.
    Uas,
}

/// A Session-Expires value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The session interval in seconds.
    pub secs: u32,
    /// Who refreshes; `None` if it is left to the other side.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads `1800;refresher=uac`; parameters that nobody here knows are skipped. `None` if it cannot be read.
    #[must_use]
    pub fn parse(value: &[u8]) -> Option<Self> {
        let (secs, params) = seconds(value)?;
        let refresher = match params.find(b"refresher").flatten() {
            Some(role) if role.eq_ignore_ascii_case(b"uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case(b"uas") => Some(Refresher::Uas),
            _ => None,
        };
        Some(Self { secs, refresher })
    }
}

/// The seconds of a Min-SE value. `None` if it cannot be read.
#[must_use]
pub fn min_se(value: &[u8]) -> Option<u32> {
    seconds(value).map(|(secs, _)| secs)
}

fn seconds(value: &[u8]) -> Option<(u32, Params<'_>)> {
    let digits = value
        .iter()
        .position(|byte| !byte.is_ascii_digit())
        .unwrap_or(value.len());
    let (number, rest) = value.split_at_checked(digits)?;
    let rest = rest.trim_ascii_start();
    if !rest.is_empty() && rest.first() != Some(&b';') {
        return None;
    }
    Some((scan::number(number)?, Params::new(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_parameters() {
        let read = |text: &str| SessionExpires::parse(text.as_bytes());
        let of = |secs, refresher| Some(SessionExpires { secs, refresher });
        assert_eq!(read("1800"), of(1800, None));
        assert_eq!(read("1800;refresher=uac"), of(1800, Some(Refresher::Uac)));
        assert_eq!(read("90 ; x=1 ; Refresher = UAS"), of(90, Some(Refresher::Uas)));
        assert_eq!(read("90;refresher=other"), of(90, None));
        for broken in ["", "x", "-1", "1x", "99999999999", ";refresher=uac"] {
            assert_eq!(read(broken), None, "{broken}");
        }
        assert_eq!(min_se(b"120;foo"), Some(120));
    }
}
