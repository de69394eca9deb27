//! The SIP messages of one call as a capture file that other tools open.

use std::net::{IpAddr, SocketAddr};

use trunkline_engine::trace::{Direction, TraceEntry};

use crate::wall_clock::WallClock;

/// Packets begin with their IP header (LINKTYPE_RAW).
const LINK_TYPE: u32 = 101;
const UDP: u8 = 17;
const UDP_HEADER_LEN: usize = 8;
const TTL: u8 = 64;

/// A capture file of `entries`. IP and UDP headers are made anew: the messages are, the packets were not kept.
pub(crate) fn capture(entries: &[TraceEntry], clock: &WallClock) -> Vec<u8> {
    let mut file = Vec::new();
    // Magic of microsecond captures, version 2.4, no offset, no accuracy, snapshot length.
    for word in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 0x0004_0000, LINK_TYPE] {
        file.extend_from_slice(&word.to_le_bytes());
    }
    for entry in entries {
        let (source, destination) = match entry.direction {
            Direction::Received => (entry.remote, entry.local),
            Direction::Sent => (entry.local, entry.remote),
        };
        let packet = packet(source, destination, &entry.bytes);
        let date = clock.date(entry.at);
        let missing = entry.full_len.saturating_sub(entry.bytes.len());
        for word in [
            date.as_second() as u32,
            date.subsec_microsecond().unsigned_abs(),
            packet.len() as u32,
            (packet.len() + missing) as u32,
        ] {
            file.extend_from_slice(&word.to_le_bytes());
        }
        file.extend_from_slice(&packet);
    }
    file
}

fn packet(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut udp = Vec::with_capacity(UDP_HEADER_LEN + payload.len());
    let udp_len = (UDP_HEADER_LEN + payload.len()) as u16;
    for half in [source.port(), destination.port(), udp_len, 0] {
        udp.extend_from_slice(&half.to_be_bytes());
    }
    udp.extend_from_slice(payload);
    let pseudo = pseudo_header(source.ip(), destination.ip(), udp_len);
    let checksum = match internet_checksum(&[&pseudo, &udp]) {
        // RFC 768: zero would say that there is no checksum.
        0 => 0xffff,
        sum => sum,
    };
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
    let mut packet = ip_header(source.ip(), destination.ip(), udp_len);
    packet.extend_from_slice(&udp);
    packet
}

fn ip_header(source: IpAddr, destination: IpAddr, udp_len: u16) -> Vec<u8> {
    let mut header = Vec::new();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            const LEN: u16 = 20;
            header.extend_from_slice(&[0x45, 0]);
            header.extend_from_slice(&udp_len.saturating_add(LEN).to_be_bytes());
            header.extend_from_slice(&[0, 0, 0, 0, TTL, UDP, 0, 0]);
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
            let checksum = internet_checksum(&[&header]);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
        }
        (source, destination) => {
            header.extend_from_slice(&[0x60, 0, 0, 0]);
            header.extend_from_slice(&udp_len.to_be_bytes());
            header.extend_from_slice(&[UDP, TTL]);
            header.extend_from_slice(&octets(source));
            header.extend_from_slice(&octets(destination));
        }
    }
    header
}

fn pseudo_header(source: IpAddr, destination: IpAddr, udp_len: u16) -> Vec<u8> {
    let mut header = Vec::new();
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            header.extend_from_slice(&source.octets());
            header.extend_from_slice(&destination.octets());
        }
        (source, destination) => {
            header.extend_from_slice(&octets(source));
            header.extend_from_slice(&octets(destination));
        }
    }
    header.extend_from_slice(&[0, UDP]);
    header.extend_from_slice(&udp_len.to_be_bytes());
    header
}

fn octets(address: IpAddr) -> [u8; 16] {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
        IpAddr::V6(v6) => v6.octets(),
    }
}

/// RFC 1071. Every part but the last has an even length.
fn internet_checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0_u32;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u32::from(u16::from_be_bytes([pair[0], pair.get(1).copied().unwrap_or(0)]));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use trunkline_call::action::CallRef;
    use trunkline_time::Timestamp;

    use super::*;

    fn entry(local: &str, remote: &str) -> TraceEntry {
        TraceEntry {
            at: Timestamp::from_nanos(5_000_000_000),
            call: CallRef {
                index: 1,
                generation: 1,
            },
            direction: Direction::Received,
            local: local.parse().unwrap(),
            remote: remote.parse().unwrap(),
            bytes: b"OPTIONS".to_vec(),
            full_len: 9,
        }
    }

    #[test]
    fn packets_have_valid_checksums() {
        let file = capture(&[entry("192.0.2.10:5060", "192.0.2.20:5061")], &WallClock::now());
        assert_eq!(&file[..4], [0xd4, 0xc3, 0xb2, 0xa1]);
        let packet = &file[24 + 16..];
        assert_eq!((packet.len(), packet[0]), (20 + 8 + 7, 0x45));
        assert_eq!(internet_checksum(&[&packet[..20]]), 0);
        let pseudo = pseudo_header("192.0.2.20".parse().unwrap(), "192.0.2.10".parse().unwrap(), 15);
        assert_eq!(internet_checksum(&[&pseudo, &packet[20..]]), 0);
        assert_eq!(packet[20..22], 5061_u16.to_be_bytes());
        let lens: Vec<u32> = file[32..40]
            .chunks(4)
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect();
        assert_eq!(lens, [35, 37], "what was cut off counts in the original length");
    }

    #[test]
    fn ipv6_has_its_own_header() {
        let file = capture(
            &[entry("[2001:db8::1]:5060", "[2001:db8::2]:5060")],
            &WallClock::now(),
        );
        assert_eq!((file.len(), file[40]), (24 + 16 + 40 + 8 + 7, 0x60));
    }
}
