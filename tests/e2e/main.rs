//! Calls through the real edge, from outside: SIPp and RTP endpoints in namespaces, `trunkline run` between them.

mod direct;
