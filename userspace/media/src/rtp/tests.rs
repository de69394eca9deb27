//! Tests of `rtp`.
