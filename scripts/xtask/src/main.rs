//! Chores of this repository that want a program: `cargo xtask tidy`, `cargo xtask ci`.
//!
//! Owns: the house rules that neither rustc nor clippy checks.
//! Does not own: building the XDP program (`userspace/net/build.rs`) and running tests (`scripts/test`).
//! May depend on: anyhow and serde_json; on no crate of this workspace.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

mod tidy;

const USAGE: &str = "usage: cargo xtask tidy | ci\n\
    tidy  checks file and function length, names, words and crate dependencies\n\
    ci    runs scripts/test\n";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::from(2)
        }
    }
}

fn run() -> Result<ExitCode> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = root
        .ancestors()
        .nth(2)
        .context("xtask stands two folders below the root")?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["tidy"] => {
            let problems = tidy::check(root)?;
            problems.iter().for_each(|problem| println!("{problem}"));
            println!("tidy: {} problems", problems.len());
            Ok(ExitCode::from(u8::from(!problems.is_empty())))
        }
        ["ci"] => {
            let status = Command::new(root.join("scripts/test"))
                .status()
                .context("scripts/test")?;
            Ok(ExitCode::from(u8::from(!status.success())))
        }
        _ => bail!("{USAGE}"),
    }
}
