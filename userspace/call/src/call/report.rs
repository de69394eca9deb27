//! Calls as people see them.

use alloc::string::String;

use super::{Call, Side};
use crate::ctx::Ctx;
use crate::leg::Leg;
use crate::report::{CallDetail, CallSummary, LegDetail};

impl Call {
    /// The line about this call.
    pub(crate) fn summary(&self) -> CallSummary {
        let name = |side| self.trunk(side).map(|t| t.name.clone()).unwrap_or_default();
        CallSummary {
            id: String::from(self.id.as_str()),
            phase: self.phase,
            held: self.media.is_held(),
            from_trunk: name(Side::A),
            to_trunk: name(Side::B),
            caller: self.facts.caller.clone(),
            called: self.facts.normalised.clone(),
            start: self.facts.start,
            answer: self.facts.answer,
            attempt: self.attempts_made,
        }
    }

    /// The call in full.
    pub(crate) fn detail(&self, ctx: &Ctx<'_>) -> CallDetail {
        CallDetail {
            summary: self.summary(),
            a: self.a.detail(),
            b: self.leg(Side::B).map(Leg::detail),
            codec: self.media.codec.clone(),
            flows: self.media.details(ctx),
            config_epoch: self.plan.epoch,
        }
    }
}

impl Leg {
    fn detail(&self) -> LegDetail {
        let remote_tag = self
            .dialog
            .as_ref()
            .map(trunkline_sip::dialog::Dialog::remote_tag)
            .unwrap_or_default();
        LegDetail {
            call_id: String::from_utf8_lossy(&self.call_id).into_owned(),
            local_tag: String::from(self.local_tag.as_str()),
            remote_tag: String::from_utf8_lossy(remote_tag).into_owned(),
            local: self.path.local,
            remote: self.path.remote,
        }
    }
}
