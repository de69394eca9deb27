//! The SIP core against recorded, mutated and generated messages.

mod corpus;
mod linear;
mod mutate;
mod roundtrip;
mod torture;
