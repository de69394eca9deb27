//! `trunkline explain`: the route that a call would take.

use clap::Args;
use trunkline_net::clock::monotonic_now;

use crate::{
    cli::{
        Common, Failure, check,
        client::{Client, NoAnswer, escaped},
        print_json,
        table::{Align, Table, pairs},
        trunks::health,
    },
    config::plan,
    explain::{Explanation, Step, explain},
};

/// Options of the verb.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The trunk that the call comes from.
    #[arg(value_name = "FROM-TRUNK")]
    from: String,
    /// The number as that trunk dials it.
    #[arg(value_name = "NUMBER", allow_hyphen_values = true)]
    number: String,
}

/// Asks the running edge, and if there is none explains by the configuration alone.
pub(crate) fn run(common: &Common, options: &Options) -> Result<(), Failure> {
    let explanation = match ask(common, options) {
        Some(explanation) => explanation?,
        None => by_configuration(common, options)?,
    };
    if common.json {
        return print_json(&explanation);
    }
    print!("{}", describe(&explanation));
    Ok(())
}

/// What a running edge says; `None` if none answers.
fn ask(common: &Common, options: &Options) -> Option<Result<Explanation, Failure>> {
    let client = match Client::new(common) {
        Ok(client) => client,
        Err(failure) => return Some(Err(failure)),
    };
    let path = format!(
        "/api/v1/routes/explain?from={}&number={}",
        escaped(&options.from),
        escaped(&options.number)
    );
    match client.get(&path) {
        Ok(explanation) => Some(Ok(explanation)),
        // Somebody who names an edge wants that one and no other opinion.
        Err(NoAnswer::Unreachable(error)) if common.admin.is_some() => Some(Err(Failure::Failed(error))),
        Err(NoAnswer::Unreachable(_)) => None,
        Err(NoAnswer::Refused(404 | 422, fault)) => Some(Err(Failure::Usage(anyhow::anyhow!(fault.error)))),
        Err(refused) => Some(Err(refused.into())),
    }
}

fn by_configuration(common: &Common, options: &Options) -> Result<Explanation, Failure> {
    let (config, _) = check::require(common, check::load(common)?)?;
    let plan = plan::make(&config, 1, None).map_err(|error| Failure::Usage(error.into()))?;
    explain(&plan, monotonic_now(), &options.from, &options.number, false)
        .map_err(|error| Failure::Usage(error.into()))
}

fn describe(explanation: &Explanation) -> String {
    let emergency = if explanation.emergency { " (emergency)" } else { "" };
    let rule = match &explanation.rule {
        None => "none: the call is refused by 404".to_owned(),
        Some(rule) if rule.kind == "did" => format!("[[did]] {}", rule.place),
        Some(rule) => format!(
            "[[route]] {}, prefix \"{}\", {}",
            rule.place, rule.prefix, rule.strategy
        ),
    };
    let mut text = pairs(&[
        ("from", explanation.from.clone()),
        (
            "number",
            format!("{} is {}{emergency}", explanation.number, explanation.normalised),
        ),
        ("rule", rule),
        (
            "fails over on",
            explanation
                .rule
                .as_ref()
                .map(|rule| rule.failover_on.join(", "))
                .unwrap_or_default(),
        ),
    ]);
    if explanation.trunks.is_empty() {
        return text;
    }
    let mut table = Table::new(&[
        ("TRY", Align::Right),
        ("TRUNK", Align::Left),
        ("ZONE", Align::Left),
        ("HEALTH", Align::Left),
        ("HEADROOM", Align::Left),
        ("PRICE/MIN", Align::Right),
        ("NUMBER SENT", Align::Left),
    ]);
    for (index, step) in explanation.trunks.iter().enumerate() {
        table.row([
            (index + 1).to_string(),
            step.trunk.clone(),
            step.zone.clone(),
            health(explanation.live, step.peers, step.peers_up, step.peers_probed),
            headroom(step),
            step.price
                .map_or_else(|| "-".to_owned(), |price| format!("{price:.6}")),
            step.sent_number.clone(),
        ]);
    }
    text.push('\n');
    text.push_str(&table.render());
    if !explanation.live {
        text.push_str("\nNo edge answers: health is unknown and nothing is in use.\n");
    }
    text
}

fn headroom(step: &Step) -> String {
    let mut parts = Vec::new();
    if let Some(limit) = step.calls_limit {
        parts.push(format!("{} of {limit} calls", limit.saturating_sub(step.calls)));
    }
    if let Some(limit) = step.cps_limit {
        parts.push(format!("{limit} calls/s"));
    }
    if let Some(limit) = step.bandwidth_limit_bps {
        parts.push(format!(
            "{} of {} kbit/s",
            limit.saturating_sub(step.bandwidth_bps) / 1000,
            limit / 1000
        ));
    }
    if parts.is_empty() {
        "no limit".to_owned()
    } else {
        parts.join(", ")
    }
}
