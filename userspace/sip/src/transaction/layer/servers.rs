//! The server side of the layer.

mod slot;

use alloc::vec::Vec;

use trunkline_time::Timestamp;

use super::{BUFFER_KEEP_MAX, Due, Shared, Side};
use crate::message::Message;
use crate::method::Method;
use crate::path::{Output, Path};
use crate::status::Status;
use crate::transaction::invite_server::{self, InviteServer};
use crate::transaction::key::{self, Key, Sought};
use crate::transaction::server::Server;
use crate::transaction::slab::{Place, Slab};
use crate::transaction::step::{Step, Steps};
use crate::transaction::table::{Hasher, Table};
use crate::transaction::{OnRequest, ServerKey, TransactionEvent};
use crate::write;
use slot::{Machine, Slot};

#[derive(Debug)]
pub(super) struct Servers {
    slots: Slab<Slot>,
    by_key: Table,
    by_identity: Table,
    hasher: Hasher,
    /// The key and the identity of the request at hand.
    key: Key,
    identity: Vec<u8>,
}

impl Servers {
    pub(super) fn new(capacity: u32, seed: u64) -> Self {
        Self {
            slots: Slab::new(capacity),
            by_key: Table::new(capacity),
            by_identity: Table::new(capacity),
            hasher: Hasher::new(seed),
            key: Key::default(),
            identity: Vec::new(),
        }
    }

    pub(super) fn on_request(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        message: &Message<'_>,
        path: &Path,
        out: &mut dyn Output,
    ) -> OnRequest {
        if message.method() == Method::Ack {
            return self.on_ack(shared, now, message, path, out);
        }
        self.key.set(message, path, Sought::Own);
        let hash = self.hasher.hash(self.key.shared());
        if let Some(place) = self.find(hash) {
            self.on_retransmission(shared, now, place, out);
            return OnRequest::Absorbed;
        }
        let Some(place) = self.slots.vacant() else {
            shared.counters.full += 1;
            return OnRequest::Full;
        };
        let is_merged = self.is_merged(message, path);
        self.create(shared, now, place, hash, message, path, out);
        if message.method() == Method::Cancel {
            let invite = self.invite_of(message, path);
            return OnRequest::Cancel {
                cancel: ServerKey(place),
                invite,
            };
        }
        if is_merged {
            shared.counters.merged += 1;
            return OnRequest::Merged(ServerKey(place));
        }
        OnRequest::New(ServerKey(place))
    }

    fn find(&self, hash: u64) -> Option<Place> {
        let is_same = |index| {
            self.slots
                .at(index)
                .is_some_and(|(_, slot)| slot.key.is_same(&self.key))
        };
        let index = self.by_key.find(hash, is_same)?;
        self.slots.at(index).map(|(place, _)| place)
    }

    fn on_ack(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        ack: &Message<'_>,
        path: &Path,
        out: &mut dyn Output,
    ) -> OnRequest {
        self.key.set(ack, path, Sought::Invite);
        let hash = self.hasher.hash(self.key.shared());
        let found = self.by_key.find(hash, |index| {
            self.slots
                .at(index)
                .is_some_and(|(_, slot)| self.key.acknowledges(ack, &slot.key, || slot.to_tag()))
        });
        let place = found
            .and_then(|index| self.slots.at(index))
            .map(|(place, _)| place);
        let Some((place, slot)) =
            place.and_then(|place| self.slots.value_mut(place).map(|slot| (place, slot)))
        else {
            return OnRequest::AckForSuccess;
        };
        let mut steps = Steps::new();
        if let Some(Machine::Invite(machine)) = &mut slot.machine {
            machine.on(invite_server::Input::Ack, &shared.values, &mut steps);
        }
        self.carry_out(shared, now, place, &steps, out);
        if steps.contains(Step::PassUp) {
            OnRequest::AckForSuccess
        } else {
            OnRequest::Absorbed
        }
    }

    fn on_retransmission(&mut self, shared: &mut Shared, now: Timestamp, place: Place, out: &mut dyn Output) {
        shared.counters.absorbed += 1;
        let Some(slot) = self.slots.value_mut(place) else {
            return;
        };
        let mut steps = Steps::new();
        if let Some(machine) = &mut slot.machine {
            machine.on_retransmission(&shared.values, &mut steps);
        }
        self.carry_out(shared, now, place, &steps, out);
    }

    /// Whether the request came before on another way. Leaves its identity behind, empty if it has none.
    fn is_merged(&mut self, message: &Message<'_>, path: &Path) -> bool {
        if message.method() == Method::Cancel || !key::set_identity(&mut self.identity, message, path) {
            self.identity.clear();
            return false;
        }
        let hash = self.hasher.hash(&self.identity);
        let is_equal = |index| {
            self.slots
                .at(index)
                .is_some_and(|(_, slot)| slot.identity == self.identity)
        };
        self.by_identity.find(hash, is_equal).is_some()
    }

    #[expect(clippy::too_many_arguments, reason = "plain facts of one request")]
    fn create(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        place: Place,
        key_hash: u64,
        message: &Message<'_>,
        path: &Path,
        out: &mut dyn Output,
    ) {
        let Some(slot) = self.slots.take(place) else {
            return;
        };
        let is_reliable = path.transport.is_reliable();
        slot.path = *path;
        if !is_reliable {
            slot.path.remote = write::response_target(message, path.remote);
        }
        slot.user = 0;
        slot.key.copy_from(&self.key);
        slot.key_hash = key_hash;
        slot.identity.clear();
        slot.identity.extend_from_slice(&self.identity);
        slot.identity_hash = (!self.identity.is_empty()).then(|| self.hasher.hash(&self.identity));
        self.by_key.insert(key_hash, place.index);
        if let Some(hash) = slot.identity_hash {
            self.by_identity.insert(hash, place.index);
        }
        let mut steps = Steps::new();
        slot.machine = Some(if message.method() == Method::Invite {
            shared.counts.invite_servers += 1;
            Machine::Invite(InviteServer::start(is_reliable, &shared.values))
        } else {
            shared.counts.servers += 1;
            Machine::Other(Server::start(is_reliable, &shared.values, &mut steps))
        });
        self.carry_out(shared, now, place, &steps, out);
    }

    /// The INVITE that a CANCEL speaks of.
    //= https://www.rfc-editor.org/rfc/rfc3261#section-9.2
    //# The TU determines the transaction to be
    //# cancelled by taking the CANCEL request, and then assuming that the
    //# request method is anything but CANCEL or ACK and applying the
    //# transaction matching procedures of Section 17.2.3.
    fn invite_of(&mut self, cancel: &Message<'_>, path: &Path) -> Option<ServerKey> {
        self.key.set(cancel, path, Sought::Invite);
        self.find(self.hasher.hash(self.key.shared())).map(ServerKey)
    }

    pub(super) fn respond(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        key: ServerKey,
        status: Status,
        bytes: &[u8],
        out: &mut dyn Output,
    ) -> bool {
        let Some(slot) = self.slots.value_mut(key.0) else {
            return false;
        };
        let mut steps = Steps::new();
        if let Some(machine) = &mut slot.machine {
            machine.on_status(status, &shared.values, &mut steps);
        }
        let is_sent = steps.contains(Step::Transmit);
        if is_sent {
            slot.message.clear();
            slot.message.extend_from_slice(bytes);
        }
        self.carry_out(shared, now, key.0, &steps, out);
        is_sent
    }

    pub(super) fn resend(&mut self, shared: &mut Shared, key: ServerKey, out: &mut dyn Output) -> bool {
        let Some(slot) = self.slots.value(key.0) else {
            return false;
        };
        let is_users = match &slot.machine {
            Some(Machine::Invite(machine)) => match machine.state() {
                invite_server::State::Proceeding | invite_server::State::Accepted => !slot.message.is_empty(),
                invite_server::State::Completed | invite_server::State::Confirmed => false,
            },
            Some(Machine::Other(_)) | None => false,
        };
        if is_users {
            shared.counters.retransmissions += 1;
            out.send(&slot.path, &slot.message);
        }
        is_users
    }

    pub(super) fn set_user(&mut self, key: ServerKey, user: u64) -> bool {
        self.slots.value_mut(key.0).map(|slot| slot.user = user).is_some()
    }

    pub(super) fn user(&self, key: ServerKey) -> Option<u64> {
        self.slots.value(key.0).map(|slot| slot.user)
    }

    pub(super) fn path(&self, key: ServerKey) -> Option<Path> {
        self.slots.value(key.0).map(|slot| slot.path)
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
        let (key, user) = (ServerKey(due.place), slot.user);
        self.carry_out(shared, now, due.place, &steps, out);
        if steps.contains(Step::OweTrying) {
            events(TransactionEvent::TryingDue { key, user });
        }
        if steps.contains(Step::TimedOut) {
            shared.counters.acks_missing += 1;
            events(TransactionEvent::AckMissing { key, user });
        }
        if steps.contains(Step::Terminate) {
            events(TransactionEvent::ServerEnded { key, user });
        }
    }

    /// Does what a machine wants done, except to speak to the user.
    fn carry_out(
        &mut self,
        shared: &mut Shared,
        now: Timestamp,
        place: Place,
        steps: &Steps,
        out: &mut dyn Output,
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
                Step::Set(timer, after) => {
                    let due = Due {
                        side: Side::Server,
                        place,
                        timer,
                    };
                    slot.running.set(&mut shared.wheel, now, after, due);
                }
                Step::StopRepeating => slot.running.stop_repeating(&mut shared.wheel),
                Step::StopWaiting => slot.running.stop_waiting(&mut shared.wheel),
                Step::Acknowledge
                | Step::PassUp
                | Step::PassUpAgain
                | Step::TimedOut
                | Step::OweTrying
                | Step::Terminate => {}
            }
        }
        if steps.contains(Step::Terminate) {
            self.end(shared, place);
        }
    }

    pub(super) fn abandon(&mut self, shared: &mut Shared, key: ServerKey) -> bool {
        let is_running = self.slots.value(key.0).is_some();
        if is_running {
            self.end(shared, key.0);
        }
        is_running
    }

    fn end(&mut self, shared: &mut Shared, place: Place) {
        let Some(slot) = self.slots.value_mut(place) else {
            return;
        };
        slot.running.stop(&mut shared.wheel);
        match slot.machine.take() {
            Some(Machine::Invite(_)) => shared.counts.invite_servers -= 1,
            Some(Machine::Other(_)) => shared.counts.servers -= 1,
            None => {}
        }
        self.by_key.remove(slot.key_hash, place.index);
        if let Some(hash) = slot.identity_hash.take() {
            self.by_identity.remove(hash, place.index);
        }
        slot.key.shrink(BUFFER_KEEP_MAX);
        for buffer in [&mut slot.identity, &mut slot.message] {
            buffer.clear();
            buffer.shrink_to(BUFFER_KEEP_MAX);
        }
        self.slots.release(place);
    }

    #[cfg(test)]
    pub(super) fn places_taken(&self) -> (u32, usize, usize) {
        (self.slots.len(), self.by_key.len(), self.by_identity.len())
    }
}
