//! Reading the captures.

use std::fs;
use std::path::PathBuf;

/// One frame, and where it stands.
pub(crate) struct Captured {
    /// Name of the capture.
    pub(crate) file: String,
    /// Number in the capture, from 1.
    pub(crate) number: usize,
    /// From the Ethernet header on.
    pub(crate) bytes: Vec<u8>,
}

/// All frames of all captures in the manifest, as many as the manifest says.
pub(crate) fn all() -> Vec<Captured> {
    let manifest = text("manifest.tsv");
    let mut frames = Vec::new();
    for line in manifest.lines().skip(1) {
        let mut columns = line.split('\t');
        let file = columns.next().unwrap();
        let expected: usize = columns.nth(1).unwrap().parse().unwrap();
        let before = frames.len();
        frames.extend(one(file));
        assert_eq!(frames.len() - before, expected, "frames in {file}");
    }
    frames
}

/// The frames of one capture.
pub(crate) fn one(file: &str) -> Vec<Captured> {
    let bytes = fs::read(path(file)).unwrap();
    assert_eq!(
        bytes[..4],
        [0xd4, 0xc3, 0xb2, 0xa1],
        "{file} is not a little-endian pcap"
    );
    let mut rest = &bytes[24..];
    let mut frames = Vec::new();
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[8..12].try_into().unwrap()) as usize;
        let number = frames.len() + 1;
        frames.push(Captured {
            file: file.to_owned(),
            number,
            bytes: rest[16..16 + len].to_vec(),
        });
        rest = &rest[16 + len..];
    }
    frames
}

/// A text file beside the captures.
pub(crate) fn text(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap()
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("data/packets")
        .join(file)
}
