//! `trunkline trunks`: health, load and limits.

use crate::{
    api::view::{PeerState, TrunkState},
    cli::{
        Common, Failure,
        client::Client,
        print_json,
        table::{Align, Table},
    },
};

pub(crate) fn run(common: &Common) -> Result<(), Failure> {
    let trunks: Vec<TrunkState> = Client::new(common)?.get("/api/v1/trunks")?;
    if common.json {
        return print_json(&trunks);
    }
    let mut table = Table::new(&[
        ("TRUNK", Align::Left),
        ("ZONE", Align::Left),
        ("STATE", Align::Left),
        ("IN", Align::Right),
        ("OUT", Align::Right),
        ("LIMIT", Align::Right),
        ("CPS LIMIT", Align::Right),
        ("BANDWIDTH", Align::Right),
        ("PEER", Align::Left),
        ("OPTIONS", Align::Left),
    ]);
    for trunk in &trunks {
        let mut cells = vec![
            trunk.name.clone(),
            trunk.zone.clone(),
            state(trunk),
            trunk.calls_in.to_string(),
            trunk.calls_out.to_string(),
            limit(trunk.calls_limit),
            limit(trunk.cps_limit),
            bandwidth(trunk),
        ];
        let own = cells.len();
        // One line per peer; the trunk's own cells stand in the first of them.
        for peer in &trunk.peers {
            let line = std::mem::replace(&mut cells, vec![String::new(); own]);
            table.row(line.into_iter().chain([address(peer), options(peer)]));
        }
        if trunk.peers.is_empty() {
            table.row(cells.into_iter().chain(["-".to_owned(), "-".to_owned()]));
        }
    }
    print!("{}", table.render());
    Ok(())
}

fn state(trunk: &TrunkState) -> String {
    let up = trunk.peers.iter().filter(|peer| peer.up).count();
    let was_probed = |peer: &&PeerState| peer.options_status.is_some();
    let probed = trunk.peers.iter().filter(was_probed).count();
    health(true, trunk.peers.len(), up, probed)
}

/// The word for the health of a trunk with so many peers, of which so many are up and had a result of OPTIONS.
///
/// Calls are sent to a peer that nothing is known of, so the edge counts it as up; to people it is not up until it has
/// answered.
pub(crate) fn health(is_live: bool, peers: usize, up: usize, probed: usize) -> String {
    match (peers, up) {
        (0, _) => "inbound only".to_owned(),
        _ if !is_live => "unknown".to_owned(),
        (_, 0) => "DOWN".to_owned(),
        (all, up) if up < all => format!("{up} of {all} up"),
        _ if probed == 0 => "unknown".to_owned(),
        _ => "up".to_owned(),
    }
}

fn limit(limit: Option<u32>) -> String {
    limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string())
}

fn bandwidth(trunk: &TrunkState) -> String {
    let used = kilobits(trunk.bandwidth_bps);
    match trunk.bandwidth_limit_bps {
        Some(most) => format!("{used} of {}", kilobits(most)),
        None => used,
    }
}

fn kilobits(bits: u64) -> String {
    format!("{}kbit", bits / 1000)
}

fn address(peer: &PeerState) -> String {
    if peer.up {
        peer.address.clone()
    } else {
        format!("{} DOWN", peer.address)
    }
}

fn options(peer: &PeerState) -> String {
    match (peer.options_status, peer.options_round_trip_ms) {
        (Some(status), Some(round_trip)) => format!("{status} in {round_trip:.1} ms"),
        (Some(408), None) => "no answer".to_owned(),
        (Some(status), None) => status.to_string(),
        (None, _) => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trunk_is_up_once_a_peer_has_answered() {
        assert_eq!(health(true, 2, 2, 0), "unknown");
        assert_eq!(health(true, 2, 2, 1), "up");
        assert_eq!(health(true, 2, 1, 2), "1 of 2 up");
        assert_eq!(health(true, 2, 0, 2), "DOWN");
        assert_eq!(health(false, 2, 2, 0), "unknown");
        assert_eq!(health(true, 0, 0, 0), "inbound only");
    }
}
