//! Links and next hops on veth pairs between network namespaces made for each test. They need root; without it each
//! says so and passes.

mod netns;
mod next_hops;
mod redirect;
mod steered;
mod xsk;
