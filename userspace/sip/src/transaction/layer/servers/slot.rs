//! The place of one server transaction.

use alloc::vec::Vec;

use super::super::Running;
use crate::parse::parse;
use crate::path::{Path, Transport};
use crate::status::{Class, Status};
use crate::transaction::invite_server::{self, InviteServer};
use crate::transaction::key::Key;
use crate::transaction::server::{self, Server};
use crate::transaction::step::Steps;
use crate::transaction::timer::{Timer, TimerValues};

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) machine: Option<Machine>,
    /// Where the responses go.
    pub(super) path: Path,
    pub(super) user: u64,
    pub(super) key: Key,
    pub(super) key_hash: u64,
    /// What a request that came here on another way would have in common with this one.
    pub(super) identity: Vec<u8>,
    pub(super) identity_hash: Option<u64>,
    /// The latest response.
    pub(super) message: Vec<u8>,
    pub(super) running: Running,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Machine {
    Invite(InviteServer),
    Other(Server),
}

impl Slot {
    /// The To tag of the latest response.
    pub(super) fn to_tag(&self) -> Option<&[u8]> {
        parse(&self.message).ok()?.to().tag()
    }
}

impl Machine {
    pub(super) fn on_retransmission(&mut self, values: &TimerValues, steps: &mut Steps) {
        match self {
            Self::Invite(machine) => machine.on(invite_server::Input::Invite, values, steps),
            Self::Other(machine) => machine.on(server::Input::Request, values, steps),
        }
    }

    pub(super) fn on_status(&mut self, status: Status, values: &TimerValues, steps: &mut Steps) {
        match self {
            Self::Invite(machine) => machine.on(invite_input(status), values, steps),
            Self::Other(machine) => machine.on(input(status), values, steps),
        }
    }

    pub(super) fn on_timer(&mut self, timer: Timer, values: &TimerValues, steps: &mut Steps) {
        match self {
            Self::Invite(machine) => machine.on(invite_server::Input::Timer(timer), values, steps),
            Self::Other(machine) => machine.on(server::Input::Timer(timer), values, steps),
        }
    }
}

impl Default for Slot {
    fn default() -> Self {
        let nowhere = core::net::SocketAddr::from(([0, 0, 0, 0], 0));
        Self {
            machine: None,
            path: Path {
                zone: 0,
                transport: Transport::Udp,
                local: nowhere,
                remote: nowhere,
            },
            user: 0,
            key: Key::default(),
            key_hash: 0,
            identity: Vec::new(),
            identity_hash: None,
            message: Vec::new(),
            running: Running::default(),
        }
    }
}

fn invite_input(status: Status) -> invite_server::Input {
    match status.class() {
        Class::Provisional => invite_server::Input::Provisional,
        Class::Success => invite_server::Input::Success,
        Class::Redirection | Class::ClientError | Class::ServerError | Class::GlobalFailure => {
            invite_server::Input::Failure
        }
    }
}

fn input(status: Status) -> server::Input {
    match status {
        Status::TRYING => server::Input::Trying,
        Status::REQUEST_TIMEOUT => server::Input::RequestTimeout,
        status if status.is_final() => server::Input::Final,
        _ => server::Input::Provisional,
    }
}
