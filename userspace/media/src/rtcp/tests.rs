//! Tests of `rtcp`.
