//! Media ports of a call: taken from the pool, and given back.

use core::net::SocketAddr;

use trunkline_media::PortPair;

use super::End;
use crate::action::Action;
use crate::ctx::Ctx;

/// Takes a pair of ports on one side, on the address that we are called at if there is one left.
pub(super) fn take(ctx: &mut Ctx<'_>, end: &End) -> Option<PortPair> {
    let pair = ctx
        .ports
        .take_pair_on(ctx.now, end.zone, end.address)
        .or_else(|| ctx.ports.take_pair(ctx.now, end.zone, end.address.is_ipv6()))?;
    ctx.out
        .push(Action::OpenPort(SocketAddr::new(pair.address, pair.rtp)));
    ctx.out
        .push(Action::OpenPort(SocketAddr::new(pair.address, pair.rtcp())));
    Some(pair)
}

/// Gives a pair back to the pool.
pub(super) fn give_back(ctx: &mut Ctx<'_>, pair: Option<PortPair>) {
    let Some(pair) = pair else { return };
    ctx.out
        .push(Action::ClosePort(SocketAddr::new(pair.address, pair.rtp)));
    ctx.out
        .push(Action::ClosePort(SocketAddr::new(pair.address, pair.rtcp())));
    ctx.ports.give_back(ctx.now, pair);
}
