//! The reliable provisional responses of the A-leg: RFC 3262 section 3, as data and rules.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::time::Duration;

use trunkline_sip::header::RAck;
use trunkline_sip::{Method, Status};
use trunkline_time::{TimerKey, Timestamp};

/// Most provisional responses that wait for the PRACK of one before them.
pub(crate) const WAITING_MAX: usize = 8;

/// Those that were made and are not acknowledged; only the first of them was sent.
#[derive(Debug, Default)]
pub(crate) struct Reliable {
    /// CSeq number of the INVITE.
    pub(crate) cseq: u32,
    rseq: u32,
    waiting: VecDeque<Provisional>,
    pub(crate) timer: Option<TimerKey>,
}

/// One reliable provisional response.
#[derive(Debug)]
pub(crate) struct Provisional {
    pub(crate) rseq: u32,
    pub(crate) status: Status,
    pub(crate) bytes: Box<[u8]>,
    /// The callee's response that it stands for, if its PRACK is the caller's business.
    pub(crate) origin: Option<Origin>,
    pub(crate) has_body: bool,
    pub(crate) interval: Duration,
    pub(crate) give_up: Timestamp,
}

/// Names a reliable provisional response of the callee.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    /// To tag.
    pub(crate) tag: Box<[u8]>,
    /// RSeq.
    pub(crate) rseq: u32,
}

impl Reliable {
    /// None yet, for the INVITE with this CSeq number.
    pub(crate) fn new(cseq: u32) -> Self {
        Self {
            cseq,
            ..Self::default()
        }
    }

    /// The number of the next response; `entropy` is used for the first.
    //= https://www.rfc-editor.org/rfc/rfc3262#section-3
    //# The value of the header field for the first reliable provisional
    //# response in a transaction MUST be between 1 and 2**31 - 1.
    pub(crate) fn next_rseq(&mut self, entropy: u64) -> u32 {
        self.rseq = match self.rseq {
            0 => (entropy & 0x3fff_ffff) as u32 + 1,
            last => last.wrapping_add(1),
        };
        self.rseq
    }

    /// Puts a response behind the others. False if too many wait already.
    pub(crate) fn push(&mut self, provisional: Provisional) -> bool {
        let has_room = self.waiting.len() < WAITING_MAX;
        if has_room {
            self.waiting.push_back(provisional);
        }
        has_room
    }

    /// The one that was sent, or is to be sent now.
    pub(crate) fn first(&mut self) -> Option<&mut Provisional> {
        self.waiting.front_mut()
    }

    /// How many wait, the one that was sent included.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Takes the response that a PRACK acknowledges.
    //= https://www.rfc-editor.org/rfc/rfc3262#section-3
    //# If a PRACK request is received by the UA core that does not match any
    //# unacknowledged reliable provisional response, the UAS MUST respond to
    //# the PRACK with a 481 response.
    pub(crate) fn acknowledge(&mut self, rack: &RAck<'_>) -> Option<Provisional> {
        let first = self.waiting.front()?;
        let is_it = first.rseq == rack.response_number
            && rack.cseq.number == self.cseq
            && rack.cseq.method == Method::Invite;
        if is_it { self.waiting.pop_front() } else { None }
    }

    /// Whether a 2xx has to wait for a PRACK.
    //= https://www.rfc-editor.org/rfc/rfc3262#section-3
    //# The UAS MAY send a final response to the initial request before
    //# having received PRACKs for all unacknowledged reliable provisional
    //# responses, unless the final response is 2xx and any of the
    //# unacknowledged reliable provisional responses contained a session
    //# description.
    pub(crate) fn blocks_success(&self) -> bool {
        self.waiting.iter().any(|p| p.has_body)
    }

    /// A final response went out: nothing is sent again.
    pub(crate) fn clear(&mut self) {
        self.waiting.clear();
    }
}
