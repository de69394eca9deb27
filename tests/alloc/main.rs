//! Nothing allocates per packet, nor per retransmission: both run under an allocator that counts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod counting;
mod relay;
mod retransmission;
