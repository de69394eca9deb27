//! Links and next hops on veth pairs between network namespaces made for each test. They need root; without it each
//! says so and passes.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop there")]

mod netns;
mod next_hops;
mod redirect;
mod steered;
mod xsk;
