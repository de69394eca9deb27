//! Which core a worker runs on.

use core_affinity::CoreId;

/// Pins the calling thread to `core` (as numbered by the kernel); `false` if the kernel refused.
#[must_use]
pub fn pin(core: usize) -> bool {
    core_affinity::set_for_current(CoreId { id: core })
}

/// The cores this process may run on, in ascending order; empty if the kernel does not say.
#[must_use]
pub fn cores() -> Vec<usize> {
    let mut ids: Vec<usize> = core_affinity::get_core_ids()
        .unwrap_or_default()
        .iter()
        .map(|core| core.id)
        .collect();
    ids.sort_unstable();
    ids
}
