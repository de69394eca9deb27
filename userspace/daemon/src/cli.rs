//! The command line: verbs, options and exit codes.

mod check;

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
    /// Print JSON.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Check the configuration and print all problems.
    Check,
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
        Verb::Check => check::run(&cli.common),
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
