//! Tests of `port_pool`.
