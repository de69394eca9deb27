//! The contract's types as aya's plain data.

use trunkline_xdp_abi::map::{Config, Count};
use trunkline_xdp_abi::{Address, Local};

/// A value that is copied to and from a map byte for byte.
#[derive(Clone, Copy, Debug)]
#[repr(transparent)]
pub(super) struct Plain<T>(pub(super) T);

// SAFETY: `Address` is sixteen bytes: no padding, any bits are a value, and `Plain` is transparent.
unsafe impl aya::Pod for Plain<Address> {}
// SAFETY: `Local` is `repr(C)` of integers that fill its 32 bytes (asserted where it is defined), so no padding.
unsafe impl aya::Pod for Plain<Local> {}
// SAFETY: `Config` is `repr(C)` of seventeen u32, 68 bytes (asserted), so no padding.
unsafe impl aya::Pod for Plain<Config> {}
// SAFETY: `Count` is `repr(C)` of two u64, 16 bytes (asserted), so no padding.
unsafe impl aya::Pod for Plain<Count> {}
