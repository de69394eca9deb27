//! RTP packets and what else may arrive on a media port, as views over the received bytes.
//!
//! Nothing is copied and nothing is decoded ahead of time. A view that exists is in bounds: its accessors cannot fail.

/// What the first octets of a datagram on a media port say it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demux {
    /// RTP.
    Rtp,
    /// RTCP, multiplexed on the same port or alone on its own.
    Rtcp,
    /// STUN (ICE connectivity checks, keep-alives of NAT bindings).
    Stun,
    /// DTLS (the key exchange of DTLS-SRTP).
    Dtls,
    /// Nothing that belongs on a media port, or empty.
    Other,
}

impl Demux {
    /// Tells the protocols on one media port apart by their first two octets.
    ///
    /// The first octet separates STUN, DTLS and RTP as in RFC 7983. The second separates RTCP from RTP as in RFC 5761:
    /// packet types 192 to 223 are RTCP, so that RTP with the marker and a payload type from 64 to 95 is taken for RTCP.
    /// Looks at two octets; says nothing about the rest.
    #[must_use]
    pub fn of(datagram: &[u8]) -> Self {
        let Some(&first) = datagram.first() else {
            return Self::Other;
        };
        //= https://www.rfc-editor.org/rfc/rfc7983#section-7
        //# If the value of this byte is
        //# in between 0 and 3 (inclusive), then the packet is STUN.
        //# If
        //# the value is between 20 and 63 (inclusive), then the packet is DTLS.
        match first {
            0..=3 => Self::Stun,
            20..=63 => Self::Dtls,
            //= https://www.rfc-editor.org/rfc/rfc5761#section-4
            //# When RTP and RTCP packets are multiplexed onto a single port, the
            //# RTCP packet type field occupies the same position in the packet as
            //# the combination of the RTP marker (M) bit and the RTP payload type
            //# (PT).
            128..=191 => match datagram.get(1) {
                Some(192..=223) => Self::Rtcp,
                Some(_) => Self::Rtp,
                None => Self::Other,
            },
            _ => Self::Other,
        }
    }
}

/// Why bytes are not an RTP or RTCP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// Shorter than the fixed header.
    Short,
    /// The version is not 2.
    Version,
    /// The CSRC list or the header extension goes beyond the end.
    Header,
    /// The padding count is zero, or larger than what follows the header.
    Padding,
    /// An RTCP packet of a compound is longer than what is left, or than its own contents allow.
    Length,
    /// More RTCP packets in one compound than [`crate::limits::RTCP_COMPOUND_MAX`].
    TooMany,
}

/// A view of one RTP packet (RFC 3550 section 5.1) whose bounds were checked.
#[derive(Clone, Copy, Debug)]
pub struct RtpView<'a> {
    fixed: &'a [u8; FIXED_LEN],
    bytes: &'a [u8],
    header_len: usize,
    padding_len: usize,
}

impl<'a> RtpView<'a> {
    /// Checks version, CSRC list, header extension and padding.
    ///
    /// Constant time; reads the header, the length of the extension and, if there is padding, the last octet.
    ///
    /// # Errors
    /// [`Malformed::Short`], [`Malformed::Version`], [`Malformed::Header`] or [`Malformed::Padding`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut view = Self::new_encrypted(bytes)?;
        if view.fixed[0] & PADDING_BIT != 0 {
            view.padding_len = usize::from(*bytes.last().unwrap_or(&0));
            if view.padding_len == 0 || view.header_len + view.padding_len > bytes.len() {
                return Err(Malformed::Padding);
            }
        }
        Ok(view)
    }

    /// As [`RtpView::new_checked`], for SRTP: the padding count is encrypted with the payload and stays unread.
    ///
    /// # Errors
    /// [`Malformed::Short`], [`Malformed::Version`] or [`Malformed::Header`].
    pub fn new_encrypted(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let fixed = bytes.first_chunk::<FIXED_LEN>().ok_or(Malformed::Short)?;
        if fixed[0] >> 6 != VERSION {
            return Err(Malformed::Version);
        }
        let mut header_len = FIXED_LEN + 4 * usize::from(fixed[0] & CSRC_COUNT_BITS);
        if fixed[0] & EXTENSION_BIT != 0 {
            let words = bytes
                .get(header_len + 2..header_len + 4)
                .and_then(|field| field.first_chunk::<2>())
                .ok_or(Malformed::Header)?;
            header_len += 4 + 4 * usize::from(u16::from_be_bytes(*words));
        }
        if header_len > bytes.len() {
            return Err(Malformed::Header);
        }
        Ok(Self {
            fixed,
            bytes,
            header_len,
            padding_len: 0,
        })
    }

    /// The marker bit: the first packet of a talk spurt or of a telephone event.
    #[must_use]
    pub fn marker(&self) -> bool {
        self.fixed[1] & MARKER_BIT != 0
    }

    /// The payload type, 0 to 127.
    #[must_use]
    pub fn payload_type(&self) -> u8 {
        self.fixed[1] & !MARKER_BIT
    }

    /// The sequence number.
    #[must_use]
    pub fn sequence_number(&self) -> u16 {
        u16::from_be_bytes([self.fixed[2], self.fixed[3]])
    }

    /// The timestamp, in units of the payload's clock.
    #[must_use]
    pub fn timestamp(&self) -> u32 {
        u32::from_be_bytes([self.fixed[4], self.fixed[5], self.fixed[6], self.fixed[7]])
    }

    /// The synchronisation source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        u32::from_be_bytes([self.fixed[8], self.fixed[9], self.fixed[10], self.fixed[11]])
    }

    /// The contributing sources, at most 15.
    pub fn csrcs(&self) -> impl Iterator<Item = u32> + use<'a> {
        let count = usize::from(self.fixed[0] & CSRC_COUNT_BITS);
        let list = self.bytes.get(FIXED_LEN..FIXED_LEN + 4 * count).unwrap_or(&[]);
        list.as_chunks::<4>()
            .0
            .iter()
            .map(|csrc| u32::from_be_bytes(*csrc))
    }

    /// The header extension: the 16 bits "defined by profile" and its data.
    #[must_use]
    pub fn extension(&self) -> Option<(u16, &'a [u8])> {
        if self.fixed[0] & EXTENSION_BIT == 0 {
            return None;
        }
        let start = FIXED_LEN + 4 * usize::from(self.fixed[0] & CSRC_COUNT_BITS);
        let (head, data) = self.bytes.get(start..self.header_len)?.split_first_chunk::<4>()?;
        Some((u16::from_be_bytes([head[0], head[1]]), data))
    }

    /// Length of everything before the payload, in octets.
    #[must_use]
    pub fn header_len(&self) -> usize {
        self.header_len
    }

    /// The payload without padding. For SRTP it still has its padding and authentication tag.
    #[must_use]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes
            .get(self.header_len..self.bytes.len() - self.padding_len)
            .unwrap_or(&[])
    }
}

const VERSION: u8 = 2;
const FIXED_LEN: usize = 12;
const PADDING_BIT: u8 = 0x20;
const EXTENSION_BIT: u8 = 0x10;
const CSRC_COUNT_BITS: u8 = 0x0f;
const MARKER_BIT: u8 = 0x80;

#[cfg(test)]
mod tests;
