//! Every setting of a plan as a line of its own, in the words of the configuration file.

use std::{fmt::Display, time::Duration};

use trunkline_call::plan::{
    Limits, MediaPolicy, NumberEdit, NumberRules, OutFormat, Route, RoutePlan, RouteTrunk, Strategy, Trunk,
};
use trunkline_media::LatchPolicy;

/// What stands for a setting that is not there.
const NONE: &str = "none";

/// All settings that a reload can change.
pub(super) fn settings(plan: &RoutePlan) -> Vec<String> {
    let mut lines = vec![
        format!("node name = {}", plan.node_name),
        format!("calls attempt_timeout = {}", duration(plan.attempt_timeout)),
        format!("calls ring_timeout = {}", duration(plan.ring_timeout)),
    ];
    for trunk in &plan.trunks {
        of_trunk(plan, trunk, &mut lines);
    }
    for did in &plan.dids {
        let trunk = trunk_name(plan, did.trunk);
        for range in &did.numbers {
            lines.push(if range.low == range.high {
                format!("did {} = {trunk}", range.low)
            } else {
                format!("did {}-{} = {trunk}", range.low, range.high)
            });
        }
    }
    let routes = plan.routes.iter().enumerate();
    lines.extend(routes.map(|(place, route)| of_route(plan, place + 1, route)));
    lines
}

/// The zones, with the names of their interfaces where these are known.
pub(super) fn zones(plan: &RoutePlan, interfaces: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    for zone in &plan.zones {
        let name = &zone.name;
        let interface = interfaces.get(usize::from(zone.interface));
        let number = || format!("number {}", zone.interface);
        lines.push(format!(
            "zone {name} interface = {}",
            interface.map_or_else(number, Clone::clone)
        ));
        lines.push(format!("zone {name} address = {}", list(&zone.addresses)));
        let listeners = zone.listeners.iter();
        let listeners = listeners
            .map(|listener| format!("{}:{}", listener.transport.as_str().to_lowercase(), listener.port));
        lines.push(format!("zone {name} sip = {}", list(listeners)));
        let (low, high) = zone.rtp_ports;
        lines.push(format!("zone {name} rtp_ports = {low}-{high}"));
    }
    lines
}

fn of_trunk(plan: &RoutePlan, trunk: &Trunk, lines: &mut Vec<String>) {
    let zone = plan.zone(trunk.zone).map_or("?", |zone| zone.name.as_str());
    let mut line = |key: &str, value: String| lines.push(format!("trunk {} {key} = {value}", trunk.name));
    line("zone", zone.to_owned());
    for peer in &trunk.peers {
        line(
            "peer",
            format!(
                "{} weight {} priority {}",
                peer.address, peer.weight, peer.priority
            ),
        );
    }
    for source in &trunk.sources {
        line("source", format!("{}/{}", source.address, source.len));
    }
    line(
        "options_interval",
        trunk.options_interval.map_or_else(|| NONE.to_owned(), duration),
    );
    line("down_after", trunk.down_after.to_string());
    line("up_after", trunk.up_after.to_string());
    line("limits", limits(&trunk.limits));
    line("codecs", list(&trunk.codecs));
    for (key, value) in numbers(&trunk.numbers) {
        line(&format!("numbers {key}"), value);
    }
    line("media", media(&trunk.media));
    // The password is never shown, so that a change of it alone shows nothing.
    let username = trunk.sip.auth.as_ref().map(|auth| auth.username.clone());
    line("auth username", username.unwrap_or_else(|| NONE.to_owned()));
}

fn limits(limits: &Limits) -> String {
    let parts = [
        limits.calls.map(|calls| format!("{calls} calls")),
        limits.cps.map(|cps| format!("{cps} calls/s")),
        limits.bandwidth_bps.map(rate),
    ];
    list(parts.into_iter().flatten())
}

fn numbers(rules: &NumberRules) -> [(&'static str, String); 7] {
    let out = match rules.out {
        OutFormat::PlusE164 => "+e164",
        OutFormat::E164 => "e164",
        OutFormat::National => "national",
    };
    let prefix = match rules.national_prefix.as_deref() {
        None => "that of the country",
        Some("") => NONE,
        Some(digits) => digits,
    };
    let country = if rules.country.is_empty() {
        NONE
    } else {
        &rules.country
    };
    [
        ("country", country.to_owned()),
        ("national_prefix", prefix.to_owned()),
        ("international_prefixes", list(&rules.international_prefixes)),
        ("emergency", list(&rules.emergency)),
        ("inbound", list(rules.inbound.iter().map(edit))),
        ("out", out.to_owned()),
        ("outbound", list(rules.outbound.iter().map(edit))),
    ]
}

fn edit(edit: &NumberEdit) -> String {
    format!(
        "prefix \"{}\" strip {} prepend \"{}\"",
        edit.prefix, edit.strip, edit.prepend
    )
}

fn media(policy: &MediaPolicy) -> String {
    let latch = match policy.latch {
        LatchPolicy::Gated => "gated",
        LatchPolicy::Signalled => "signalled",
        LatchPolicy::Open => "open",
    };
    let timeout = if policy.timeout.is_zero() {
        NONE.to_owned()
    } else {
        duration(policy.timeout)
    };
    format!("latch {latch}, dscp {}, timeout {timeout}", policy.dscp)
}

fn of_route(plan: &RoutePlan, place: usize, route: &Route) -> String {
    let strategy = match route.strategy {
        Strategy::Priority => "priority",
        Strategy::Weight => "weight",
        Strategy::LeastCost => "least-cost",
    };
    let timeout = route.failover_on.timeout.then(|| "timeout".to_owned());
    let failover = route.failover_on.codes.iter().map(ToString::to_string);
    format!(
        "route {place} from {} prefix {} = {}; {strategy}, fails over on {}",
        list(route.from.iter().map(|id| trunk_name(plan, *id))),
        list(route.prefixes.iter().map(|prefix| format!("\"{prefix}\""))),
        list(route.trunks.iter().map(|chosen| choice(plan, chosen))),
        list(failover.chain(timeout))
    )
}

fn choice(plan: &RoutePlan, chosen: &RouteTrunk) -> String {
    let name = trunk_name(plan, chosen.trunk);
    let price = chosen
        .price_micros
        .map(|micros| format!(" price {}", micros as f64 / 1e6));
    format!("{name} weight {}{}", chosen.weight, price.unwrap_or_default())
}

fn trunk_name(plan: &RoutePlan, id: u16) -> String {
    plan.trunk(id).map_or("?", |trunk| trunk.name.as_str()).to_owned()
}

fn list<T: Display>(items: impl IntoIterator<Item = T>) -> String {
    let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    if items.is_empty() {
        NONE.to_owned()
    } else {
        items.join(", ")
    }
}

fn rate(bits: u64) -> String {
    match bits {
        _ if bits.is_multiple_of(1_000_000) => format!("{}Mbit", bits / 1_000_000),
        _ if bits.is_multiple_of(1_000) => format!("{}kbit", bits / 1_000),
        _ => format!("{bits}bit"),
    }
}

fn duration(duration: Duration) -> String {
    let ms = duration.as_millis();
    if ms.is_multiple_of(1_000) {
        format!("{}s", ms / 1_000)
    } else {
        format!("{ms}ms")
    }
}
