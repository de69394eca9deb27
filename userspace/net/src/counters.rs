//! What a link counts.

/// Totals of one link since it was made.
///
/// `rx_frames` counts what [`crate::Link::rx`] handed out; every frame given to [`crate::Link::tx`] ends in `tx_frames`
/// or in exactly one of the `tx_dropped_*` fields, or is still queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Frames handed out.
    pub rx_frames: u64,
    /// Their length, Ethernet header included.
    pub rx_bytes: u64,
    /// Frames the kernel (or the far end of an in-memory link) took.
    pub tx_frames: u64,
    /// Their length, Ethernet header included.
    pub tx_bytes: u64,
    /// Frames not sent because the queue towards the kernel was full.
    pub tx_dropped_backlog: u64,
    /// Frames not sent because no socket of this link has their interface, or their source address and port.
    pub tx_dropped_no_socket: u64,
    /// Frames not sent because they are too long for the link, or not a whole UDP datagram where one is needed.
    pub tx_dropped_invalid: u64,
    /// Frames the kernel refused with an error that trying again does not cure.
    pub tx_dropped_error: u64,
    /// Times a full ring or socket buffer made frames wait for the next flush.
    pub tx_deferred: u64,
    /// Times [`crate::Link::alloc`] had no slot to give.
    pub alloc_failed: u64,
    /// Received datagrams not handed out because they were cut short or had no usable source.
    pub rx_dropped_invalid: u64,
    /// ICMP errors and other soft errors that a socket reported; they concern no frame of ours.
    pub socket_errors: u64,
    /// Frames the kernel lost for other reasons than those below (`XDP_STATISTICS`), or, with ordinary sockets,
    /// because a receive buffer was full.
    pub rx_dropped: u64,
    /// Received frames lost because of an invalid descriptor (`XDP_STATISTICS`).
    pub rx_invalid_descs: u64,
    /// Frames to send lost because of an invalid descriptor (`XDP_STATISTICS`).
    pub tx_invalid_descs: u64,
    /// Received frames lost because the receive ring was full (`XDP_STATISTICS`).
    pub rx_ring_full: u64,
    /// Times the kernel found the fill ring empty (`XDP_STATISTICS`).
    pub rx_fill_ring_empty_descs: u64,
    /// Times the kernel found the transmit ring empty (`XDP_STATISTICS`).
    pub tx_ring_empty_descs: u64,
}

impl LinkCounters {
    /// Every counter with its name in snake case, for export.
    #[must_use]
    pub fn named(&self) -> [(&'static str, u64); 18] {
        [
            ("rx_frames", self.rx_frames),
            ("rx_bytes", self.rx_bytes),
            ("tx_frames", self.tx_frames),
            ("tx_bytes", self.tx_bytes),
            ("tx_dropped_backlog", self.tx_dropped_backlog),
            ("tx_dropped_no_socket", self.tx_dropped_no_socket),
            ("tx_dropped_invalid", self.tx_dropped_invalid),
            ("tx_dropped_error", self.tx_dropped_error),
            ("tx_deferred", self.tx_deferred),
            ("alloc_failed", self.alloc_failed),
            ("rx_dropped_invalid", self.rx_dropped_invalid),
            ("socket_errors", self.socket_errors),
            ("rx_dropped", self.rx_dropped),
            ("rx_invalid_descs", self.rx_invalid_descs),
            ("tx_invalid_descs", self.tx_invalid_descs),
            ("rx_ring_full", self.rx_ring_full),
            ("rx_fill_ring_empty_descs", self.rx_fill_ring_empty_descs),
            ("tx_ring_empty_descs", self.tx_ring_empty_descs),
        ]
    }

    /// Frames given to [`crate::Link::tx`] that were dropped, for whatever reason.
    #[must_use]
    pub fn tx_dropped(&self) -> u64 {
        self.tx_dropped_backlog + self.tx_dropped_no_socket + self.tx_dropped_invalid + self.tx_dropped_error
    }
}
