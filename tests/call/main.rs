//! Call flows through the back-to-back user agent, in virtual time and without sockets.
//!
//! Every message that leaves is searched for addresses of the side that must not see them, and every test ends with
//! [`edge::Edge::finish`]: no call, transaction, flow or port is left, and each call has one last record.

mod basic;
mod carrier;
mod credentials;
mod edge;
mod ending;
mod failover;
mod loss;
mod media;
mod phone;
mod refusal;
mod reinvite;
mod relay;
mod reliable;
mod session;
mod worker;
