use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::*;

#[test]
fn the_hash_is_siphash_1_3() {
    // From the reference implementation with key 00 01 .. 0f and input 00 01 .. (length - 1), as in std's SipHasher13.
    let hasher = Hasher {
        k0: 0x0706_0504_0302_0100,
        k1: 0x0f0e_0d0c_0b0a_0908,
    };
    let input: Vec<u8> = (0..64).collect();
    assert_eq!(
        hasher.hash(&input[..0]).to_le_bytes(),
        [0xdc, 0xc4, 0x0f, 0x05, 0x58, 0x01, 0xac, 0xab]
    );
    assert_eq!(
        hasher.hash(&input[..1]).to_le_bytes(),
        [0x93, 0xca, 0xda, 0x17, 0xed, 0xba, 0x76, 0x16]
    );
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
