//! Nothing allocates per packet: the relay runs under an allocator that counts.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod counting;
mod relay;
