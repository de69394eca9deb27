//! Which call a message belongs to, and which step it is.

use trunkline_sip::path::{Output, Path};
use trunkline_sip::token;
use trunkline_sip::transaction::{OnRequest, OnResponse};
use trunkline_sip::{Message, Method, ParseError, Status, write};

use super::Calls;
use crate::action::CallRef;
use crate::b2bua::{Asked, User, ack, answer, bye, cancel, in_dialog, invite, options, refresh, refusal};
use crate::call::Side;
use crate::ctx::Ctx;
use crate::leg::ALLOW;
use crate::plan::TrunkId;

impl Calls {
    /// A request arrived. `path.remote` is the source address of the datagram.
    pub fn on_request(&mut self, ctx: &mut Ctx<'_>, path: &Path, message: &Message<'_>) {
        self.on_plan(ctx);
        self.core.count_received(path.zone, message);
        let dialog = self.dialog_of(path, message);
        let trunk = ctx.plan.trunk_of_source(path.zone, path.remote);
        if trunk.is_none() && dialog.is_none() {
            self.core.counters.unknown_source += 1;
            return;
        }
        let attributed = dialog.map(|(at, _)| at);
        ctx.out.attribute(attributed);
        match self.core.layer.on_request(ctx.now, message, path, ctx.out) {
            OnRequest::New(key) => self.on_new(ctx, &Asked { path, message, key }, dialog, trunk),
            OnRequest::Absorbed => self.core.counters.retransmissions_absorbed += 1,
            OnRequest::AckForSuccess => self.on_ack(ctx, dialog, message),
            OnRequest::Cancel { cancel, invite } => {
                let asked = Asked {
                    path,
                    message,
                    key: cancel,
                };
                let user = invite
                    .and_then(|key| self.core.layer.server_user(key))
                    .map(User::unpack);
                let done = match (user.and_then(User::call), invite) {
                    (Some(at), Some(invite)) => self.with(ctx, at, |core, ctx, call| {
                        cancel::on_cancel(core, ctx, call, &asked, invite);
                    }),
                    _ => false,
                };
                if !done {
                    self.core.counters.no_dialog += 1;
                    self.core
                        .refuse(ctx, &asked, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);
                }
            }
            OnRequest::Merged(key) => {
                self.core.counters.loops += 1;
                self.core
                    .refuse(ctx, &Asked { path, message, key }, Status::LOOP_DETECTED, &[]);
            }
            OnRequest::Full => {
                self.core.counters.limit_capacity += 1;
                if message.method() != Method::Ack {
                    let fields: &[(&[u8], &[u8])] = &[(b"Retry-After", b"5")];
                    self.core
                        .refuse_stateless(ctx, path, message, Status::SERVICE_UNAVAILABLE, fields);
                }
            }
        }
        ctx.out.attribute(None);
    }

    /// A response arrived.
    pub fn on_response(&mut self, ctx: &mut Ctx<'_>, path: &Path, message: &Message<'_>) {
        self.on_plan(ctx);
        self.core.count_received(path.zone, message);
        match self.core.layer.on_response(ctx.now, message, ctx.out) {
            OnResponse::Pass { key, user } => match User::unpack(user) {
                User::Attempt(at, number) => {
                    self.with(ctx, at, |core, ctx, call| {
                        answer::on_response(core, ctx, call, number, message);
                    });
                }
                User::Relay(at) => {
                    self.with(ctx, at, |core, ctx, call| {
                        in_dialog::on_response(core, ctx, call, key, message);
                    });
                }
                User::Refresh(at) => {
                    self.with(ctx, at, |core, ctx, call| {
                        refresh::on_response(core, ctx, call, key, message);
                    });
                }
                User::Bye(at) if message.status().is_some_and(Status::is_final) => {
                    self.with(ctx, at, |core, ctx, call| {
                        bye::on_response(core, ctx, call, message);
                    });
                }
                User::Probe(trunk, peer) => {
                    let Some(status) = message.status() else { return };
                    self.probes.on_response(&mut self.core, ctx, trunk, peer, status);
                }
                User::Bye(_) | User::Nobody => {}
            },
            OnResponse::SuccessAgain { user } => {
                self.core.counters.retransmissions_absorbed += 1;
                if let Some(at) = User::unpack(user).call() {
                    self.with(ctx, at, |core, ctx, call| {
                        answer::on_success_again(core, ctx, call, message);
                    });
                }
            }
            OnResponse::Absorbed => self.core.counters.retransmissions_absorbed += 1,
            OnResponse::Stray => self.core.counters.stray_responses += 1,
        }
    }

    /// A datagram arrived that is not a SIP message. Answered where RFC 3261 lets it be, and only to a known source.
    pub fn on_malformed(&mut self, ctx: &mut Ctx<'_>, path: &Path, bytes: &[u8], error: &ParseError) {
        self.core.counters.malformed += 1;
        if ctx.plan.trunk_of_source(path.zone, path.remote).is_none() {
            self.core.counters.unknown_source += 1;
            return;
        }
        let tag = self.core.nobodys_tag(ctx);
        let buffer = &mut self.core.buffer;
        if let Some(len) = write::answer_malformed(bytes, error, path.remote, tag.as_bytes(), buffer) {
            self.core.counters.malformed_answered += 1;
            let answer = self.core.buffer.get(..len).unwrap_or_default();
            ctx.out.send(path, answer);
        }
    }

    fn on_new(
        &mut self,
        ctx: &mut Ctx<'_>,
        asked: &Asked<'_, '_>,
        dialog: Option<(CallRef, Side)>,
        trunk: Option<TrunkId>,
    ) {
        if asked.message.to().tag().is_some() {
            let done = dialog.is_some_and(|(at, side)| {
                self.with(ctx, at, |core, ctx, call| {
                    in_dialog::on_request(core, ctx, call, side, asked);
                })
            });
            if !done {
                self.core.counters.no_dialog += 1;
                self.core
                    .refuse(ctx, asked, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);
            }
            return;
        }
        let Some(trunk) = trunk else { return };
        let method = asked.message.method();
        match method {
            Method::Invite => self.on_invite(ctx, asked, trunk),
            Method::Options => options::answer(&mut self.core, ctx, asked),
            Method::Bye | Method::Info | Method::Update | Method::Prack | Method::Cancel => {
                self.core.counters.no_dialog += 1;
                self.core
                    .refuse(ctx, asked, Status::CALL_OR_TRANSACTION_DOES_NOT_EXIST, &[]);
            }
            Method::Register
            | Method::Message
            | Method::Notify
            | Method::Subscribe
            | Method::Refer
            | Method::Publish
            | Method::Ack => {
                self.core.counters.bad_method += 1;
                self.core
                    .refuse(ctx, asked, Status::METHOD_NOT_ALLOWED, &[(b"Allow", ALLOW)]);
            }
            Method::Other => {
                self.core.counters.bad_method += 1;
                self.core
                    .refuse(ctx, asked, Status::NOT_IMPLEMENTED, &[(b"Allow", ALLOW)]);
            }
        }
    }

    fn on_invite(&mut self, ctx: &mut Ctx<'_>, asked: &Asked<'_, '_>, trunk: TrunkId) {
        if self.is_draining {
            self.core.counters.draining += 1;
            refusal::refuse(&mut self.core, ctx, asked, &refusal::Refusal::later("draining"));
            return;
        }
        let Some(at) = self.slab.reserve() else {
            self.core.counters.limit_capacity += 1;
            refusal::refuse(&mut self.core, ctx, asked, &refusal::Refusal::later("no room"));
            return;
        };
        ctx.out.attribute(Some(at));
        match invite::on_invite(&mut self.core, ctx, asked, trunk, at) {
            Some(call) => self.put_back(at, call),
            None => self.slab.release(at),
        }
        ctx.out.attribute(None);
    }

    fn on_ack(&mut self, ctx: &mut Ctx<'_>, dialog: Option<(CallRef, Side)>, message: &Message<'_>) {
        let done = dialog.is_some_and(|(at, side)| {
            self.with(ctx, at, |core, ctx, call| {
                ack::on_ack(core, ctx, call, side, message);
            })
        });
        if !done {
            self.core.counters.no_dialog += 1;
        }
    }

    /// The call and side that a request names by our tag, if Call-ID and both tags are those of its dialog.
    fn dialog_of(&self, path: &Path, message: &Message<'_>) -> Option<(CallRef, Side)> {
        let token = message.to().tag().and_then(token::owner_of_tag)?;
        let at = CallRef {
            index: token.index,
            generation: token.generation,
        };
        let call = self.slab.read(at)?;
        [Side::A, Side::B].into_iter().find_map(|side| {
            let leg = call.leg(side)?;
            let is_named = leg.path.zone == path.zone && leg.dialog.as_ref()?.is_dialog_of(message);
            is_named.then_some((at, side))
        })
    }
}
