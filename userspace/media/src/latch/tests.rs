//! Tests of `latch`.
