//! The client side of the layer.

mod slot;

use alloc::vec;
use alloc::vec::Vec;

use trunkline_time::Timestamp;

use super::{BUFFER_KEEP_MAX, Due, Shared, Side};
use crate::message::Message;
use crate::method::Method;
use crate::parse::parse;
use crate::path::{Output, Path};
use crate::token::{self, Token, TokenText};
use crate::transaction::client::Client;
use crate::transaction::derived;
use crate::transaction::invite_client::{self, InviteClient};
use crate::transaction::slab::{Place, Slab};
use crate::transaction::step::{Step, Steps};
use crate::transaction::{ClientKey, OnResponse, TransactionEvent};
use slot::{Machine, Slot};

#[derive(Debug)]
pub(super) struct Clients {
    slots: Slab<Slot>,
    owner: u8,
    /// Where an ACK is built.
    scratch: Vec<u8>,
}

/// A request that is to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Request<'r> {
    pub(super) method: Method,
    pub(super) branch: &'r [u8],
    pub(super) path: &'r Path,
    pub(super) bytes: &'r [u8],
    pub(super) user: u64,
}

impl Clients {
    pub(super) fn new(capacity: u32, owner: u8) -> Self {
        Self {
            slots: Slab::new(capacity),
            owner,
            scratch: vec![0; crate::limits::MESSAGE_BYTES_MAX],
        }
    }

    pub(super) fn next_branch(&self, entropy: u64) -> Option<TokenText> {
        let Place { index, generation } = self.slots.vacant()?;
        Some(token::branch(
            Token {
                owner: self.owner,
                index,
                generation,
            },
            entropy,
        ))
    }

    pub(super) fn start(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        request: Request<'_>,
        out: &mut dyn Output,
    ) -> Option<ClientKey> {
        let branch = minted(request.branch)?;
        let named = self.place_in(request.branch)?;
        let (place, cancels) = if request.method == Method::Cancel {
            let invite = self.invite_to_cancel(named, branch)?;
            let Some(place) = self.slots.vacant() else {
                shared.counters.full += 1;
                return None;
            };
            (place, Some(invite))
        } else {
            (named, None)
        };
        let slot = self.slots.take(place)?;
        slot.reset(request, branch, cancels);
        let mut steps = Steps::new();
        let is_reliable = request.path.transport.is_reliable();
        slot.machine = Some(if request.method == Method::Invite {
            shared.counts.invite_clients += 1;
            Machine::Invite(InviteClient::start(is_reliable, &shared.values, &mut steps))
        } else {
            shared.counts.clients += 1;
            Machine::Other(Client::start(is_reliable, &shared.values, &mut steps))
        });
        self.carry_out(shared, now, place, &steps, out, None);
        if let Some(invite) = cancels {
            self.cancel_started(shared, now, invite, place, out);
        }
        Some(ClientKey(place))
    }

    /// The INVITE with this branch, if it can be cancelled.
    fn invite_to_cancel(&self, place: Place, branch: TokenText) -> Option<Place> {
        let slot = self.slots.value(place)?;
        (slot.branch == branch && slot.is_proceeding() && slot.cancel.is_none()).then_some(place)
    }

    /// The place that a branch of ours names.
    fn place_in(&self, branch: &[u8]) -> Option<Place> {
        let Token {
            owner,
            index,
            generation,
        } = token::owner_of_branch(branch)?;
        (owner == self.owner).then_some(Place { index, generation })
    }

    fn cancel_started(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        invite: Place,
        cancel: Place,
        out: &mut dyn Output,
    ) {
        let Some(slot) = self.slots.value_mut(invite) else {
            return;
        };
        slot.cancel = Some(cancel);
        let mut steps = Steps::new();
        if let Some(Machine::Invite(machine)) = &mut slot.machine {
            machine.on(invite_client::Input::Cancelled, &shared.values, &mut steps);
        }
        self.carry_out(shared, now, invite, &steps, out, None);
    }

    pub(super) fn write_cancel(&self, key: ClientKey, buffer: &mut [u8]) -> Option<usize> {
        let slot = self.slots.value(key.0).filter(|slot| slot.is_proceeding())?;
        derived::write_cancel(&parse(&slot.message).ok()?, buffer)
    }

    pub(super) fn branch(&self, key: ClientKey) -> Option<TokenText> {
        self.running(key).map(|slot| slot.branch)
    }

    pub(super) fn path(&self, key: ClientKey) -> Option<Path> {
        self.running(key).map(|slot| slot.path)
    }

    fn running(&self, key: ClientKey) -> Option<&Slot> {
        self.slots.value(key.0).filter(|slot| slot.machine.is_some())
    }

    pub(super) fn on_response(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        message: &Message<'_>,
        out: &mut dyn Output,
    ) -> OnResponse {
        let matched = message.status().zip(self.matching(message));
        let Some((status, (place, slot))) = matched else {
            shared.counters.strays += 1;
            return OnResponse::Stray;
        };
        let mut steps = Steps::new();
        let user = slot.user;
        if let Some(machine) = &mut slot.machine {
            machine.on_status(status, &shared.values, &mut steps);
        }
        self.carry_out(shared, now, place, &steps, out, Some(message));
        if steps.contains(Step::PassUp) {
            OnResponse::Pass {
                key: ClientKey(place),
                user,
            }
        } else if steps.contains(Step::PassUpAgain) {
            shared.counters.absorbed += 1;
            OnResponse::SuccessAgain { user }
        } else {
            shared.counters.absorbed += 1;
            OnResponse::Absorbed
        }
    }

    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.3
    //# A response matches a client transaction under two
    //# conditions:
    fn matching(&mut self, message: &Message<'_>) -> Option<(Place, &mut Slot)> {
        //= https://www.rfc-editor.org/rfc/rfc3261#section-8.1.3.3
        //# If more than one Via header field value is present in a response, the
        //# UAC SHOULD discard the message.
        if message.via_count() != 1 {
            return None;
        }
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.3
        //# If the response has the same value of the branch parameter in
        //# the top Via header field as the branch parameter in the top
        //# Via header field of the request that created the transaction.
        let branch = message.top_via().branch()?;
        let mut place = self.place_in(branch)?;
        let named = self
            .slots
            .value(place)
            .filter(|slot| slot.branch.as_bytes().eq_ignore_ascii_case(branch))?;
        //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.3
        //# If the method parameter in the CSeq header field matches the
        //# method of the request that created the transaction.  The
        //# method is needed since a CANCEL request constitutes a
        //# different transaction, but shares the same value of the branch
        //# parameter.
        if message.cseq().method == Method::Cancel {
            place = named.cancel?;
        }
        let slot = self.slots.value_mut(place)?;
        (slot.machine.is_some() && slot.is_method(message)).then_some((place, slot))
    }

    pub(super) fn on_timer(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        due: Due,
        out: &mut dyn Output,
        events: &mut dyn FnMut(TransactionEvent),
    ) {
        let Some(slot) = self.slots.value_mut(due.place) else {
            return;
        };
        let mut steps = Steps::new();
        if let Some(machine) = &mut slot.machine {
            machine.on_timer(due.timer, &shared.values, &mut steps);
        }
        let (key, user) = (ClientKey(due.place), slot.user);
        self.carry_out(shared, now, due.place, &steps, out, None);
        if steps.contains(Step::TimedOut) {
            shared.counters.timeouts += 1;
            events(TransactionEvent::ClientTimeout { key, user });
        }
        if steps.contains(Step::Terminate) {
            events(TransactionEvent::ClientEnded { key, user });
        }
    }

    /// Does what a machine wants done, except to speak to the user. `response` is what the machine has just received.
    fn carry_out(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        place: Place,
        steps: &Steps,
        out: &mut dyn Output,
        response: Option<&Message<'_>>,
    ) {
        let Some(slot) = self.slots.value_mut(place) else {
            return;
        };
        for step in steps.as_slice() {
            match *step {
                Step::Transmit => out.send(&slot.path, &slot.message),
                Step::Retransmit => {
                    shared.counters.retransmissions += 1;
                    out.send(&slot.path, &slot.message);
                }
                Step::Acknowledge => {
                    if slot.is_acknowledged {
                        shared.counters.retransmissions += 1;
                    } else {
                        slot.keep_ack(response, &mut self.scratch);
                    }
                    //= https://www.rfc-editor.org/rfc/rfc3261#section-17.1.1.2
                    //# The ACK MUST be sent to the same address,
                    //# port, and transport to which the original request was sent.
                    if slot.is_acknowledged {
                        out.send(&slot.path, &slot.message);
                    }
                }
                Step::Set(timer, after) => {
                    let due = Due {
                        side: Side::Client,
                        place,
                        timer,
                    };
                    slot.running.set(&mut shared.wheel, now, after, due);
                }
                Step::StopRepeating => slot.running.stop_repeating(&mut shared.wheel),
                Step::StopWaiting => slot.running.stop_waiting(&mut shared.wheel),
                Step::PassUp | Step::PassUpAgain | Step::TimedOut | Step::OweTrying | Step::Terminate => {}
            }
        }
        if steps.contains(Step::Terminate) {
            self.end(shared, place);
        }
    }

    pub(super) fn abandon(&mut self, shared: &mut Shared, key: ClientKey) -> bool {
        let is_running = self.running(key).is_some();
        if is_running {
            self.end(shared, key.0);
        }
        is_running
    }

    /// Ends a transaction. The place of an INVITE whose CANCEL still runs is given back together with the CANCEL's.
    fn end(&mut self, shared: &mut Shared, place: Place) {
        let Some(slot) = self.slots.value_mut(place) else {
            return;
        };
        slot.running.stop(&mut shared.wheel);
        match slot.machine.take() {
            Some(Machine::Invite(_)) => shared.counts.invite_clients -= 1,
            Some(Machine::Other(_)) => shared.counts.clients -= 1,
            None => {}
        }
        if slot.cancel.is_some() {
            return;
        }
        let cancels = slot.cancels.take();
        self.release(place);
        if let Some(invite) = cancels
            && let Some(slot) = self.slots.value_mut(invite)
        {
            slot.cancel = None;
            if slot.machine.is_none() {
                self.release(invite);
            }
        }
    }

    fn release(&mut self, place: Place) {
        if let Some(slot) = self.slots.value_mut(place) {
            slot.message.clear();
            slot.message.shrink_to(BUFFER_KEEP_MAX);
        }
        self.slots.release(place);
    }

    #[cfg(test)]
    pub(super) fn places_taken(&self) -> u32 {
        self.slots.len()
    }
}

/// The text of a branch, if it is one that we mint.
fn minted(branch: &[u8]) -> Option<TokenText> {
    let token = token::owner_of_branch(branch)?;
    let entropy = branch
        .last_chunk::<16>()
        .and_then(|digits| str::from_utf8(digits).ok())?;
    let text = token::branch(token, u64::from_str_radix(entropy, 16).ok()?);
    (text.as_bytes() == branch).then_some(text)
}
