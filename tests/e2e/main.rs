//! Calls through the real edge, from outside: SIPp and RTP endpoints in namespaces, `trunkline run` between them.

mod basic;
mod direct;
mod early;
mod ending;
mod failover;
mod hold;
mod inbound;
mod large;
mod limits;
mod liveness;
mod load;
mod looking;
mod scene;
mod stranger;
