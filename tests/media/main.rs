//! The relay under recorded media: captures go through classification and the relay as a worker drives them.
//!
//! Nothing here is faked but the network: the frames are those of `data/packets`, and what comes out is checked against
//! frames and figures that are computed here in the plainest way.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod bridge;
mod capture;
mod forwarding;
mod frame;
mod hostile;
mod latching;
mod measuring;
