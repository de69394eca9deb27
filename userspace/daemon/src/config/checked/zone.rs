//! Zones: interfaces, local addresses, listeners and media ports.

use std::net::IpAddr;

use trunkline_call::plan::{Listener, Zone};
use trunkline_sip::path::Transport;
use trunkline_xdp_abi::map::SIP_PORTS_MAX;

use crate::config::{
    address::{self, Transport as Written},
    checked::check_name,
    file,
    problem::Problems,
    quantity,
    section::Text,
};

/// Zones are numbered by one byte.
const ZONES_MAX: usize = 255;

/// Judges all zones and finds those that take the same address and ports.
pub(super) fn check_all(
    zones: &[file::Zone],
    interfaces: &mut Vec<String>,
    problems: &mut Problems<'_>,
) -> Vec<Zone> {
    if zones.is_empty() {
        problems.error(
            &(0..0),
            "there is no [[zone]]",
            "an edge has at least one: name, interface, address, sip, rtp_ports",
        );
    }
    if let Some(extra) = zones.get(ZONES_MAX) {
        problems.error(&extra.span, format!("more than {ZONES_MAX} zones"), "");
    }
    let mut checked: Vec<Zone> = Vec::with_capacity(zones.len());
    for raw in zones {
        let zone = check(raw, interfaces, problems);
        if let Some(name) = &raw.name
            && checked.iter().any(|other| other.name == zone.name)
        {
            problems.error(
                &name.span(),
                format!("zone \"{}\" is there twice", zone.name),
                "each zone has a name of its own",
            );
        }
        for other in &checked {
            report_overlap(raw, &zone, other, problems);
        }
        checked.push(zone);
    }
    checked
}

fn check(raw: &file::Zone, interfaces: &mut Vec<String>, problems: &mut Problems<'_>) -> Zone {
    let listeners = check_listeners(raw, problems);
    let rtp_ports = raw
        .rtp_ports
        .as_ref()
        .and_then(|range| problems.keep(&range.span(), quantity::port_range(range.get_ref())))
        .unwrap_or_default();
    for (listener, text) in listeners.iter().zip(&raw.sip) {
        if (rtp_ports.0..=rtp_ports.1).contains(&listener.port) && listener.transport == Transport::Udp {
            problems.error(
                &text.span(),
                format!("port {} is also a media port of this zone", listener.port),
                "keep SIP ports out of rtp_ports",
            );
        }
    }
    Zone {
        name: raw
            .name
            .as_ref()
            .and_then(|name| check_name(name, problems))
            .unwrap_or_default(),
        interface: check_interface(raw.interface.as_ref(), interfaces, problems),
        addresses: check_addresses(&raw.addresses, problems),
        listeners,
        rtp_ports,
    }
}

fn check_interface(raw: Option<&Text>, interfaces: &mut Vec<String>, problems: &mut Problems<'_>) -> u8 {
    /// IFNAMSIZ of the kernel without its closing NUL.
    const NAME_LEN_MAX: usize = 15;
    let Some(text) = raw else { return 0 };
    let name = text.get_ref();
    if name.is_empty() || name.len() > NAME_LEN_MAX || name.contains(['/', ' ', ':']) {
        problems.error(
            &text.span(),
            format!("\"{name}\" cannot be a network interface"),
            "see `ip -brief link`",
        );
    }
    let place = interfaces
        .iter()
        .position(|known| known == name)
        .unwrap_or_else(|| {
            interfaces.push(name.clone());
            interfaces.len() - 1
        });
    place as u8
}

fn check_addresses(raw: &[Text], problems: &mut Problems<'_>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for text in raw {
        let Some(address) = problems.keep(&text.span(), address::local_address(text.get_ref())) else {
            continue;
        };
        if addresses.contains(&address) {
            problems.error(&text.span(), format!("{address} is listed twice"), "");
        }
        addresses.push(address);
    }
    addresses
}

fn check_listeners(raw: &file::Zone, problems: &mut Problems<'_>) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut has_fault = false;
    for text in &raw.sip {
        let Some(listener) = problems.keep(&text.span(), address::listener(text.get_ref())) else {
            has_fault = true;
            continue;
        };
        match listener.transport {
            Written::Udp => {
                let listener = Listener {
                    transport: Transport::Udp,
                    port: listener.port,
                };
                if listeners.contains(&listener) {
                    problems.error(
                        &text.span(),
                        format!("\"{}\" is listed twice", text.get_ref()),
                        "",
                    );
                }
                if listeners.len() == SIP_PORTS_MAX {
                    problems.warning(
                        &text.span(),
                        format!("the XDP program knows {SIP_PORTS_MAX} UDP listeners of a zone; this one and the next are served by ordinary sockets"),
                        "put the busiest first, or use fewer",
                    );
                }
                listeners.push(listener);
            }
            Written::Tcp => problems.warning(
                &text.span(),
                format!(
                    "TCP listeners are not in this build: nothing listens on TCP port {}",
                    listener.port
                ),
                "peers must send by UDP",
            ),
            Written::Tls => {
                has_fault = true;
                problems.error(
                    &text.span(),
                    "TLS listeners are not in this build",
                    "peers that need TLS cannot be served; take the listener away if none does",
                );
            }
        }
    }
    if let Some(tls) = &raw.tls {
        problems.warning(
            tls,
            "`tls` has no effect: TLS listeners are not in this build",
            "",
        );
    }
    if listeners.is_empty() && !raw.sip.is_empty() && !has_fault {
        problems.error(
            &raw.sip[0].span(),
            "the zone has no UDP listener",
            "add \"udp:5060\"",
        );
    }
    listeners
}

/// Two zones may share an interface and even an address, but not a port of an address.
fn report_overlap(raw: &file::Zone, zone: &Zone, other: &Zone, problems: &mut Problems<'_>) {
    for (address, text) in zone.addresses.iter().zip(&raw.addresses) {
        if !other.addresses.contains(address) {
            continue;
        }
        for listener in zone
            .listeners
            .iter()
            .filter(|listener| other.listeners.contains(listener))
        {
            problems.error(
                &text.span(),
                format!(
                    "{address} port {} also belongs to zone \"{}\"",
                    listener.port, other.name
                ),
                "give one of the zones another address or port",
            );
        }
        let (low, high) = zone.rtp_ports;
        if low <= other.rtp_ports.1 && other.rtp_ports.0 <= high {
            problems.error(
                &text.span(),
                format!("media ports of {address} also belong to zone \"{}\"", other.name),
                "give the zones rtp_ports that do not overlap",
            );
        }
    }
}
