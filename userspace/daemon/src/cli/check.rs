//! `trunkline check`: everything that is wrong with the configuration.

use serde::Serialize;

use crate::{
    cli::{Common, Failure},
    config::{
        self, Outcome,
        checked::Config,
        problem::{Problem, Severity},
    },
};

/// What `--json` prints.
#[derive(Serialize)]
struct Report<'o> {
    ok: bool,
    problems: &'o [Problem],
}

/// Prints all problems to standard output; a good configuration gets one line.
pub(crate) fn run(common: &Common) -> Result<(), Failure> {
    let outcome = load(common)?;
    if common.json {
        let report = Report {
            ok: outcome.config.is_some(),
            problems: &outcome.problems,
        };
        println!(
            "{}",
            serde_json::to_string_pretty(&report).map_err(anyhow::Error::from)?
        );
    } else {
        for problem in &outcome.problems {
            println!("{problem}");
        }
        println!("{}", summary(common, &outcome));
    }
    if outcome.config.is_some() {
        Ok(())
    } else {
        Err(Failure::SilentUsage)
    }
}

/// Reads the configuration, without printing anything.
pub(crate) fn load(common: &Common) -> Result<Outcome, Failure> {
    config::load(&common.config).map_err(|error| {
        Failure::Usage(anyhow::Error::new(error).context(format!("cannot read {}", common.config.display())))
    })
}

/// The configuration and its warnings, for a verb that cannot go on without it; errors go to standard error.
pub(crate) fn require(common: &Common, outcome: Outcome) -> Result<(Config, Vec<Problem>), Failure> {
    if outcome.config.is_none() {
        for problem in &outcome.problems {
            eprintln!("{problem}");
        }
        eprintln!("{}", summary(common, &outcome));
    }
    outcome
        .config
        .map(|config| (config, outcome.problems))
        .ok_or(Failure::SilentUsage)
}

fn summary(common: &Common, outcome: &Outcome) -> String {
    let warnings = match outcome.count(Severity::Warning) {
        0 => String::new(),
        1 => ", 1 warning".to_owned(),
        count => format!(", {count} warnings"),
    };
    let file = common.config.display();
    match (&outcome.config, outcome.count(Severity::Error)) {
        (Some(config), _) => format!(
            "{file}: good{warnings} ({} zones, {} trunks, {} routes, {} number blocks)",
            config.zones.len(),
            config.trunks.len(),
            config.routes.len(),
            config.dids.len()
        ),
        (None, 1) => format!("{file}: 1 error{warnings}"),
        (None, errors) => format!("{file}: {errors} errors{warnings}"),
    }
}
