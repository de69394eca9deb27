//! The test harness: what several kinds of tests share.
//!
//! Owns: network namespaces made per test, SIPp and RTP endpoints inside them, the edge as a child process, and the check
//! that nothing was lost or left behind. Everything it makes goes away when it is dropped, also in a panic.
//! Does not own: assertions about one behaviour; they stand in the test targets beside this folder.
//! May depend on: everything in the workspace, std, and test-only crates. Nothing depends on it.

pub mod agent;
pub mod conserve;
pub mod edge;
pub mod edge_config;
pub mod leftovers;
pub mod metrics;
pub mod netns;
pub mod rtp_packet;
pub mod rtp_source;
pub mod topology;
