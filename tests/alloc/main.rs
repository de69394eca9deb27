//! Nothing allocates per packet: the relay runs under an allocator that counts.

mod counting;
mod relay;
