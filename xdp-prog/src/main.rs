//! The XDP program: takes SIP and RTP for our addresses to the AF_XDP socket of the receiving queue.
//!
//! **Owns** the order of things in the kernel: read the frame, decide, count, hand over. Every frame ends in exactly one
//! counter, named by its verdict.
//!
//! **Does not own** the decision, which is [`trunkline_xdp_abi::classify()`], nor anything that userspace did not write
//! into a map.
//!
//! **May depend on** `trunkline-xdp-abi` and `aya-ebpf`. `unsafe` is in `packet.rs` alone.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

mod maps;
mod packet;
mod relay;

use aya_ebpf::bindings::xdp_action::{XDP_DROP, XDP_PASS};
use aya_ebpf::macros::xdp;
use aya_ebpf::programs::XdpContext;
use trunkline_xdp_abi::map::{SourceKey, ZONE_UNKNOWN, socket_key};
use trunkline_xdp_abi::verdict::{counter_index, relayed_index};
use trunkline_xdp_abi::{Address, Local, PassReason, Steering, Verdict, classify};

use crate::maps::{CONFIG, LOCALS, SOCKETS};
use crate::packet::Packet;
use crate::relay::Relayed;

/// Decides about one frame and says in the counters how.
#[xdp]
pub fn steer(context: XdpContext) -> u32 {
    let packet = Packet::new(&context);
    let slot = CONFIG
        .get(0)
        .and_then(|config| config.slot(context.ingress_ifindex() as u32));
    let Some(interface) = slot else {
        return count(
            &packet,
            ZONE_UNKNOWN,
            Verdict::Kernel(PassReason::NotConfigured),
            XDP_PASS,
        );
    };
    let classified = classify(&packet, &Maps { interface });
    let zone = classified.zone;
    match classified.verdict {
        Verdict::Sip { .. } => match redirect(interface, &context) {
            Ok(action) => count(&packet, zone, classified.verdict, action),
            Err(action) => count(&packet, zone, Verdict::Kernel(PassReason::SipNoSocket), action),
        },
        Verdict::Rtp { .. } => match relay::relay(&context, &classified.layout, classified.flow) {
            Relayed::Sent(action) => {
                packet.count(relayed_index(zone));
                action
            }
            Relayed::Dropped(reason) => count(&packet, zone, Verdict::Drop(reason), XDP_DROP),
            Relayed::NotOurs => match redirect(interface, &context) {
                Ok(action) => count(&packet, zone, classified.verdict, action),
                Err(action) => count(&packet, zone, Verdict::Kernel(PassReason::RtpNoSocket), action),
            },
        },
        Verdict::Kernel(_) => count(&packet, zone, classified.verdict, XDP_PASS),
        Verdict::Drop(_) => count(&packet, zone, classified.verdict, XDP_DROP),
    }
}

/// Hands the frame to the socket of its queue; `Err` with `XDP_PASS` if there is none.
#[inline(always)]
fn redirect(interface: u8, context: &XdpContext) -> Result<u32, u32> {
    let key = socket_key(interface, context.rx_queue_index()).ok_or(XDP_PASS)?;
    SOCKETS.redirect(key, u64::from(XDP_PASS))
}

/// Counts the frame under `verdict` and gives `action` back.
#[inline(always)]
fn count(packet: &Packet, zone: u8, verdict: Verdict, action: u32) -> u32 {
    packet.count(counter_index(zone, verdict));
    action
}

/// What the maps know, for a frame of one interface.
struct Maps {
    interface: u8,
}

impl Steering for Maps {
    #[inline(always)]
    fn interface(&self) -> u8 {
        self.interface
    }

    #[inline(always)]
    fn local(&self, address: &Address) -> Option<Local> {
        packet::copy_of(&LOCALS, address)
    }

    #[inline(always)]
    fn source_allowed(&self, zone: u8, address: &Address) -> bool {
        let address = *address;
        packet::is_source(&SourceKey { zone, address }.trie_key(SourceKey::BITS))
    }
}

/// Unreachable: the program is loaded only if the verifier finds no way here.
#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
