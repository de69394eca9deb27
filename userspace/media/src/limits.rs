//! Every bound of this crate, with its reason.

/// RTCP packets in one compound. Real ones have two to five; a datagram of nothing but four-octet packets is an attack.
pub const RTCP_COMPOUND_MAX: usize = 32;

/// Local media addresses of one flow table, over all zones. The table looks through them one by one for each packet.
pub const LOCAL_ADDRESSES_MAX: usize = 64;

/// Flows of one table. Each owns at least one UDP port, so no more can be in use on a few addresses.
pub const FLOWS_MAX: usize = 1 << 20;
