//! The SIP core against recorded, mutated and generated messages.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod corpus;
mod linear;
mod mutate;
mod roundtrip;
mod torture;
