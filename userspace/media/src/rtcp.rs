//! RTCP compounds as views over the received bytes (RFC 3550 section 6).

use crate::limits::RTCP_COMPOUND_MAX;
use crate::rtp::Malformed;

/// A view of one RTCP compound whose packet lengths were checked.
#[derive(Clone, Copy, Debug)]
pub struct RtcpView<'a> {
    fixed: &'a [u8; FIXED_LEN],
    bytes: &'a [u8],
}

impl<'a> RtcpView<'a> {
    /// Checks the version and length of each packet of the compound, and that reports hold the blocks they count.
    ///
    /// Reduced-size RTCP (RFC 5506), which does not begin with a report, is accepted, and so are zero octets after the last
    /// packet, which some senders add. Linear in the length; there may be [`RTCP_COMPOUND_MAX`] packets.
    ///
    /// # Errors
    /// [`Malformed::Short`], [`Malformed::Version`], [`Malformed::Length`], [`Malformed::Padding`] or [`Malformed::TooMany`].
    pub fn new_checked(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let view = Self::new_encrypted(bytes)?;
        let mut rest = bytes;
        let mut packet_count = 0;
        while packet_count == 0 || !is_filling(rest) {
            packet_count += 1;
            if packet_count > RTCP_COMPOUND_MAX {
                return Err(Malformed::TooMany);
            }
            let packet = RtcpPacket::split_from(&mut rest)?;
            packet.check_contents(is_filling(rest))?;
        }
        Ok(view)
    }

    /// As [`RtcpView::new_checked`], for SRTCP: all that follows the first eight octets is encrypted and stays unread.
    ///
    /// # Errors
    /// [`Malformed::Short`] or [`Malformed::Version`].
    pub fn new_encrypted(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let fixed = bytes.first_chunk::<FIXED_LEN>().ok_or(Malformed::Short)?;
        if fixed[0] >> 6 != VERSION {
            return Err(Malformed::Version);
        }
        Ok(Self { fixed, bytes })
    }

    /// The packet type of the first packet.
    #[must_use]
    pub fn packet_type(&self) -> u8 {
        self.fixed[1]
    }

    /// The synchronisation source that the first packet names, which is its sender.
    #[must_use]
    pub fn sender_ssrc(&self) -> u32 {
        u32::from_be_bytes([self.fixed[4], self.fixed[5], self.fixed[6], self.fixed[7]])
    }

    /// The packets of the compound in order. Meaningless for SRTCP.
    pub fn packets(&self) -> impl Iterator<Item = RtcpPacket<'a>> + use<'a> {
        let mut rest = self.bytes;
        core::iter::from_fn(move || RtcpPacket::split_from(&mut rest).ok()).take(RTCP_COMPOUND_MAX)
    }
}

/// One packet of an RTCP compound.
#[derive(Clone, Copy, Debug)]
pub struct RtcpPacket<'a> {
    first: u8,
    packet_type: u8,
    body: &'a [u8],
}

impl<'a> RtcpPacket<'a> {
    /// The packet type: [`SENDER_REPORT`], [`RECEIVER_REPORT`], [`GOODBYE`] or another one.
    #[must_use]
    pub fn packet_type(&self) -> u8 {
        self.packet_type
    }

    /// The five-bit count of the header: report blocks, chunks or sources.
    #[must_use]
    pub fn count(&self) -> u8 {
        self.first & COUNT_BITS
    }

    /// Everything after the first four octets, padding included.
    #[must_use]
    pub fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The report blocks of a sender or receiver report; none for other packets.
    pub fn report_blocks(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        let start = blocks_offset(self.packet_type).unwrap_or(self.body.len());
        let blocks = self.body.get(start..).unwrap_or(&[]);
        blocks
            .as_chunks::<BLOCK_LEN>()
            .0
            .iter()
            .take(usize::from(self.count()))
            .map(ReportBlock::read)
    }

    /// Takes one packet off the front of `rest`.
    fn split_from(rest: &mut &'a [u8]) -> Result<Self, Malformed> {
        let (head, after) = rest.split_first_chunk::<4>().ok_or(Malformed::Short)?;
        if head[0] >> 6 != VERSION {
            return Err(Malformed::Version);
        }
        let body_len = 4 * usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (body, following) = after.split_at_checked(body_len).ok_or(Malformed::Length)?;
        *rest = following;
        Ok(Self {
            first: head[0],
            packet_type: head[1],
            body,
        })
    }

    /// Checks what the header says about the contents: the report blocks counted, and the padding.
    fn check_contents(&self, is_last: bool) -> Result<(), Malformed> {
        let mut body_len = self.body.len();
        if self.first & PADDING_BIT != 0 {
            let padding_len = usize::from(*self.body.last().unwrap_or(&0));
            if !is_last || padding_len == 0 || padding_len % 4 != 0 || padding_len > body_len {
                return Err(Malformed::Padding);
            }
            body_len -= padding_len;
        }
        match blocks_offset(self.packet_type) {
            Some(offset) if offset + BLOCK_LEN * usize::from(self.count()) > body_len => {
                Err(Malformed::Length)
            }
            _ => Ok(()),
        }
    }
}

/// What a receiver reports about one source it hears (RFC 3550 section 6.4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReportBlock {
    /// The source that the report is about.
    pub ssrc: u32,
    /// Loss since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; duplicates make it negative.
    pub cumulative_lost: i32,
    /// Extended highest sequence number received.
    pub highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// Middle 32 bits of the NTP timestamp of the last sender report.
    pub last_sender_report: u32,
    /// Delay since that sender report, in units of 1/65536 seconds.
    pub delay_since_last: u32,
}

impl ReportBlock {
    fn read(block: &[u8; BLOCK_LEN]) -> Self {
        let word = |index: usize| {
            let field = block.as_chunks::<4>().0.get(index);
            u32::from_be_bytes(field.copied().unwrap_or_default())
        };
        let loss = word(1);
        Self {
            ssrc: word(0),
            fraction_lost: (loss >> 24) as u8,
            // Sign-extends the low 24 bits.
            cumulative_lost: (loss << 8).cast_signed() >> 8,
            highest_sequence: word(2),
            jitter: word(3),
            last_sender_report: word(4),
            delay_since_last: word(5),
        }
    }
}

/// Packet type of a sender report.
pub const SENDER_REPORT: u8 = 200;
/// Packet type of a receiver report.
pub const RECEIVER_REPORT: u8 = 201;
/// Packet type of BYE: sources leave.
pub const GOODBYE: u8 = 203;

/// Whether no packet follows: nothing at all or zeros.
fn is_filling(rest: &[u8]) -> bool {
    rest.first().is_none_or(|first| *first == 0) && rest.iter().all(|octet| *octet == 0)
}

/// Where the report blocks begin in the body of a report.
fn blocks_offset(packet_type: u8) -> Option<usize> {
    match packet_type {
        SENDER_REPORT => Some(24),
        RECEIVER_REPORT => Some(4),
        _ => None,
    }
}

const VERSION: u8 = 2;
const FIXED_LEN: usize = 8;
const BLOCK_LEN: usize = 24;
const PADDING_BIT: u8 = 0x20;
const COUNT_BITS: u8 = 0x1f;

#[cfg(test)]
mod tests;
