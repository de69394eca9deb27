//! The place of one client transaction.

use alloc::vec::Vec;

use super::super::Running;
use super::Request;
use crate::message::Message;
use crate::method::Method;
use crate::parse::parse;
use crate::path::{Path, Transport};
use crate::status::{Class, Status};
use crate::token::TokenText;
use crate::transaction::client::{self, Client};
use crate::transaction::derived;
use crate::transaction::invite_client::{self, InviteClient};
use crate::transaction::slab::Place;
use crate::transaction::step::Steps;
use crate::transaction::timer::{Timer, TimerValues};

#[derive(Debug)]
pub(super) struct Slot {
    /// `None` once the transaction has ended, for as long as its CANCEL still needs the place to be found by.
    pub(super) machine: Option<Machine>,
    pub(super) method: Method,
    pub(super) path: Path,
    pub(super) user: u64,
    pub(super) branch: TokenText,
    /// The request as it was sent; after a failed INVITE the ACK.
    pub(super) message: Vec<u8>,
    pub(super) is_acknowledged: bool,
    pub(super) running: Running,
    /// The CANCEL of this INVITE. It has the same branch, so it is found through this place.
    pub(super) cancel: Option<Place>,
    /// The INVITE of this CANCEL.
    pub(super) cancels: Option<Place>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Machine {
    Invite(InviteClient),
    Other(Client),
}

impl Machine {
    pub(super) fn on_status(&mut self, status: Status, values: &TimerValues, steps: &mut Steps) {
        match self {
            Self::Invite(machine) => machine.on(invite_input(status), values, steps),
            Self::Other(machine) => machine.on(input(status), values, steps),
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, values: &TimerValues, steps: &mut Steps) {
        match self {
            Self::Invite(machine) => machine.on(invite_client::Input::Timer(timer), values, steps),
            Self::Other(machine) => machine.on(client::Input::Timer(timer), values, steps),
        }
    }
}

impl Slot {
    pub(super) fn reset(&mut self, request: Request<'_>, branch: TokenText, cancels: Option<Place>) {
        self.method = request.method;
        self.path = *request.path;
        self.user = request.user;
        self.branch = branch;
        self.message.clear();
        self.message.extend_from_slice(request.bytes);
        self.is_acknowledged = false;
        self.cancel = None;
        self.cancels = cancels;
    }

    pub(super) fn is_proceeding(&self) -> bool {
        matches!(&self.machine, Some(Machine::Invite(machine)) if machine.state() == invite_client::State::Proceeding)
    }

    /// Whether a response is to this request's method. Methods without a name here are compared as they were written.
    pub(super) fn is_method(&self, response: &Message<'_>) -> bool {
        let cseq = response.cseq();
        match self.method {
            Method::Other => self
                .message
                .strip_prefix(cseq.method_bytes)
                .is_some_and(|rest| rest.first() == Some(&b' ')),
            method => method == cseq.method,
        }
    }

    /// Replaces the INVITE, which will not be sent again, by its ACK.
    pub(super) fn keep_ack(&mut self, response: Option<&Message<'_>>, scratch: &mut [u8]) {
        let written = response
            .zip(parse(&self.message).ok())
            .and_then(|(response, invite)| derived::write_ack(&invite, response, scratch));
        if let Some(ack) = written.and_then(|len| scratch.get(..len)) {
            self.message.clear();
            self.message.extend_from_slice(ack);
            self.is_acknowledged = true;
        }
    }
}

impl Default for Slot {
    fn default() -> Self {
        let nowhere = core::net::SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            machine: None,
            method: Method::Other,
            path: Path {
                zone: 0,
                transport: Transport::Udp,
                local: nowhere,
                remote: nowhere,
            },
            user: 0,
            branch: TokenText::EMPTY,
            message: Vec::new(),
            is_acknowledged: false,
            running: Running::default(),
            cancel: None,
            cancels: None,
        }
    }
}

fn invite_input(status: Status) -> invite_client::Input {
    match status.class() {
        Class::Provisional => invite_client::Input::Provisional,
        Class::Success => invite_client::Input::Success,
        Class::Redirection | Class::ClientError | Class::ServerError | Class::GlobalFailure => {
            invite_client::Input::Failure
        }
    }
}

fn input(status: Status) -> client::Input {
    if status.is_final() {
        client::Input::Final
    } else {
        client::Input::Provisional
    }
}
