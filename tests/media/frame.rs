//! Frames taken apart and put together in the plainest way, as a reference for the relay's incremental edits.

use std::net::{IpAddr, SocketAddr};

use trunkline_media::NextHop;

/// A UDP frame taken apart, with every length and checksum verified.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    pub(crate) destination_mac: [u8; 6],
    pub(crate) source_mac: [u8; 6],
    pub(crate) source: SocketAddr,
    pub(crate) destination: SocketAddr,
    pub(crate) hop_limit: u8,
    pub(crate) dscp: u8,
    pub(crate) has_checksum: bool,
    pub(crate) payload: Vec<u8>,
}

/// Takes apart an untagged UDP frame that ends where its lengths say.
///
/// # Panics
/// If a length or a checksum is wrong.
pub(crate) fn parse(frame: &[u8]) -> Parsed {
    let (ethernet, packet) = frame.split_at(14);
    let (source, destination, hop_limit, dscp, udp) = match be16(ethernet, 12) {
        0x0800 => parse_ipv4(packet),
        0x86dd => parse_ipv6(packet),
        other => panic!("EtherType {other:04x}"),
    };
    assert_eq!(usize::from(be16(udp, 4)), udp.len(), "UDP length");
    let has_checksum = be16(udp, 6) != 0;
    if has_checksum {
        assert_eq!(
            fold(pseudo_header(source, destination, udp.len()) + sum(udp)),
            0xffff,
            "UDP checksum"
        );
    } else {
        assert!(source.is_ipv4(), "no UDP checksum on IPv6");
    }
    Parsed {
        destination_mac: ethernet[..6].try_into().unwrap(),
        source_mac: ethernet[6..12].try_into().unwrap(),
        source: SocketAddr::new(source, be16(udp, 0)),
        destination: SocketAddr::new(destination, be16(udp, 2)),
        hop_limit,
        dscp,
        has_checksum,
        payload: udp[8..].to_vec(),
    }
}

fn parse_ipv4(packet: &[u8]) -> (IpAddr, IpAddr, u8, u8, &[u8]) {
    assert_eq!(packet[0], 0x45, "version and header length");
    assert_eq!(usize::from(be16(packet, 2)), packet.len(), "total length");
    assert_eq!(be16(packet, 6) & 0x3fff, 0, "fragment");
    assert_eq!(fold(sum(&packet[..20])), 0xffff, "IP header checksum");
    assert_eq!(packet[9], 17, "protocol");
    let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap());
    (address(12), address(16), packet[8], packet[1] >> 2, &packet[20..])
}

fn parse_ipv6(packet: &[u8]) -> (IpAddr, IpAddr, u8, u8, &[u8]) {
    assert_eq!(packet[0] >> 4, 6, "version");
    assert_eq!(usize::from(be16(packet, 4)), packet.len() - 40, "payload length");
    assert_eq!(packet[6], 17, "next header");
    let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap());
    let dscp = (be16(packet, 0) >> 6) as u8 & 0x3f;
    (address(8), address(24), packet[7], dscp, &packet[40..])
}

/// The IPv6 frame that carries `payload`, computed from nothing: no flow label, full checksum.
pub(crate) fn ipv6(
    hop: &NextHop,
    source: SocketAddr,
    destination: SocketAddr,
    dscp: u8,
    payload: &[u8],
) -> Vec<u8> {
    let mut udp = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
    udp.extend(((payload.len() + 8) as u16).to_be_bytes());
    udp.extend([0, 0]);
    udp.extend(payload);
    let checksum = !fold(pseudo_header(source.ip(), destination.ip(), udp.len()) + sum(&udp));
    udp[6..8].copy_from_slice(&if checksum == 0 { 0xffff } else { checksum }.to_be_bytes());
    let mut frame = [hop.destination_mac, hop.source_mac].concat();
    frame.extend([0x86, 0xdd]);
    frame.extend((6_u32 << 28 | u32::from(dscp) << 22).to_be_bytes());
    frame.extend((udp.len() as u16).to_be_bytes());
    frame.extend([17, 64]);
    frame.extend(octets(source.ip()));
    frame.extend(octets(destination.ip()));
    frame.extend(udp);
    frame
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn pseudo_header(source: IpAddr, destination: IpAddr, udp_len: usize) -> u64 {
    sum(&octets(source)) + sum(&octets(destination)) + 17 + udp_len as u64
}

fn sum(bytes: &[u8]) -> u64 {
    bytes
        .chunks(2)
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0)))
        .sum()
}

fn fold(mut sum: u64) -> u16 {
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}
