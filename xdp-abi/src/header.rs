//! Ethernet, VLAN, IPv4, IPv6 and UDP headers: checked reading over [`Bytes`], and writing over [`BytesMut`].

mod write;

use crate::checksum::Sum;

pub(crate) use write::is_too_big;
pub use write::{headers_len, write_headers, write_udp};

/// Read access to a frame, in the kernel or in userspace. Every access is checked.
pub trait Bytes {
    /// Length of the frame in bytes.
    fn len(&self) -> usize;

    /// The `N` bytes at `offset`, or `None` if they are not all inside the frame.
    fn array_at<const N: usize>(&self, offset: usize) -> Option<[u8; N]>;

    /// Whether there are no bytes at all.
    #[inline(always)]
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The byte at `offset`.
    #[inline(always)]
    fn u8_at(&self, offset: usize) -> Option<u8> {
        self.array_at::<1>(offset).map(|[byte]| byte)
    }

    /// The `N` 32-bit words at `offset` as they lie in memory, or `None` if they are not all inside the frame.
    ///
    /// The kernel reads each at once, where [`Bytes::array_at`] reads byte by byte.
    #[inline(always)]
    fn words_at<const N: usize>(&self, offset: usize) -> Option<[u32; N]> {
        let mut words = [0; N];
        let mut index = 0;
        while index < N {
            words[index] = u32::from_ne_bytes(self.array_at(offset + 4 * index)?);
            index += 1;
        }
        Some(words)
    }

    /// The 16-bit word in network order at `offset`.
    #[inline(always)]
    fn be16_at(&self, offset: usize) -> Option<u16> {
        self.array_at(offset).map(u16::from_be_bytes)
    }

    /// The 32-bit word in network order at `offset`.
    #[inline(always)]
    fn be32_at(&self, offset: usize) -> Option<u32> {
        self.array_at(offset).map(u32::from_be_bytes)
    }
}

/// Write access to a frame. Every access is checked.
pub trait BytesMut: Bytes {
    /// Writes `array` at `offset`; `None`, and nothing written, if it does not fit.
    fn put<const N: usize>(&mut self, offset: usize, array: [u8; N]) -> Option<()>;
}

impl Bytes for [u8] {
    #[inline(always)]
    fn len(&self) -> usize {
        <[u8]>::len(self)
    }

    #[inline(always)]
    fn array_at<const N: usize>(&self, offset: usize) -> Option<[u8; N]> {
        self.get(offset..)?.first_chunk().copied()
    }
}

impl BytesMut for [u8] {
    #[inline(always)]
    fn put<const N: usize>(&mut self, offset: usize, array: [u8; N]) -> Option<()> {
        *self.get_mut(offset..)?.first_chunk_mut()? = array;
        Some(())
    }
}

/// An IP address of either family in 16 bytes, network order; IPv4 is IPv4-mapped (`::ffff:a.b.c.d`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Address(pub [u8; 16]);

impl Address {
    /// The address with these four bytes.
    #[inline(always)]
    #[must_use]
    pub const fn from_ipv4([a, b, c, d]: [u8; 4]) -> Self {
        Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d])
    }

    /// The address whose bytes lie in memory as these words.
    #[inline(always)]
    #[must_use]
    pub const fn from_words([a, b, c, d]: [u32; 4]) -> Self {
        let (a, b, c, d) = (a as u128, b as u128, c as u128, d as u128);
        let words = if cfg!(target_endian = "little") {
            a | b << 32 | c << 64 | d << 96
        } else {
            a << 96 | b << 64 | c << 32 | d
        };
        Self(words.to_ne_bytes())
    }

    /// The IPv4 address whose bytes lie in memory as this word.
    #[inline(always)]
    #[must_use]
    pub const fn from_ipv4_word(word: u32) -> Self {
        Self::from_words([0, 0, 0xffff_u32.to_be(), word])
    }

    /// The words that the bytes lie in memory as.
    #[inline(always)]
    #[must_use]
    pub const fn words(&self) -> [u32; 4] {
        let words = u128::from_ne_bytes(self.0);
        if cfg!(target_endian = "little") {
            [
                words as u32,
                (words >> 32) as u32,
                (words >> 64) as u32,
                (words >> 96) as u32,
            ]
        } else {
            [
                (words >> 96) as u32,
                (words >> 64) as u32,
                (words >> 32) as u32,
                words as u32,
            ]
        }
    }

    /// Whether this stands for an IPv4 address.
    #[inline(always)]
    #[must_use]
    pub const fn is_ipv4(&self) -> bool {
        let [a, b, c, _] = self.words();
        a | b == 0 && c == 0xffff_u32.to_be()
    }

    /// The four bytes of an IPv4 address.
    #[inline(always)]
    #[must_use]
    pub const fn ipv4(&self) -> Option<[u8; 4]> {
        let [.., a, b, c, d] = self.0;
        if self.is_ipv4() { Some([a, b, c, d]) } else { None }
    }

    /// As the standard library writes it, IPv4 unmapped.
    #[must_use]
    pub const fn to_ip(&self) -> core::net::IpAddr {
        match self.ipv4() {
            Some([a, b, c, d]) => core::net::IpAddr::V4(core::net::Ipv4Addr::new(a, b, c, d)),
            None => core::net::IpAddr::V6(core::net::Ipv6Addr::from_octets(self.0)),
        }
    }

    /// Whether no host may send from this address: unspecified, loopback, multicast, IPv4 broadcast and class E.
    #[inline(always)]
    #[must_use]
    pub const fn is_never_a_source(&self) -> bool {
        // Whole words and few branches: the verifier follows each branch of this.
        let [a, b, c, d] = self.words();
        if self.is_ipv4() {
            let first = u32::from_be(d) >> 24;
            first == 0 || first == 127 || first >= 224
        } else {
            u32::from_be(a) >> 24 == 0xff || (a | b | c == 0 && u32::from_be(d) <= 1)
        }
    }
}

impl From<core::net::IpAddr> for Address {
    fn from(ip: core::net::IpAddr) -> Self {
        match ip {
            core::net::IpAddr::V4(v4) => Self::from_ipv4(v4.octets()),
            core::net::IpAddr::V6(v6) => Self(v6.octets()),
        }
    }
}

/// Where the parts of a UDP frame are, and the fields that decide about it. Offsets count from the Ethernet header.
///
/// Aligned, with the addresses first, so that the kernel's side moves and compares those by words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C, align(8))]
pub struct Layout {
    /// IP source.
    pub source: Address,
    /// IP destination.
    pub destination: Address,
    /// Bytes of VLAN tags: 0, 4 or 8.
    pub vlan_len: u8,
    /// Whether the IP header is IPv6.
    pub is_ipv6: bool,
    /// Offset of the IP header.
    pub l3_offset: u16,
    /// Offset of the UDP header.
    pub l4_offset: u16,
    /// Offset of the datagram.
    pub payload_offset: u16,
    /// Length of the datagram by the UDP length; Ethernet padding is not part of it.
    pub payload_len: u16,
    /// UDP source port, host order.
    pub source_port: u16,
    /// UDP destination port, host order.
    pub destination_port: u16,
    /// Tag control information (priority and id) of each VLAN tag, outermost first, host order.
    pub vlan: [u16; 2],
}

impl Layout {
    /// Nothing found yet.
    pub const EMPTY: Self = Self {
        vlan_len: 0,
        is_ipv6: false,
        l3_offset: 0,
        l4_offset: 0,
        payload_offset: 0,
        payload_len: 0,
        source_port: 0,
        destination_port: 0,
        vlan: [0; 2],
        source: Address([0; 16]),
        destination: Address([0; 16]),
    };

    /// Where the datagram lies in the frame.
    #[must_use]
    pub const fn payload(&self) -> core::ops::Range<usize> {
        self.payload_offset as usize..self.payload_offset as usize + self.payload_len as usize
    }
}

/// Everything about the frame to be sent that the datagram itself does not say.
///
/// The family is that of `destination`; `source` must have the same. Integers in host byte order, addresses in
/// network order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Egress {
    /// Slot of the interface to send on.
    pub interface: u8,
    /// IPv4 TTL or IPv6 hop limit to write; a relayed packet is sent afresh, so this is not the received one.
    pub ttl: u8,
    /// Differentiated services code point, 0 to 63.
    pub dscp: u8,
    /// VLAN tags to write: 0, 1 or 2.
    pub vlan_count: u8,
    /// Tag control information of each, outermost first. Two tags are written as 802.1ad and 802.1Q.
    pub vlan: [u16; 2],
    /// Largest IP packet that the interface sends; 0 for no limit.
    pub mtu: u16,
    /// UDP source port.
    pub source_port: u16,
    /// UDP destination port.
    pub destination_port: u16,
    /// Our MAC address.
    pub source_mac: [u8; 6],
    /// MAC address of the next hop.
    pub destination_mac: [u8; 6],
    /// IP source.
    pub source: Address,
    /// IP destination.
    pub destination: Address,
}

impl Egress {
    /// Nothing is known.
    pub const EMPTY: Self = Self {
        interface: 0,
        ttl: 0,
        dscp: 0,
        vlan_count: 0,
        vlan: [0; 2],
        mtu: 0,
        source_port: 0,
        destination_port: 0,
        source_mac: [0; 6],
        destination_mac: [0; 6],
        source: Address([0; 16]),
        destination: Address([0; 16]),
    };

    /// Whether the frame will be IPv6.
    #[inline(always)]
    #[must_use]
    pub const fn is_ipv6(&self) -> bool {
        !self.destination.is_ipv4()
    }
}

/// The TTL that the edge sends with.
pub const TTL: u8 = 64;

/// Length of an Ethernet header without tags.
pub const ETHERNET_LEN: usize = 14;
/// Length of one VLAN tag.
pub const VLAN_TAG_LEN: usize = 4;
/// Length of an IPv4 header without options.
pub const IPV4_LEN: usize = 20;
/// Length of an IPv6 header without extension headers.
pub const IPV6_LEN: usize = 40;
/// Length of a UDP header.
pub const UDP_LEN: usize = 8;
/// The most that [`write_udp`] puts in front of a datagram.
pub const HEADERS_LEN_MAX: usize = ETHERNET_LEN + 2 * VLAN_TAG_LEN + IPV6_LEN + UDP_LEN;

/// EtherType of IPv4.
pub const ETHERTYPE_IPV4: u16 = 0x0800;
/// EtherType of IPv6.
pub const ETHERTYPE_IPV6: u16 = 0x86dd;
/// EtherType of an 802.1Q tag.
pub const ETHERTYPE_VLAN: u16 = 0x8100;
/// EtherType of an 802.1ad outer tag.
pub const ETHERTYPE_QINQ: u16 = 0x88a8;
/// IP protocol number of UDP.
pub const PROTOCOL_UDP: u8 = 17;

/// The sum over the pseudo-header of a UDP datagram whose UDP length field is `udp_len`.
///
/// The IPv4 and the IPv6 pseudo-header differ in their addresses only: the other fields sum up to the same.
#[inline(always)]
#[must_use]
pub fn pseudo_header(source: &Address, destination: &Address, udp_len: u16) -> Sum {
    Sum::new()
        .add_address(source)
        .add_address(destination)
        .add(u16::from(PROTOCOL_UDP))
        .add(udp_len)
}

/// Whether the UDP checksum of `frame` fits. Zero fits on IPv4 ("none was made") and never on IPv6.
///
/// The XDP program does not look at it, as it would have to read the whole datagram. SIP is verified by the worker
/// before it is parsed; RTP is not, and a wrong checksum stays equally wrong when relayed, so the receiver sees it.
/// A veth pair whose sender has transmit checksum offload delivers frames with only the pseudo-header's sum in the
/// field (`CHECKSUM_PARTIAL`): those do not verify, so such a peer needs `ethtool -K DEV tx off`.
/// Linear in the datagram's length.
#[must_use]
pub fn verify_udp_checksum<B: Bytes + ?Sized>(frame: &B, layout: &Layout) -> bool {
    let l4_offset = usize::from(layout.l4_offset);
    let udp_len = layout.payload_len + UDP_LEN as u16;
    match frame.be16_at(l4_offset + 6) {
        None => false,
        Some(0) => !layout.is_ipv6,
        Some(_) => pseudo_header(&layout.source, &layout.destination, udp_len)
            .add_range(frame, l4_offset, usize::from(udp_len))
            .is_some_and(|sum| sum.finish() == 0),
    }
}

#[cfg(test)]
mod tests;
