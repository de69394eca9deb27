//! Tests of `classify`.
