//! What is decided about a frame, why, and which counter says so.
//!
//! Every received frame gets exactly one [`Verdict`]; the verdict and the zone together name one counter.
//! The lists here are also the operator's vocabulary: `drops_total{reason}` uses [`DropReason::as_str`].

use crate::map::{ZONE_UNKNOWN, ZONES_MAX};

/// What becomes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// A SIP datagram for a listener of this zone, from a source that the zone allows.
    Sip {
        /// The zone that owns the destination address.
        zone: u8,
    },
    /// A datagram for a media port of this zone. Its source is checked by the flow, not here.
    Rtp {
        /// The zone that owns the destination address.
        zone: u8,
    },
    /// The kernel's own stack takes it.
    Kernel(PassReason),
    /// Nobody takes it.
    Drop(DropReason),
}

/// Declares a reason enum together with its names, so that the two lists cannot drift apart.
macro_rules! reasons {
    ($(#[$outer:meta])* $name:ident { $($(#[$inner:meta])* $variant:ident => $text:literal,)+ }) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$inner])* $variant,)+
        }

        impl $name {
            /// Every reason, in index order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// How many reasons there are.
            pub const COUNT: usize = Self::ALL.len();

            /// The reason's place in [`Self::ALL`].
            #[must_use]
            pub const fn index(self) -> usize {
                self as usize
            }

            /// The reason at `index`, or `None` beyond the last.
            #[must_use]
            pub fn from_index(index: usize) -> Option<Self> {
                Self::ALL.get(index).copied()
            }

            /// The name that operators see: lower case with underscores, stable.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                }
            }
        }
    };
}

reasons! {
    /// Why the kernel's own stack gets a frame.
    PassReason {
        /// So short or so broken that nobody can say whom it is for.
        Unreadable => "unreadable",
        /// Broadcast or multicast destination MAC.
        GroupAddressed => "group_addressed",
        /// More than two VLAN tags, or the reserved VLAN id 4095.
        VlanTags => "vlan_tags",
        /// Neither IPv4 nor IPv6: ARP, LLC and the rest.
        NotIp => "not_ip",
        /// An IP fragment; the kernel reassembles it and its socket gives it back to us whole.
        Fragment => "fragment",
        /// IPv6 with extension headers.
        ExtensionHeader => "extension_header",
        /// TCP, ICMP, ICMPv6 or another protocol.
        NotUdp => "not_udp",
        /// UDP for an address that no zone owns.
        NotLocal => "not_local",
        /// UDP for us, but neither to a SIP listener nor to a media port.
        OtherPort => "other_port",
        /// SIP for us, but no AF_XDP socket serves the queue it came in on.
        SipNoSocket => "sip_no_socket",
        /// Media for us, but no AF_XDP socket serves the queue it came in on.
        RtpNoSocket => "rtp_no_socket",
        /// The program has not been told about the receiving interface.
        NotConfigured => "not_configured",
    }
}

reasons! {
    /// Why a frame, datagram or message was dropped, wherever that was decided.
    DropReason {
        /// The frame ends before the lengths in its own headers do.
        Truncated => "truncated",
        /// IP header length and total length contradict each other or what must follow.
        BadIpHeader => "bad_ip_header",
        /// IPv4 header checksum does not fit.
        BadIpChecksum => "bad_ip_checksum",
        /// UDP length below eight, or beyond the IP packet.
        BadUdpLength => "bad_udp_length",
        /// UDP checksum wrong, or zero on IPv6.
        BadUdpChecksum => "bad_udp_checksum",
        /// A source that no sender may have: group, loopback, unspecified, IPv4-mapped, our own address, port 0.
        BadSource => "bad_source",
        /// For an address of a zone that lives on another interface.
        WrongInterface => "wrong_interface",
        /// SIP from an address that no trunk of the zone names.
        SourceNotAllowed => "source_not_allowed",
        /// Media to a port that no flow has open.
        RtpNoFlow => "rtp_no_flow",
        /// Media from another source than the flow believes.
        RtpWrongSource => "rtp_wrong_source",
        /// A datagram on a media port that is neither RTP, RTCP, STUN nor DTLS.
        RtpNotRtp => "rtp_not_rtp",
        /// The flow's next hop is not known yet.
        RtpNoNextHop => "rtp_no_next_hop",
        /// The flow has no remote to send to yet.
        RtpNoRemote => "rtp_no_remote",
        /// Larger than the egress interface can send.
        RtpTooBig => "rtp_too_big",
        /// Media with a payload type that was not agreed.
        RtpWrongPayloadType => "rtp_wrong_payload_type",
        /// Media at a higher rate than the flow may have.
        RtpOverRate => "rtp_over_rate",
        /// SIP that cannot be parsed and may not be answered.
        SipMalformed => "sip_malformed",
        /// SIP from an address that no trunk names, found by userspace.
        SipUnknownSource => "sip_unknown_source",
        /// A response or CANCEL that matches no transaction.
        SipNoTransaction => "sip_no_transaction",
        /// SIP beyond what the worker may take in this turn or at this rate.
        SipOverload => "sip_overload",
        /// A SIP datagram larger than the egress interface can send, or than a frame holds.
        SipTooBig => "sip_too_big",
        /// The ring to the owning worker is full.
        HandoffFull => "handoff_full",
        /// The transmit ring is full.
        TxFull => "tx_full",
        /// The link refused the frame.
        TxFailed => "tx_failed",
        /// No free frame to write into.
        NoFrame => "no_frame",
        /// No room in front of the frame for the headers.
        NoHeadroom => "no_headroom",
        /// The next hop did not answer in time.
        NextHopTimeout => "next_hop_timeout",
        /// Too many datagrams wait for next hops.
        NextHopQueueFull => "next_hop_queue_full",
        /// No route to the destination.
        NoRoute => "no_route",
        /// AF_XDP: dropped by the kernel on receive.
        XskRxDropped => "xsk_rx_dropped",
        /// AF_XDP: the receive ring was full.
        XskRxRingFull => "xsk_rx_ring_full",
        /// AF_XDP: the fill ring was empty.
        XskFillRingEmpty => "xsk_fill_ring_empty",
        /// AF_XDP: the kernel found a descriptor invalid.
        XskInvalidDescriptor => "xsk_invalid_descriptor",
        /// A datagram larger than the buffer it was received into.
        SocketTruncated => "socket_truncated",
        /// Dropped on purpose by the in-memory link of tests.
        SimulatedLoss => "simulated_loss",
    }
}

/// How many verdicts there are when the zone is left out: the width of one zone's row of counters.
pub const VERDICTS: usize = 2 + PassReason::COUNT + DropReason::COUNT;

/// Entries in the counter map: one row for each zone and one for frames of no zone, then one relay count for each zone.
pub const COUNTERS: u32 = VERDICT_COUNTERS + ZONES_MAX as u32;

/// Entries in the counter map that stand for a verdict.
const VERDICT_COUNTERS: u32 = ((ZONES_MAX + 1) * VERDICTS) as u32;

/// The entry of the counter map for media of `zone` that the kernel relayed itself: those frames have no other counter.
#[inline]
#[must_use]
pub const fn relayed_index(zone: u8) -> u32 {
    VERDICT_COUNTERS + (zone as u32 & (ZONES_MAX as u32 - 1))
}

impl Verdict {
    /// The verdict's place in a zone's row of counters, below [`VERDICTS`].
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        match self {
            Self::Sip { .. } => 0,
            Self::Rtp { .. } => 1,
            Self::Kernel(reason) => 2 + reason.index(),
            Self::Drop(reason) => 2 + PassReason::COUNT + reason.index(),
        }
    }

    /// The verdict that [`Verdict::index`] numbers `index`, with `zone` put in where it carries one.
    #[must_use]
    pub fn from_index(index: usize, zone: u8) -> Option<Self> {
        match index {
            0 => Some(Self::Sip { zone }),
            1 => Some(Self::Rtp { zone }),
            _ if index < 2 + PassReason::COUNT => PassReason::from_index(index - 2).map(Self::Kernel),
            _ => DropReason::from_index(index - 2 - PassReason::COUNT).map(Self::Drop),
        }
    }

    /// The name that operators see.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sip { .. } => "sip",
            Self::Rtp { .. } => "rtp",
            Self::Kernel(reason) => reason.as_str(),
            Self::Drop(reason) => reason.as_str(),
        }
    }
}

/// The entry of the counter map for `verdict` about a frame of `zone` ([`ZONE_UNKNOWN`] if it belongs to none).
#[inline]
#[must_use]
pub const fn counter_index(zone: u8, verdict: Verdict) -> u32 {
    let row = if (zone as usize) < ZONES_MAX {
        zone as usize
    } else {
        ZONES_MAX
    };
    (row * VERDICTS + verdict.index()) as u32
}

/// The zone ([`ZONE_UNKNOWN`] for none) and verdict that entry `index` of the counter map stands for.
#[must_use]
pub fn counter_meaning(index: u32) -> Option<(u8, Verdict)> {
    let (row, column) = (index as usize / VERDICTS, index as usize % VERDICTS);
    let zone = match row {
        row if row < ZONES_MAX => row as u8,
        ZONES_MAX => ZONE_UNKNOWN,
        _ => return None,
    };
    Verdict::from_index(column, zone).map(|verdict| (zone, verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_index_means_what_made_it() {
        for index in 0..VERDICT_COUNTERS {
            let (zone, verdict) = counter_meaning(index).unwrap();
            assert_eq!(counter_index(zone, verdict), index);
        }
        assert!((VERDICT_COUNTERS..=COUNTERS).all(|index| counter_meaning(index).is_none()));
        assert_eq!(
            (relayed_index(0), relayed_index(31)),
            (VERDICT_COUNTERS, COUNTERS - 1)
        );
    }

    #[test]
    fn names_are_distinct_and_snake_case() {
        let names = (0..VERDICTS).map(|i| Verdict::from_index(i, 0).unwrap().as_str());
        for (i, name) in names.clone().enumerate() {
            assert!(
                name.bytes()
                    .all(|b| b == b'_' || b.is_ascii_lowercase() || b.is_ascii_digit()),
                "{name}"
            );
            assert_eq!(
                names.clone().position(|other| other == name),
                Some(i),
                "{name} twice"
            );
        }
    }
}
