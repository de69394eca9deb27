//! One call: the A-leg, the attempts towards B, and what is under way between them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use trunkline_sip::Method;
use trunkline_sip::dialog::Dialog;
use trunkline_sip::path::Path;
use trunkline_sip::token::{Token, TokenText};
use trunkline_sip::transaction::{ClientKey, ServerKey};
use trunkline_time::{TimerKey, Timestamp};

use crate::action::CallRef;
use crate::cdr::EndedBy;
use crate::leg::Leg;
use crate::media_plan::MediaPlan;
use crate::plan::{FailoverOn, Reliability, RoutePlan, Trunk};
use crate::report::CallPhase;
use crate::route::Target;
use reliable::Reliable;

pub(crate) mod reliable;
mod report;
pub(crate) mod slab;

/// Most in-dialog requests of one call that are relayed at a time.
pub(crate) const RELAYS_MAX: usize = 16;

/// One of the two sides of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// The caller.
    A,
    /// The callee.
    B,
}

impl Side {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    pub(crate) fn ended_by(self) -> EndedBy {
        match self {
            Self::A => EndedBy::Caller,
            Self::B => EndedBy::Callee,
        }
    }
}

/// What is known about the call as a whole, for records and reports.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) caller: String,
    pub(crate) called: String,
    pub(crate) normalised: String,
    pub(crate) emergency: bool,
    pub(crate) start: Timestamp,
    pub(crate) ring: Option<Timestamp>,
    pub(crate) answer: Option<Timestamp>,
}

/// Two bridged legs.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) at: CallRef,
    pub(crate) token: Token,
    pub(crate) id: TokenText,
    pub(crate) plan: Arc<RoutePlan>,
    pub(crate) phase: CallPhase,
    pub(crate) facts: Facts,
    /// The INVITE that began the call, as received: attempts and answers are made from it.
    pub(crate) request: Box<[u8]>,
    /// Its transaction, until a final response was sent.
    pub(crate) invite: Option<ServerKey>,
    pub(crate) a: Leg,
    /// The attempt that may still succeed, or has.
    pub(crate) attempt: Option<Attempt>,
    /// Attempts that were given up and have not ended yet.
    pub(crate) former: Vec<Attempt>,
    pub(crate) targets: Vec<Target>,
    /// Place of the next target.
    pub(crate) next_target: usize,
    pub(crate) attempts_made: u32,
    pub(crate) failover_on: FailoverOn,
    pub(crate) bandwidth_bps: u64,
    pub(crate) media: MediaPlan,
    /// The newest answer that a provisional response brought, as the caller saw it.
    pub(crate) early_answer: Option<Vec<u8>>,
    /// Whether offer and answer have been exchanged reliably before the call is answered.
    pub(crate) is_agreed: bool,
    /// Provisional responses that the caller has to acknowledge.
    pub(crate) reliable: Reliable,
    /// A 2xx of the callee that waits for a PRACK of the caller.
    pub(crate) held_success: Option<Box<[u8]>>,
    pub(crate) relays: Vec<Relay>,
    /// A session refresh of ours under way.
    pub(crate) refresh: Option<Refresh>,
    /// BYEs under way.
    pub(crate) byes: u32,
    /// Whether the source trunk has counted this call.
    pub(crate) admitted: bool,
    /// What the caller is told if no further attempt is made.
    pub(crate) failure: Failure,
}

/// Why the newest attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: u16,
    /// The `text` of a Reason header of our own; empty = none.
    pub(crate) reason: &'static str,
    /// Whether the caller is asked to wait.
    pub(crate) retry_after: bool,
}

/// Where an attempt stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AttemptState {
    /// INVITE sent, nothing heard.
    Calling,
    /// A provisional response came.
    Proceeding,
    /// Given up before anything was heard: CANCEL has to wait for a provisional response.
    CancelOwed,
    /// CANCEL sent.
    Cancelled,
    /// A 2xx came.
    Answered,
    /// A final failure or nothing came.
    Failed,
}

/// One INVITE towards one peer.
#[derive(Debug)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) target: Target,
    pub(crate) leg: Leg,
    pub(crate) state: AttemptState,
    pub(crate) started: Timestamp,
    pub(crate) ring: Option<Timestamp>,
    /// Runs until the first response, then as ring timer.
    pub(crate) timer: Option<TimerKey>,
    /// Whether its record was written and its trunk's room given back.
    pub(crate) settled: bool,
    /// Tags of forks whose 2xx came too late and were ended; a repeated 2xx is acknowledged again.
    pub(crate) forks: Vec<Fork>,
    pub(crate) terms: Terms,
    /// Early dialogs of callees that sent a reliable provisional response.
    pub(crate) early: Vec<Early>,
}

/// On which terms the INVITE of an attempt is sent.
#[derive(Debug)]
pub(crate) struct Terms {
    pub(crate) number: u32,
    /// Who acknowledges reliable provisional responses.
    pub(crate) reliable: Reliability,
    /// The shortest session interval that the peer takes, as far as it has said so; seconds.
    pub(crate) min_secs: u32,
}

/// An early dialog of an attempt.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) dialog: Dialog,
    /// RSeq of the newest reliable provisional response.
    pub(crate) rseq: u32,
}

/// A second answer of a forked INVITE.
#[derive(Debug)]
pub(crate) struct Fork {
    pub(crate) tag: Box<[u8]>,
    pub(crate) ack: Option<(Path, Box<[u8]>)>,
}

/// A session refresh of ours.
#[derive(Debug)]
pub(crate) struct Refresh {
    pub(crate) side: Side,
    pub(crate) client: ClientKey,
}

/// One in-dialog request on its way from one side to the other.
#[derive(Debug)]
pub(crate) struct Relay {
    pub(crate) from: Side,
    pub(crate) method: Method,
    pub(crate) server: ServerKey,
    pub(crate) client: ClientKey,
    /// The way that it came.
    pub(crate) path: Path,
    /// The request as received.
    pub(crate) request: Box<[u8]>,
    /// Whether it carried an offer.
    pub(crate) has_offer: bool,
}

impl Call {
    /// The leg of one side; B has none before the first attempt.
    pub(crate) fn leg(&self, side: Side) -> Option<&Leg> {
        match side {
            Side::A => Some(&self.a),
            Side::B => self.attempt.as_ref().map(|a| &a.leg),
        }
    }

    /// See [`leg`](Self::leg).
    pub(crate) fn leg_mut(&mut self, side: Side) -> Option<&mut Leg> {
        match side {
            Side::A => Some(&mut self.a),
            Side::B => self.attempt.as_mut().map(|a| &mut a.leg),
        }
    }

    /// The trunk of one side.
    pub(crate) fn trunk(&self, side: Side) -> Option<&Trunk> {
        let id = match side {
            Side::A => self.a.trunk,
            Side::B => self.attempt.as_ref()?.target.trunk,
        };
        self.plan.trunk(id)
    }

    /// Whether both sides talk, or did until just now.
    pub(crate) fn is_answered(&self) -> bool {
        self.facts.answer.is_some()
    }

    /// Whether nothing of this call is under way any more.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == CallPhase::Ending && self.byes == 0 && self.former.is_empty() && self.invite.is_none()
    }
}
