//! Peers of a trunk and the sources that it sends from.

use std::collections::HashMap;

use ipnet::IpNet;
use toml::Spanned;
use trunkline_call::plan::{Listener, Peer, Prefix, Trunk, Zone};
use trunkline_sip::path::Transport;

use crate::config::{
    address::{self, PeerName, Resolve, Transport as Written},
    file,
    problem::Problems,
    section::Text,
};

/// Where calls towards the trunk go.
pub(super) fn check_peers(
    raw: &file::Trunk,
    zone: Option<&Zone>,
    zones: &[Zone],
    resolve: Resolve<'_>,
    problems: &mut Problems<'_>,
) -> Vec<Peer> {
    if raw.peers.is_empty() && raw.sources.is_empty() {
        problems.error(
            &raw.span,
            "[[trunk]] has no `peers`",
            "for example peers = [\"192.0.2.20:5060\"]; a trunk that only sends to us has `sources` instead",
        );
    }
    let mut peers: Vec<Peer> = Vec::new();
    for text in &raw.peers {
        let Some(name) = problems.keep(&text.span(), address::peer(text.get_ref())) else {
            continue;
        };
        if name.transport != Written::Udp {
            problems.error(
                &text.span(),
                "only UDP peers are in this build",
                "take `transport` away if the peer also takes UDP",
            );
            continue;
        }
        for peer in resolve_peer(&name, text, zone, resolve, problems) {
            if let Some(ours) = zones.iter().find(|zone| listens_on(zone, &peer)) {
                problems.error(
                    &text.span(),
                    format!("{} is a listener of our own zone \"{}\"", peer.address, ours.name),
                    "name the address of the peer: calls to this one would come back to the edge",
                );
            }
            if peers.iter().any(|known| known.address == peer.address) {
                problems.error(&text.span(), format!("{} is listed twice", peer.address), "");
            } else {
                peers.push(peer);
            }
        }
    }
    peers
}

fn listens_on(zone: &Zone, peer: &Peer) -> bool {
    let is_ours =
        |listener: &Listener| listener.transport == peer.transport && listener.port == peer.address.port();
    zone.addresses.contains(&peer.address.ip()) && zone.listeners.iter().any(is_ours)
}

fn resolve_peer(
    name: &PeerName,
    text: &Text,
    zone: Option<&Zone>,
    resolve: Resolve<'_>,
    problems: &mut Problems<'_>,
) -> Vec<Peer> {
    let Some(addresses) = problems.keep(&text.span(), name.addresses(resolve)) else {
        return Vec::new();
    };
    if name.is_name() {
        problems.warning(
            &text.span(),
            format!(
                "{} is resolved once, when the configuration is loaded, and by address records only",
                name.host
            ),
            "reload after its addresses have changed",
        );
    }
    let reachable = |peer: &Peer| {
        zone.is_none_or(|zone| {
            zone.addresses.is_empty()
                || zone
                    .addresses
                    .iter()
                    .any(|local| local.is_ipv4() == peer.address.is_ipv4())
        })
    };
    let peers: Vec<Peer> = addresses
        .into_iter()
        .map(|address| Peer {
            address,
            transport: Transport::Udp,
            weight: name.weight,
            priority: name.priority,
        })
        .filter(reachable)
        .collect();
    if peers.is_empty() {
        let zone = zone.map_or("", |zone| zone.name.as_str());
        problems.error(
            &text.span(),
            format!("{} has no address of the family of zone \"{zone}\"", name.host),
            "give the zone an address of that family too",
        );
    }
    peers
}

/// Who may send as the trunk.
pub(super) fn check_sources(raw: &file::Trunk, peers: &[Peer], problems: &mut Problems<'_>) -> Vec<Prefix> {
    if raw.sources.is_empty() {
        let mut sources: Vec<Prefix> = Vec::new();
        for peer in peers {
            let host = Prefix::host(peer.address.ip());
            if !sources.contains(&host) {
                sources.push(host);
            }
        }
        return sources;
    }
    let mut sources = Vec::new();
    for text in &raw.sources {
        let Some(network) = problems.keep(&text.span(), address::network(text.get_ref())) else {
            continue;
        };
        if network.prefix_len() == 0 {
            problems.warning(
                &text.span(),
                format!("{network} lets everybody send as this trunk"),
                "name the networks of the peer",
            );
        }
        sources.push(Prefix {
            address: network.addr(),
            len: network.prefix_len(),
        });
    }
    sources
}

/// The same network in two trunks of one zone would leave it to the order of the file whose calls these are.
pub(super) fn report_shared_sources(
    raw: &file::Trunk,
    trunk: &Trunk,
    claims: &mut HashMap<(u8, IpNet), String>,
    problems: &mut Problems<'_>,
) {
    for (place, prefix) in trunk.sources.iter().enumerate() {
        let Ok(network) = IpNet::new(prefix.address, prefix.len) else {
            continue;
        };
        let at = raw
            .sources
            .get(place)
            .or(raw.peers.first())
            .map_or(raw.span.clone(), Spanned::span);
        match claims.get(&(trunk.zone, network)) {
            Some(other) if *other != trunk.name => problems.warning(
                &at,
                format!("{network} is also a source of trunk \"{other}\" in the same zone"),
                "requests are told apart by the port of a peer only, otherwise the first trunk gets them",
            ),
            Some(_) => problems.error(&at, format!("{network} is listed twice"), ""),
            None => {
                claims.insert((trunk.zone, network), trunk.name.clone());
            }
        }
    }
}
