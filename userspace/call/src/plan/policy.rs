//! How SIP extensions are treated on a trunk.

/// Which extensions a trunk is offered, and who serves them.
#[derive(Debug, Clone, Default)]
pub struct SipPolicy {
    /// Reliable provisional responses of calls towards this trunk.
    pub reliable: Reliability,
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
