//! The headers in front of a datagram: written where the kernel took them off, read where it will write them anew.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

/// Bytes of the headers in front of a datagram of this address family.
pub(super) const fn len(is_ipv6: bool) -> usize {
    if is_ipv6 {
        ETHERNET_LEN + IPV6_LEN + UDP_LEN
    } else {
        ETHERNET_LEN + IPV4_LEN + UDP_LEN
    }
}

/// Writes Ethernet, IP and UDP headers into the first bytes of `frame`, whose rest is the datagram.
///
/// Both addresses must be of one family, and `frame` no longer than that family allows; false otherwise.
pub(super) fn write(frame: &mut [u8], source: SocketAddr, destination: SocketAddr) -> bool {
    match (source.ip(), destination.ip()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = frame.len().saturating_sub(ETHERNET_LEN);
            let Ok(total) = u16::try_from(total) else {
                return false;
            };
            write_ethernet(frame, ETHERTYPE_IPV4);
            write_ipv4(&mut frame[ETHERNET_LEN..], total, from, to);
            let pseudo = sum(&from.octets()) + sum(&to.octets());
            write_udp(&mut frame[ETHERNET_LEN + IPV4_LEN..], source, destination, pseudo);
            true
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let payload = frame.len().saturating_sub(ETHERNET_LEN + IPV6_LEN);
            let Ok(payload) = u16::try_from(payload) else {
                return false;
            };
            write_ethernet(frame, ETHERTYPE_IPV6);
            write_ipv6(&mut frame[ETHERNET_LEN..], payload, from, to);
            let pseudo = sum(&from.octets()) + sum(&to.octets());
            write_udp(&mut frame[ETHERNET_LEN + IPV6_LEN..], source, destination, pseudo);
            true
        }
        _ => false,
    }
}

/// What a socket needs to know of a frame to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) source: SocketAddr,
    pub(super) destination: SocketAddr,
    /// DSCP and ECN, as they stand in the header.
    pub(super) traffic_class: u8,
    /// Where in the frame the datagram is.
    pub(super) payload: Range<usize>,
}

/// Reads the headers of a whole UDP datagram in an untagged frame; `None` for anything else.
pub(super) fn read(frame: &[u8]) -> Option<Outgoing> {
    let ip = frame.get(ETHERNET_LEN..)?;
    match be16(frame, 12)? {
        ETHERTYPE_IPV4 => read_ipv4(ip),
        ETHERTYPE_IPV6 => read_ipv6(ip),
        _ => None,
    }
}

fn read_ipv4(ip: &[u8]) -> Option<Outgoing> {
    let header_len = usize::from(ip.first()? & 0x0f) * 4;
    let is_fragment = be16(ip, 6)? & 0x3fff != 0;
    if ip[0] >> 4 != 4 || header_len < IPV4_LEN || is_fragment || *ip.get(9)? != PROTOCOL_UDP {
        return None;
    }
    let from = Ipv4Addr::from(array::<4>(ip, 12)?);
    let to = Ipv4Addr::from(array::<4>(ip, 16)?);
    let ports = read_udp(ip, header_len)?;
    Some(outgoing((from.into(), to.into()), *ip.get(1)?, ports))
}

fn read_ipv6(ip: &[u8]) -> Option<Outgoing> {
    if *ip.first()? >> 4 != 6 || *ip.get(6)? != PROTOCOL_UDP {
        return None;
    }
    let traffic_class = (be16(ip, 0)? >> 4) as u8;
    let from = Ipv6Addr::from(array::<16>(ip, 8)?);
    let to = Ipv6Addr::from(array::<16>(ip, 24)?);
    let ports = read_udp(ip, IPV6_LEN)?;
    Some(outgoing((from.into(), to.into()), traffic_class, ports))
}

type Ports = (u16, u16, Range<usize>);

fn read_udp(ip: &[u8], offset: usize) -> Option<Ports> {
    let len = usize::from(be16(ip, offset + 4)?);
    if len < UDP_LEN || offset + len > ip.len() {
        return None;
    }
    let start = ETHERNET_LEN + offset;
    Some((
        be16(ip, offset)?,
        be16(ip, offset + 2)?,
        start + UDP_LEN..start + len,
    ))
}

fn outgoing(
    (from, to): (IpAddr, IpAddr),
    traffic_class: u8,
    (source, destination, payload): Ports,
) -> Outgoing {
    Outgoing {
        source: SocketAddr::new(from, source),
        destination: SocketAddr::new(to, destination),
        traffic_class,
        payload,
    }
}

fn write_ethernet(frame: &mut [u8], ethertype: u16) {
    frame[..12].fill(0);
    frame[12..14].copy_from_slice(&ethertype.to_be_bytes());
}

fn write_ipv4(ip: &mut [u8], total: u16, from: Ipv4Addr, to: Ipv4Addr) {
    let header = &mut ip[..IPV4_LEN];
    header.fill(0);
    header[0] = 0x45;
    header[2..4].copy_from_slice(&total.to_be_bytes());
    header[6] = 0x40;
    header[8] = HOPS;
    header[9] = PROTOCOL_UDP;
    header[12..16].copy_from_slice(&from.octets());
    header[16..20].copy_from_slice(&to.octets());
    let checksum = !fold(sum(header));
    header[10..12].copy_from_slice(&checksum.to_be_bytes());
}

fn write_ipv6(ip: &mut [u8], payload: u16, from: Ipv6Addr, to: Ipv6Addr) {
    let header = &mut ip[..IPV6_LEN];
    header.fill(0);
    header[0] = 0x60;
    header[4..6].copy_from_slice(&payload.to_be_bytes());
    header[6] = PROTOCOL_UDP;
    header[7] = HOPS;
    header[8..24].copy_from_slice(&from.octets());
    header[24..40].copy_from_slice(&to.octets());
}

fn write_udp(udp: &mut [u8], source: SocketAddr, destination: SocketAddr, pseudo: u64) {
    let len = udp.len() as u16;
    udp[0..2].copy_from_slice(&source.port().to_be_bytes());
    udp[2..4].copy_from_slice(&destination.port().to_be_bytes());
    udp[4..6].copy_from_slice(&len.to_be_bytes());
    udp[6..8].fill(0);
    let checksum = !fold(pseudo + u64::from(PROTOCOL_UDP) + u64::from(len) + sum(udp));
    // Zero means "no checksum", so a computed zero is sent as its other form.
    let checksum = if checksum == 0 { 0xffff } else { checksum };
    udp[6..8].copy_from_slice(&checksum.to_be_bytes());
}

/// The ones' complement sum of big-endian 16-bit words, not yet folded.
fn sum(bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<4>();
    // Two 16-bit words at a time: their carries meet again when the sum is folded.
    let sum: u64 = words
        .iter()
        .map(|word| u64::from(u32::from_be_bytes(*word)))
        .sum();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    sum + u64::from(u32::from_be_bytes(last))
}

fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn be16(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_be_bytes)
}

fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

const ETHERNET_LEN: usize = 14;
const IPV4_LEN: usize = 20;
const IPV6_LEN: usize = 40;
const UDP_LEN: usize = 8;
const ETHERTYPE_IPV4: u16 = 0x0800;
const ETHERTYPE_IPV6: u16 = 0x86dd;
const PROTOCOL_UDP: u8 = 17;
const HOPS: u8 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(source: &str, destination: &str, payload: &[u8]) -> Option<Vec<u8>> {
        let (source, destination): (SocketAddr, SocketAddr) =
            (source.parse().unwrap(), destination.parse().unwrap());
        let mut frame = vec![0xaa; len(source.is_ipv6())];
        frame.extend_from_slice(payload);
        write(&mut frame, source, destination).then_some(frame)
    }

    #[test]
    fn what_is_written_is_read_back() {
        for (source, destination) in [
            ("192.0.2.1:5060", "198.51.100.7:20000"),
            ("[2001:db8::1]:5060", "[2001:db8:ffff::7]:20000"),
        ] {
            for payload in [&b""[..], b"x", b"odd", b"even", &[7; 1500]] {
                let mut bytes = frame(source, destination, payload).unwrap();
                bytes.extend_from_slice(b"padding");
                let outgoing = read(&bytes).unwrap();
                assert_eq!(outgoing.source.to_string(), source);
                assert_eq!(outgoing.destination.to_string(), destination);
                assert_eq!(&bytes[outgoing.payload], payload);
            }
        }
    }

    #[test]
    fn checksums_are_right() {
        let bytes = frame("192.0.2.1:5060", "198.51.100.7:20001", b"checksum me").unwrap();
        let (ip, udp) = (&bytes[14..34], &bytes[34..]);
        assert_eq!(fold(sum(ip)), 0xffff);
        let pseudo = sum(&ip[12..20]) + 17 + udp.len() as u64;
        assert_eq!(fold(pseudo + sum(udp)), 0xffff);
        let bytes = frame("[2001:db8::1]:1", "[2001:db8::2]:2", b"and me").unwrap();
        let (ip, udp) = (&bytes[14..54], &bytes[54..]);
        assert_eq!(fold(sum(&ip[8..40]) + 17 + udp.len() as u64 + sum(udp)), 0xffff);
    }

    #[test]
    fn the_longest_datagram_fits_and_one_more_does_not() {
        let (from, to) = ("192.0.2.1:1", "192.0.2.2:2");
        assert!(frame(from, to, &vec![1; 65_507]).is_some());
        assert!(frame(from, to, &vec![1; 65_508]).is_none());
        assert!(frame(from, "[::1]:2", b"two families").is_none());
    }

    #[test]
    fn what_is_no_whole_datagram_is_refused() {
        let good = frame("192.0.2.1:5060", "198.51.100.7:20000", b"payload").unwrap();
        for len in 0..good.len() {
            assert_eq!(read(&good[..len]), None, "cut to {len}");
        }
        for (offset, value) in [
            (12, 0x81),
            (14, 0x65),
            (14, 0x44),
            (20, 0x20),
            (21, 1),
            (23, 6),
            (39, 7),
        ] {
            let mut bad = good.clone();
            bad[offset] = value;
            assert_eq!(read(&bad), None, "byte {offset} = {value:#x}");
        }
    }

    #[test]
    fn the_traffic_class_is_seen() {
        let mut v4 = frame("192.0.2.1:1", "192.0.2.2:2", b"").unwrap();
        v4[15] = 0xb8;
        assert_eq!(read(&v4).unwrap().traffic_class, 0xb8);
        let mut v6 = frame("[::1]:1", "[::2]:2", b"").unwrap();
        (v6[14], v6[15]) = (0x6b, 0x80);
        assert_eq!(read(&v6).unwrap().traffic_class, 0xb8);
    }
}
