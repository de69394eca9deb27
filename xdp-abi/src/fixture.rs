//! Frames for tests, built field by field and not by the code under test.

use std::vec::Vec;

use crate::header::Address;
use crate::map::{INTERFACE_ANY, Local, SourceKey};
use crate::{Classified, Tables, classify};

pub(crate) const US4: [u8; 4] = [192, 0, 2, 10];
pub(crate) const PEER4: [u8; 4] = [198, 51, 100, 20];
pub(crate) const US6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10];
pub(crate) const PEER6: [u8; 16] = [0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20];
pub(crate) const OUR_MAC: [u8; 6] = [0, 0, 0x5e, 0, 0x53, 2];
pub(crate) const PEER_MAC: [u8; 6] = [0, 0, 0x5e, 0, 0x53, 1];

/// A UDP frame to be changed before it is built.
#[derive(Clone)]
pub(crate) struct Udp {
    pub(crate) tags: Vec<(u16, u16)>,
    pub(crate) source: Address,
    pub(crate) destination: Address,
    pub(crate) source_port: u16,
    pub(crate) destination_port: u16,
    pub(crate) options: Vec<u8>,
    pub(crate) checksum: Option<u16>,
    pub(crate) payload: Vec<u8>,
}

impl Udp {
    pub(crate) fn ipv4(destination_port: u16) -> Self {
        Self {
            tags: Vec::new(),
            source: Address::from_ipv4(PEER4),
            destination: Address::from_ipv4(US4),
            source_port: 5070,
            destination_port,
            options: Vec::new(),
            checksum: None,
            payload: b"datagram".to_vec(),
        }
    }

    pub(crate) fn ipv6(destination_port: u16) -> Self {
        Self {
            source: Address(PEER6),
            destination: Address(US6),
            ..Self::ipv4(destination_port)
        }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let mut frame = Vec::new();
        frame.extend(OUR_MAC);
        frame.extend(PEER_MAC);
        for (ethertype, control) in &self.tags {
            frame.extend(ethertype.to_be_bytes());
            frame.extend(control.to_be_bytes());
        }
        let udp_len = 8 + self.payload.len() as u16;
        let mut udp = Vec::new();
        for field in [self.source_port, self.destination_port, udp_len, 0] {
            udp.extend(field.to_be_bytes());
        }
        udp.extend(&self.payload);
        let checksum = self.checksum.unwrap_or_else(|| self.full_checksum(&udp));
        udp[6..8].copy_from_slice(&checksum.to_be_bytes());
        match (self.source.ipv4(), self.destination.ipv4()) {
            (Some(source), Some(destination)) => {
                frame.extend([0x08, 0x00]);
                let header_len = 20 + self.options.len();
                let mut header = std::vec![0x40 | (header_len / 4) as u8, 0xb8];
                header.extend((header_len as u16 + udp_len).to_be_bytes());
                header.extend([0x12, 0x34, 0x40, 0x00, 57, 17, 0, 0]);
                header.extend(source);
                header.extend(destination);
                header.extend(&self.options);
                let sum = internet_checksum(&header);
                header[10..12].copy_from_slice(&sum.to_be_bytes());
                frame.extend(header);
            }
            _ => {
                frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
                frame.extend(udp_len.to_be_bytes());
                frame.extend([17, 57]);
                frame.extend(self.source.0);
                frame.extend(self.destination.0);
            }
        }
        frame.extend(udp);
        frame
    }

    /// Offset of the IP header.
    pub(crate) fn l3(&self) -> usize {
        14 + 4 * self.tags.len()
    }

    fn full_checksum(&self, udp: &[u8]) -> u16 {
        let mut bytes = Vec::new();
        match (self.source.ipv4(), self.destination.ipv4()) {
            (Some(source), Some(destination)) => {
                bytes.extend(source);
                bytes.extend(destination);
            }
            _ => {
                bytes.extend(self.source.0);
                bytes.extend(self.destination.0);
            }
        }
        bytes.extend([0, 17]);
        bytes.extend((udp.len() as u16).to_be_bytes());
        bytes.extend(udp);
        match internet_checksum(&bytes) {
            0 => 0xffff,
            checksum => checksum,
        }
    }
}

/// RFC 1071, one word at a time.
pub(crate) fn internet_checksum(bytes: &[u8]) -> u16 {
    let sum = bytes.chunks(2).fold(0u32, |sum, pair| {
        let sum = sum + u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        (sum & 0xffff) + (sum >> 16)
    });
    !(sum as u16)
}

/// Makes the IPv4 header checksum of a frame right again.
pub(crate) fn mend(frame: &mut [u8], l3: usize) {
    let header_len = usize::from(frame[l3] & 0x0f) * 4;
    frame[l3 + 10..l3 + 12].fill(0);
    let sum = internet_checksum(&frame[l3..l3 + header_len]);
    frame[l3 + 10..l3 + 12].copy_from_slice(&sum.to_be_bytes());
}

/// Both our addresses: IPv4 in zone 1, IPv6 in zone 2, SIP on 5060, media on 20000-29999, the peers allowed.
pub(crate) fn judge(frame: &[u8]) -> Classified {
    let (us4, us6) = (Address::from_ipv4(US4), Address(US6));
    let (peer4, peer6) = (Address::from_ipv4(PEER4), Address(PEER6));
    let serving = |zone| Local::new(zone, INTERFACE_ANY, &[5060], Some((20_000, 29_999))).unwrap();
    let tables = Tables {
        interface: 0,
        locals: &[(us4, serving(1)), (us6, serving(2))],
        sources: &[
            (
                SourceKey {
                    zone: 1,
                    address: peer4,
                },
                SourceKey::bits(&peer4, 32),
            ),
            (
                SourceKey {
                    zone: 2,
                    address: peer6,
                },
                SourceKey::bits(&peer6, 64),
            ),
        ],
    };
    classify(frame, &tables)
}

/// SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }

    /// A word, the awkward ones often.
    pub(crate) fn edge(&mut self) -> u16 {
        match self.below(4) {
            0 => 0,
            1 => 0xffff,
            _ => self.next() as u16,
        }
    }
}
