use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::*;

#[test]
fn the_hash_is_siphash_1_3() {
    // The standard library's default hasher is SipHash-1-3 with both halves of the key zero.
    let hasher = Hasher { k0: 0, k1: 0 };
    let input: Vec<u8> = (0..=255).collect();
    for len in 0..input.len() {
        let mut standard = std::collections::hash_map::DefaultHasher::new();
        core::hash::Hasher::write(&mut standard, &input[..len]);
        assert_eq!(
            hasher.hash(&input[..len]),
            core::hash::Hasher::finish(&standard),
            "{len} bytes"
        );
    }
}

#[test]
fn colliding_entries_survive_removal_in_any_order() {
    let mut seed = 7_u64;
    let mut table = Table::new(32);
    let mut model: BTreeSet<(u64, u32)> = BTreeSet::new();
    for index in 0..20_000_u32 {
        seed = mixed(seed);
        // Few distinct hashes, all near the end of the table, so that probes collide and wrap around.
        let entry = (60 + seed % 6, index);
        if model.len() < 32 && seed & 0x100 == 0 {
            table.insert(entry.0, entry.1);
            model.insert(entry);
        } else if let Some(&entry) = model.iter().nth((seed >> 16) as usize % model.len().max(1)) {
            table.remove(entry.0, entry.1);
            model.remove(&entry);
        }
        assert_eq!(table.len(), model.len());
        assert!(
            model
                .iter()
                .all(|&(hash, index)| table.find(hash, |at| at == index) == Some(index))
        );
    }
}

#[test]
fn removing_what_is_not_there_removes_nothing() {
    let mut table = Table::new(1);
    table.insert(5, 1);
    table.remove(5, 2);
    table.remove(6, 1);
    assert_eq!(table.find(5, |_| true), Some(1));
}
