//! Relaying a datagram of a flow that is the kernel's own.

use aya_ebpf::bindings::xdp_action::XDP_TX;
use aya_ebpf::programs::XdpContext;
use trunkline_xdp_abi::header::{UDP_LEN, headers_len};
use trunkline_xdp_abi::kernel_tier::{Decision, decide, map_payload_type};
use trunkline_xdp_abi::{DropReason, Layout, rewrite};

use crate::packet::{self, Entry, Packet};

/// What became of a datagram for a media port.
pub enum Relayed {
    /// It leaves; the action to return.
    Sent(u32),
    /// It goes nowhere.
    Dropped(DropReason),
    /// The worker gets it.
    NotOurs,
}

/// Relays the datagram at `layout` by the rules of the flow at `index`, if they are the kernel's to follow.
#[inline(always)]
pub fn relay(context: &XdpContext, layout: &Layout, index: Option<u32>) -> Relayed {
    let Some(mut entry) = index.and_then(Entry::at) else {
        return Relayed::NotOurs;
    };
    let Some(rules) = entry.rules() else {
        return Relayed::NotOurs;
    };
    let frame = Packet::new(context);
    let payload_type = match decide(&frame, layout, &rules, entry.counts(), packet::now_ns()) {
        Decision::Relay(payload_type) => payload_type,
        Decision::Worker => return Relayed::NotOurs,
        Decision::Drop(reason) => return Relayed::Dropped(reason),
    };
    let Some(mut frame) = fit(context, &frame, layout, headers_len(&rules.egress)) else {
        return Relayed::Dropped(DropReason::NoHeadroom);
    };
    let l4_offset = headers_len(&rules.egress) - UDP_LEN;
    let layout = Layout {
        l4_offset: l4_offset as u16,
        payload_offset: (l4_offset + UDP_LEN) as u16,
        ..*layout
    };
    if let Some(payload_type) = payload_type
        && map_payload_type(&mut frame, 0, &layout, &rules, payload_type).is_none()
    {
        return Relayed::Dropped(DropReason::Truncated);
    }
    if let Err(reason) = rewrite::exchange(&mut frame, 0, &layout, &rules.egress) {
        return Relayed::Dropped(reason);
    }
    if rules.egress_ifindex == context.ingress_ifindex() as u32 {
        return Relayed::Sent(XDP_TX);
    }
    Relayed::Sent(packet::send(rules.egress_ifindex))
}

/// Gives the frame as many bytes of headers as it will leave with, and takes the Ethernet padding away.
#[inline(always)]
fn fit(context: &XdpContext, frame: &Packet, layout: &Layout, headers_len: usize) -> Option<Packet> {
    use trunkline_xdp_abi::Bytes as _;
    let start = layout.payload_offset as i32 - headers_len as i32;
    let end = layout.payload_offset as i32 + layout.payload_len as i32 - frame.len() as i32;
    if (start != 0 || end != 0) && !packet::resize(context, start, end) {
        return None;
    }
    Some(Packet::new(context))
}
