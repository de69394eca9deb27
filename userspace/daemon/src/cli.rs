//! The command line: verbs, options and exit codes.

mod calls;
mod check;
mod client;
mod explain;
mod operate;
mod parse;
mod run;
mod table;
mod trunks;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};

/// Exit code of a verb that was used as it should be but did not succeed.
const FAILED: u8 = 1;
/// Exit code of a wrong command line or configuration.
const BAD_USAGE: u8 = 2;

/// A SIP trunking edge.
#[derive(Debug, Parser)]
#[command(name = "trunkline", version, max_term_width = 100)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
pub(crate) struct Common {
    /// The configuration file.
    #[arg(
        long,
        global = true,
        env = "TRUNKLINE_CONFIG",
        default_value = "/etc/trunkline/trunkline.toml",
        value_name = "FILE"
    )]
    pub(crate) config: PathBuf,
    /// Where the running edge serves its admin interface, if not where the configuration says.
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) admin: Option<String>,
    /// The file with the token of the admin interface, if not the one that the configuration names.
    #[arg(long, global = true, env = "TRUNKLINE_TOKEN_FILE", value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

/// Prints `value` as JSON.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    println!(
        "{}",
        serde_json::to_string_pretty(value).map_err(anyhow::Error::from)?
    );
    Ok(())
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Run the edge in the foreground.
    Run,
    /// Check the configuration and print all problems.
    Check,
    /// Show the route that a call would take.
    Explain(explain::Options),
    /// List the live calls, show one, or end one.
    Calls(calls::Options),
    /// Show the trunks with their health, calls and limits.
    Trunks,
    /// Show how the running edge is.
    Status,
    /// Make the running edge read its configuration again.
    Reload,
    /// Make the running edge refuse new calls.
    Drain,
    /// Parse files as SIP messages and print what the edge understands.
    Parse(parse::Options),
}

/// Why a verb did not succeed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It was asked for properly, and failed: exit code 1.
    Failed(anyhow::Error),
    /// The command line or the configuration is wrong: exit code 2.
    Usage(anyhow::Error),
    /// Exit code 1; the verb has already said why.
    Silent,
    /// Exit code 2; the verb has already said why.
    SilentUsage,
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}

/// Runs the verb of the command line.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match &cli.verb {
        Verb::Run => run::run(&cli.common),
        Verb::Check => check::run(&cli.common),
        Verb::Explain(options) => explain::run(&cli.common, options),
        Verb::Calls(options) => calls::run(&cli.common, options),
        Verb::Trunks => trunks::run(&cli.common),
        Verb::Status => operate::status(&cli.common),
        Verb::Reload => operate::reload(&cli.common),
        Verb::Drain => operate::drain(&cli.common),
        Verb::Parse(options) => parse::run(&cli.common, options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Silent) => ExitCode::from(FAILED),
        Err(Failure::SilentUsage) => ExitCode::from(BAD_USAGE),
        Err(Failure::Failed(error)) => {
            eprintln!("trunkline: {error:#}");
            ExitCode::from(FAILED)
        }
        Err(Failure::Usage(error)) => {
            eprintln!("trunkline: {error:#}");
            ExitCode::from(BAD_USAGE)
        }
    }
}
