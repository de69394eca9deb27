//! `trunkline status`, `reload` and `drain`.

use crate::{
    api::view::{Draining, Status},
    cli::{
        Common, Failure,
        client::Client,
        print_json,
        table::{Align, Table, age, pairs},
    },
    edge::Reloaded,
};

pub(crate) fn status(common: &Common) -> Result<(), Failure> {
    let status: Status = Client::new(common)?.get("/api/v1/status")?;
    if common.json {
        return print_json(&status);
    }
    print!("{}", describe(&status));
    Ok(())
}

fn describe(status: &Status) -> String {
    let interfaces: Vec<String> = status
        .interfaces
        .iter()
        .map(|interface| {
            format!(
                "{} ({}{})",
                interface.name,
                interface.mode,
                if interface.zero_copy { ", zero copy" } else { "" }
            )
        })
        .collect();
    let packets = &status.packets;
    let mut text = pairs(&[
        ("node", format!("{} (trunkline {})", status.node, status.version)),
        ("state", status.state.clone()),
        ("up", format!("{} since {}", age(status.uptime_s), status.started)),
        (
            "config",
            format!(
                "{} epoch {}, {} reloads",
                status.config_file, status.config_epoch, status.reloads
            ),
        ),
        ("io", format!("{}: {}", status.io, interfaces.join(", "))),
        ("calls", status.calls_active.to_string()),
        ("flows", status.flows_active.to_string()),
        ("port pairs", status.ports_taken.to_string()),
        ("CDRs waiting", status.cdr_queued.to_string()),
        (
            "packets in",
            format!("{} received, {} originated", packets.received, packets.originated),
        ),
        (
            "packets out",
            format!(
                "{} sent, {} consumed, {} passed, {} dropped, {} queued, {} unaccounted",
                packets.sent,
                packets.consumed,
                packets.passed,
                packets.dropped,
                packets.queued,
                packets.unaccounted
            ),
        ),
    ]);
    for (reason, count) in &status.drops {
        text.push_str(&format!("  dropped {count} {reason}\n"));
    }
    text.push('\n');
    text.push_str(&workers(status));
    text
}

fn workers(status: &Status) -> String {
    let mut table = Table::new(&[
        ("WORKER", Align::Right),
        ("CORE", Align::Right),
        ("TIER", Align::Left),
        ("CALLS", Align::Right),
        ("FLOWS", Align::Right),
        ("BUSY", Align::Right),
        ("LONGEST TURN", Align::Right),
        ("FREE FRAMES", Align::Right),
    ]);
    for worker in &status.workers {
        table.row([
            worker.worker.to_string(),
            worker
                .core
                .map_or_else(|| "-".to_owned(), |core| core.to_string()),
            worker.tier.clone(),
            worker.calls_active.to_string(),
            worker.flows_active.to_string(),
            format!("{:.1}%", worker.busy_ratio * 100.0),
            format!("{:.0}us", worker.turn_max_us),
            format!(
                "{} of {}",
                worker.slots.free + worker.slots.fill,
                worker.slots.total
            ),
        ]);
    }
    table.render()
}

pub(crate) fn reload(common: &Common) -> Result<(), Failure> {
    let reloaded: Reloaded = Client::new(common)?.post("/api/v1/reload")?;
    if common.json {
        return print_json(&reloaded);
    }
    for line in reloaded.changes.iter().chain(&reloaded.warnings) {
        println!("{line}");
    }
    match reloaded.changes.len() {
        0 => println!("nothing has changed (epoch {})", reloaded.epoch),
        count => println!("{count} settings have changed (epoch {})", reloaded.epoch),
    }
    Ok(())
}

pub(crate) fn drain(common: &Common) -> Result<(), Failure> {
    let draining: Draining = Client::new(common)?.post("/api/v1/drain")?;
    if common.json {
        return print_json(&draining);
    }
    println!("new calls are refused; {} calls are left", draining.calls_active);
    Ok(())
}
