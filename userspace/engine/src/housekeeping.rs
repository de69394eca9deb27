//! What a worker does between packets: actions of calls, commands, next hops, silent flows, reports.

use std::sync::Arc;

use trunkline_call::action::{Action, CallRef};
use trunkline_call::calls::Calls;
use trunkline_media::{FlowTable, NextHop as FlowHop};
use trunkline_net::{Link, NextHop};
use trunkline_sip::token::owner_of_call_id;
use trunkline_time::Timestamp;

use crate::command::{CallRecord, Command};
use crate::egress::Sender;
use crate::report::WorkerReport;
use crate::snapshot::Snapshot;
use crate::trace::Direction;
use crate::worker::Worker;

/// Flows looked at for silence in one round of housekeeping, and for a changed next hop.
const FLOWS_PER_ROUND_MAX: usize = 1024;

/// Flows whose next hop is looked up after one input.
const RESOLVED_PER_INPUT_MAX: usize = 64;

/// Commands obeyed in one turn.
const COMMANDS_PER_TURN_MAX: usize = 8;

/// Nanoseconds between two reports.
const REPORT_INTERVAL: std::time::Duration = std::time::Duration::from_millis(100);

impl<L: Link> Worker<L> {
    /// Does what the calls want done.
    pub(crate) fn perform(&mut self, now: Timestamp) {
        let mut list = self.actions.take_list();
        for action in list.drain(..) {
            match action {
                Action::Send { path, range, call } => {
                    let bytes = self.actions.bytes(&range);
                    if let Some(call) = call {
                        self.trace
                            .record(now, call, Direction::Sent, (path.local, path.remote), bytes);
                    }
                    let interface = self.snapshot.interface(path.zone);
                    self.sender
                        .send(now, interface, &path, bytes, &mut self.links, &mut self.packets);
                }
                // Admission left room for the records of every call it let in.
                Action::Cdr(record) => drop(self.shared.cdrs.push(record)),
                Action::OpenPort(address) => {
                    if self.links.main.open_port(address).is_err() {
                        self.port_failures += 1;
                    }
                }
                Action::ClosePort(address) => self.links.main.close_port(address),
            }
        }
        self.actions.give_back(list);
        self.actions.clear();
        if self.relay.flows.unresolved_count() > 0 {
            resolve(&mut self.relay.flows, &self.sender, &self.snapshot);
        }
    }

    /// Answers the control side. An asker that has gone away is no error.
    pub(crate) fn obey(&mut self, now: Timestamp) {
        for _ in 0..COMMANDS_PER_TURN_MAX {
            let Some(command) = self.shared.commands.pop() else {
                return;
            };
            match command {
                Command::List(answer) => {
                    let _ = answer.try_send(self.calls.list());
                }
                Command::Show { id, answer } => {
                    let detail = self.with_calls(now, |calls, ctx| calls.show(ctx, &id));
                    let messages = call_of(&id).map_or_else(Vec::new, |call| self.trace.of_call(call));
                    let known = detail.is_some() || !messages.is_empty();
                    let _ = answer.try_send(known.then_some(CallRecord { detail, messages }));
                }
                Command::HangUp { id, answer } => {
                    let found = self.with_calls(now, |calls, ctx| calls.hangup(ctx, &id));
                    self.perform(now);
                    let _ = answer.try_send(found);
                }
                Command::Plan(plan) => {
                    self.snapshot = Snapshot::of(plan);
                    self.packets.grow(self.snapshot.plan.zones.len());
                    self.with_calls(now, Calls::on_plan);
                    self.perform(now);
                }
                Command::Drain => {
                    self.draining = true;
                    self.calls.set_draining(true);
                }
            }
        }
    }

    /// The round that runs every few milliseconds.
    pub(crate) fn keep_house(&mut self, now: Timestamp) {
        if self.sender.retry(now, &mut self.links, &mut self.packets) {
            self.refreshing = self.relay.flows.capacity();
        }
        if self.relay.flows.unresolved_count() > 0 {
            resolve(&mut self.relay.flows, &self.sender, &self.snapshot);
        }
        if self.refreshing > 0 {
            self.refreshing = self.refreshing.saturating_sub(FLOWS_PER_ROUND_MAX);
            let (sender, snapshot) = (&self.sender, &self.snapshot);
            let mut lookup = |zone, destination| next_hop(sender, snapshot, zone, destination);
            self.relay.flows.refresh(FLOWS_PER_ROUND_MAX, &mut lookup);
        }
        self.end_silent_calls(now);
        if self.report_at <= now {
            self.report_at = now + REPORT_INTERVAL;
            let report = Arc::new(self.report(now));
            self.shared.report.store(report);
        }
    }

    fn end_silent_calls(&mut self, now: Timestamp) {
        let mut silent = Vec::new();
        self.relay
            .flows
            .expire_idle(now, FLOWS_PER_ROUND_MAX, &mut |_, user| silent.push(user));
        if silent.is_empty() {
            return;
        }
        for user in silent {
            self.with_calls(now, |calls, ctx| calls.on_media_timeout(ctx, user));
        }
        self.perform(now);
    }

    /// The state of everything that is counted.
    pub(crate) fn report(&mut self, now: Timestamp) -> WorkerReport {
        for setup in self.calls.counters_mut().take_setups() {
            self.setup_ns.saturating_record(setup);
        }
        let mut calls = self.calls.counters().clone();
        calls.retransmissions = self.calls.retransmissions();
        WorkerReport {
            worker: self.me,
            core: self.core,
            at: now,
            tier: self.links.tier,
            packets: self.packets.clone(),
            calls,
            calls_active: self.calls.active(),
            flows_active: self.relay.flows.len(),
            relay: *self.relay.counters(),
            ports: self.ports.counts(),
            port_failures: self.port_failures,
            parse_errors: self.parse_errors,
            link: self.links.main.counters(),
            kernel_link: self.links.kernel.as_ref().map(Link::counters),
            slots: self.links.main.slots(),
            queued: self.sip_queue.len() + self.sender.held(),
            latency_ns: self.latency_ns.clone(),
            setup_ns: self.setup_ns.clone(),
            busy_ns: self.busy_ns,
            lived_ns: now.saturating_since(self.born).as_nanos() as u64,
            turn_max_ns: self.turn_max_ns,
            plan_epoch: self.snapshot.plan.epoch,
            draining: self.draining,
        }
    }
}

/// The call that an identifier of ours names, whether it still lives or not.
fn call_of(id: &str) -> Option<CallRef> {
    let token = owner_of_call_id(id.as_bytes())?;
    Some(CallRef {
        index: token.index,
        generation: token.generation,
    })
}

/// Tells flows their next hops, and asks for those that nobody knows.
fn resolve(flows: &mut FlowTable, sender: &Sender, snapshot: &Snapshot) {
    flows.resolve(RESOLVED_PER_INPUT_MAX, &mut |zone, destination| {
        next_hop(sender, snapshot, zone, destination)
    });
}

fn next_hop(
    sender: &Sender,
    snapshot: &Snapshot,
    zone: u8,
    destination: std::net::IpAddr,
) -> Option<FlowHop> {
    let interface = snapshot.interface(zone);
    match sender.next_hops().lookup(interface, destination) {
        NextHop::Known {
            source_mac,
            destination_mac,
        } => Some(FlowHop {
            interface,
            source_mac,
            destination_mac,
            vlan_count: 0,
            vlan: [0; 2],
            mtu: sender.mtu(interface),
        }),
        NextHop::Pending => {
            sender.next_hops().request(interface, destination);
            None
        }
        NextHop::Unreachable => None,
    }
}
