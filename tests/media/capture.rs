//! Reading classic little-endian pcap files with microseconds.

use std::path::Path;

use trunkline_time::Timestamp;

/// One captured frame.
pub(crate) struct Captured {
    /// When it was seen, counted from the first frame of its capture.
    pub(crate) at: Timestamp,
    /// Its bytes from the Ethernet header on.
    pub(crate) bytes: Vec<u8>,
}

/// All frames of `data/packets/NAME.pcap`.
pub(crate) fn frames(name: &str) -> Vec<Captured> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("data/packets/{name}.pcap"));
    let file = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(word(&file, 0), 0xa1b2_c3d4, "{name} is not a little-endian pcap");
    let mut frames = Vec::new();
    let (mut offset, mut first_micros) = (24, None);
    while offset < file.len() {
        let micros = u64::from(word(&file, offset)) * 1_000_000 + u64::from(word(&file, offset + 4));
        let len = word(&file, offset + 8) as usize;
        let since_first = micros - *first_micros.get_or_insert(micros);
        frames.push(Captured {
            at: START.saturating_add(std::time::Duration::from_micros(since_first)),
            bytes: file[offset + 16..offset + 16 + len].to_vec(),
        });
        offset += 16 + len;
    }
    frames
}

fn word(file: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(file[offset..offset + 4].try_into().unwrap())
}

/// An uptime of 50 days, at which a careless product of nanoseconds and a clock rate no longer fits in 64 bits.
const START: Timestamp = Timestamp::from_millis(50 * 86_400_000);
