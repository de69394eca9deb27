//! The back-to-back user agent: one SIP event per file.
//!
//! [`Core`] is what all calls of a worker share. A step of a call is a function of (`Core`, [`Ctx`],
//! [`Call`]), so that the
//! call is never borrowed through its slab while it works.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use trunkline_sip::path::{Output, Path};
use trunkline_sip::token::{self, Token, TokenText};
use trunkline_sip::transaction::{ClientKey, Layer, ServerKey};
use trunkline_sip::write::{self, Overflow, Writer};
use trunkline_sip::{Message, Method, Status};
use trunkline_time::{TimerKey, Wheel};

use crate::action::CallRef;
use crate::call::Side;
use crate::calls::CallsConfig;
use crate::ctx::Ctx;
use crate::leg::PRODUCT;
use crate::plan::{RoutePlan, TrunkId};
use crate::report::{CallCounters, TrunkCounters};

pub(crate) mod ack;
pub(crate) mod answer;
pub(crate) mod attempt;
pub(crate) mod bye;
pub(crate) mod cancel;
pub(crate) mod credentials;
pub(crate) mod failover;
pub(crate) mod in_dialog;
pub(crate) mod invite;
pub(crate) mod options;
pub(crate) mod prack;
pub(crate) mod provisional;
pub(crate) mod record;
pub(crate) mod refresh;
pub(crate) mod refusal;
pub(crate) mod reinvite;

/// Longest message that we write.
pub(crate) const MESSAGE_MAX: usize = 65_507;

/// What the calls of one worker share.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) config: CallsConfig,
    pub(crate) layer: Layer,
    pub(crate) wheel: Wheel<Timer>,
    pub(crate) counters: CallCounters,
    /// Names of the trunks that `counters.trunks` counts for, in its order.
    pub(crate) trunk_names: Vec<String>,
    pub(crate) buffer: Box<[u8]>,
}

/// A deadline of ours; the transactions have their own.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Timer {
    /// Of a call.
    Call(CallRef, CallTimer),
    /// Time to probe a peer of a trunk.
    Probe { epoch: u64, trunk: TrunkId, peer: u16 },
}

/// A deadline of a call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum CallTimer {
    /// The attempt with this number got no response, or rings for too long.
    Attempt(u32),
    /// A given-up attempt with this number never ended.
    Abandon(u32),
    /// A 2xx of ours with this CSeq waits for its ACK on this side.
    Unacked(Side, u32),
    /// A reliable provisional response with this RSeq waits for its PRACK.
    Reliable(u32),
    /// The session of this side is to be refreshed, or expires.
    Session(Side),
}

/// What a client transaction belongs to, packed into its 64-bit user value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum User {
    /// The INVITE of an attempt.
    Attempt(CallRef, u32),
    /// A request inside a dialog that is relayed.
    Relay(CallRef),
    /// A BYE.
    Bye(CallRef),
    /// A session refresh.
    Refresh(CallRef),
    /// A probe of a trunk's peer.
    Probe(TrunkId, u16),
    /// Nobody waits for it.
    Nobody,
}

const GENERATION_BITS: u32 = 24;
const KIND_SHIFT: u32 = 61;
const ATTEMPT_SHIFT: u32 = 56;

impl User {
    pub(crate) fn pack(self) -> u64 {
        let call = |at: CallRef| u64::from(at.index) | u64::from(at.generation) << 32;
        match self {
            Self::Nobody => 0,
            Self::Attempt(at, number) => 1 << KIND_SHIFT | u64::from(number & 31) << ATTEMPT_SHIFT | call(at),
            Self::Relay(at) => 2 << KIND_SHIFT | call(at),
            Self::Bye(at) => 3 << KIND_SHIFT | call(at),
            Self::Refresh(at) => 5 << KIND_SHIFT | call(at),
            Self::Probe(trunk, peer) => 4 << KIND_SHIFT | u64::from(trunk) << 16 | u64::from(peer),
        }
    }

    pub(crate) fn unpack(value: u64) -> Self {
        let at = CallRef {
            index: value as u32,
            generation: (value >> 32) as u32 & ((1 << GENERATION_BITS) - 1),
        };
        match value >> KIND_SHIFT {
            1 => Self::Attempt(at, (value >> ATTEMPT_SHIFT) as u32 & 31),
            2 => Self::Relay(at),
            3 => Self::Bye(at),
            5 => Self::Refresh(at),
            4 => Self::Probe((value >> 16) as u16, value as u16),
            _ => Self::Nobody,
        }
    }

    /// The call, if it is one of a call's.
    pub(crate) fn call(self) -> Option<CallRef> {
        match self {
            Self::Attempt(at, _) | Self::Relay(at) | Self::Bye(at) | Self::Refresh(at) => Some(at),
            Self::Probe(..) | Self::Nobody => None,
        }
    }
}

/// A request and the way it came, while it is being answered.
#[derive(Clone, Copy)]
pub(crate) struct Asked<'m, 'a> {
    pub(crate) path: &'m Path,
    pub(crate) message: &'m Message<'a>,
    pub(crate) key: ServerKey,
}

impl Core {
    /// Sets a timer; counts it if there is no room.
    pub(crate) fn arm(&mut self, ctx: &Ctx<'_>, after: Duration, timer: Timer) -> Option<TimerKey> {
        let key = self.wheel.set(ctx.now + after, timer);
        self.counters.timers_full += u64::from(key.is_none());
        key
    }

    /// Stops a timer, if it runs.
    pub(crate) fn disarm(&mut self, key: &mut Option<TimerKey>) {
        if let Some(key) = key.take() {
            self.wheel.cancel(key);
        }
    }

    /// 64*T1.
    pub(crate) fn patience(&self) -> Duration {
        self.config.t1 * 64
    }

    /// Writes and starts a request. `None` if it does not fit or there is no room; both are counted.
    pub(crate) fn start(
        &mut self,
        ctx: &mut Ctx<'_>,
        method: Method,
        path: &Path,
        user: User,
        write: impl FnOnce(&TokenText, &mut [u8]) -> Result<usize, Overflow>,
    ) -> Option<ClientKey> {
        let branch = self.layer.next_branch(ctx.entropy.next_u64());
        let Some(branch) = branch else {
            self.counters.limit_capacity += 1;
            return None;
        };
        let written = write(&branch, &mut self.buffer);
        let len = self.written(written)?;
        self.count_request(path.zone, method);
        let bytes = self.buffer.get(..len)?;
        self.layer.start(
            ctx.now,
            method,
            branch.as_bytes(),
            path,
            bytes,
            user.pack(),
            ctx.out,
        )
    }

    /// Writes and sends a message that has no transaction: an ACK, or a stateless response.
    pub(crate) fn send(
        &mut self,
        ctx: &mut Ctx<'_>,
        path: &Path,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Overflow>,
    ) -> Option<Vec<u8>> {
        let written = write(&mut self.buffer);
        let len = self.written(written)?;
        let bytes = self.buffer.get(..len)?;
        ctx.out.send(path, bytes);
        Some(bytes.to_vec())
    }

    /// Writes and sends a response of a server transaction.
    pub(crate) fn respond(
        &mut self,
        ctx: &mut Ctx<'_>,
        key: ServerKey,
        status: Status,
        write: impl FnOnce(&mut [u8]) -> Result<usize, Overflow>,
    ) -> bool {
        let written = write(&mut self.buffer);
        let Some(len) = self.written(written) else {
            return false;
        };
        let Some(bytes) = self.buffer.get(..len) else {
            return false;
        };
        self.layer.respond(ctx.now, key, status, bytes, ctx.out)
    }

    /// Answers a request that begins no dialog, with a few fields.
    pub(crate) fn refuse(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: &Asked<'_, '_>,
        status: Status,
        fields: &[(&[u8], &[u8])],
    ) {
        let tag = self.nobodys_tag(ctx);
        self.answer(ctx, asked, status, Some(tag.as_bytes()), fields);
    }

    /// Answers a request with a few fields; `tag` is for a request without To tag.
    pub(crate) fn answer(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: &Asked<'_, '_>,
        status: Status,
        tag: Option<&[u8]>,
        fields: &[(&[u8], &[u8])],
    ) {
        self.count_response(asked.path.zone, asked.message.method(), status);
        self.respond(ctx, asked.key, status, |buffer| {
            let mut writer = write::response(asked.message, asked.path.remote, status, b"", tag, buffer);
            for (name, value) in fields {
                writer.field(name, value);
            }
            finish(&mut writer, b"Server", None)
        });
    }

    /// Says 100, which has no tag of ours.
    pub(crate) fn respond_trying(&mut self, ctx: &mut Ctx<'_>, asked: &Asked<'_, '_>) {
        self.count_response(asked.path.zone, asked.message.method(), Status::TRYING);
        self.respond(ctx, asked.key, Status::TRYING, |buffer| {
            write::response(
                asked.message,
                asked.path.remote,
                Status::TRYING,
                b"",
                None,
                buffer,
            )
            .finish(None, b"")
        });
    }

    /// Answers without a transaction.
    pub(crate) fn refuse_stateless(
        &mut self,
        ctx: &mut Ctx<'_>,
        path: &Path,
        message: &Message<'_>,
        status: Status,
        fields: &[(&[u8], &[u8])],
    ) {
        let tag = self.nobodys_tag(ctx);
        self.count_response(path.zone, message.method(), status);
        let back = Path {
            remote: answer_address(path, message),
            ..*path
        };
        self.send(ctx, &back, |buffer| {
            let mut writer = write::response(message, path.remote, status, b"", Some(tag.as_bytes()), buffer);
            for (name, value) in fields {
                writer.field(name, value);
            }
            finish(&mut writer, b"Server", None)
        });
    }

    /// A tag of ours that leads to no call.
    pub(crate) fn nobodys_tag(&self, ctx: &mut Ctx<'_>) -> TokenText {
        let nobody = Token {
            owner: self.config.owner,
            index: u32::MAX,
            generation: 0,
        };
        token::tag(nobody, ctx.entropy.next_u64())
    }

    /// Lays the counters of trunks out for `plan`: those of a trunk follow its name, as its index may change.
    pub(crate) fn lay_out_trunks(&mut self, plan: &RoutePlan) {
        let kept = |name: &String| {
            let before = self.trunk_names.iter().position(|n| n == name)?;
            self.counters.trunks.get(before).cloned()
        };
        let names: Vec<String> = plan.trunks.iter().map(|t| t.name.clone()).collect();
        let trunks = names.iter().map(|name| kept(name).unwrap_or_default()).collect();
        self.counters.trunks = trunks;
        self.trunk_names = names;
    }

    /// The counters of a trunk of `plan`, which may be older than the newest; `None` if the trunk is gone.
    pub(crate) fn trunk_counters(&mut self, plan: &RoutePlan, id: TrunkId) -> Option<&mut TrunkCounters> {
        let name = &plan.trunk(id)?.name;
        let index = match self.trunk_names.get(usize::from(id)) {
            Some(same) if same == name => usize::from(id),
            _ => self.trunk_names.iter().position(|n| n == name)?,
        };
        self.counters.trunks.get_mut(index)
    }

    /// Counts a request that we send.
    pub(crate) fn count_request(&mut self, zone: u8, method: Method) {
        if let Some(zone) = self.counters.sent.get_mut(usize::from(zone)) {
            zone.requests[method_index(method)] += 1;
        }
    }

    /// Counts a response that we send.
    pub(crate) fn count_response(&mut self, zone: u8, method: Method, status: Status) {
        if let Some(zone) = self.counters.sent.get_mut(usize::from(zone)) {
            zone.responses[method_index(method)][class_index(status)] += 1;
        }
    }

    /// Counts a message that came in.
    pub(crate) fn count_received(&mut self, zone: u8, message: &Message<'_>) {
        let Some(zone) = self.counters.received.get_mut(usize::from(zone)) else {
            return;
        };
        let method = method_index(message.method());
        match message.status() {
            Some(status) => zone.responses[method][class_index(status)] += 1,
            None => zone.requests[method] += 1,
        }
    }

    fn written(&mut self, result: Result<usize, Overflow>) -> Option<usize> {
        self.counters.oversized += u64::from(result.is_err());
        result.ok()
    }
}

/// Ends a message with our product and a body.
pub(crate) fn finish(
    writer: &mut Writer<'_>,
    product_field: &[u8],
    body: Option<(&[u8], &[u8])>,
) -> Result<usize, Overflow> {
    writer.field(product_field, PRODUCT);
    match body {
        Some((content_type, bytes)) => writer.finish(Some(content_type), bytes),
        None => writer.finish(None, b""),
    }
}

fn answer_address(path: &Path, message: &Message<'_>) -> SocketAddr {
    write::response_target(message, path.remote)
}

fn method_index(method: Method) -> usize {
    (method as usize).min(15)
}

fn class_index(status: Status) -> usize {
    usize::from(status.code() / 100).clamp(1, 6) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_survive_packing() {
        let at = CallRef {
            index: u32::MAX,
            generation: (1 << GENERATION_BITS) - 1,
        };
        for user in [
            User::Nobody,
            User::Attempt(at, 31),
            User::Attempt(
                CallRef {
                    index: 0,
                    generation: 1,
                },
                1,
            ),
            User::Relay(at),
            User::Bye(at),
            User::Refresh(at),
            User::Probe(65_535, 65_535),
        ] {
            assert_eq!(User::unpack(user.pack()), user);
        }
    }
}
