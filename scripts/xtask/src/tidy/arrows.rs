//! Which crate may depend on which.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use super::Problem;

/// Each crate of the product and the crates of the product that it may name.
const ARROWS: [(&str, &[&str]); 8] = [
    ("trunkline-xdp-abi", &[]),
    ("trunkline-time", &[]),
    ("trunkline-sip", &["trunkline-time"]),
    ("trunkline-media", &["trunkline-time", "trunkline-xdp-abi"]),
    (
        "trunkline-call",
        &["trunkline-time", "trunkline-sip", "trunkline-media"],
    ),
    ("trunkline-net", &["trunkline-time", "trunkline-xdp-abi"]),
    ("trunkline-engine", ALL_BELOW_DAEMON),
    ("trunkline", ALL_BELOW_DAEMON),
];

const ALL_BELOW_DAEMON: &[&str] = &[
    "trunkline-time",
    "trunkline-xdp-abi",
    "trunkline-sip",
    "trunkline-media",
    "trunkline-call",
    "trunkline-net",
    "trunkline-engine",
];

pub(super) fn check(root: &Path) -> Result<Vec<Problem>> {
    let mut command = Command::new("cargo");
    command
        .current_dir(root)
        .args(["metadata", "--no-deps", "--format-version=1"]);
    let output = command.output().context("cargo metadata")?;
    ensure!(
        output.status.success(),
        "cargo metadata: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(wrong_arrows(
        &serde_json::from_slice(&output.stdout).context("cargo metadata")?,
    ))
}

fn wrong_arrows(metadata: &Value) -> Vec<Problem> {
    let mut problems = Vec::new();
    for package in list(metadata, "packages") {
        let Some((name, allowed)) = ARROWS.iter().find(|(name, _)| package["name"] == *name) else {
            continue;
        };
        for dependency in list(package, "dependencies") {
            let to = dependency["name"].as_str().unwrap_or_default();
            let is_for_the_product = dependency["kind"] != "dev";
            if is_for_the_product && to.starts_with("trunkline") && !allowed.contains(&to) {
                problems.push(Problem::new(
                    "Cargo.toml",
                    1,
                    format!("{name} may not depend on {to}"),
                ));
            }
        }
    }
    problems
}

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value[key].as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrows_go_one_way() {
        let metadata = serde_json::json!({ "packages": [
            { "name": "trunkline-sip", "dependencies": [
                { "name": "trunkline-time", "kind": null },
                { "name": "trunkline-call", "kind": "dev" },
                { "name": "memchr", "kind": null } ] },
            { "name": "trunkline-media", "dependencies": [{ "name": "trunkline-call", "kind": null }] },
        ]});
        let texts: Vec<String> = wrong_arrows(&metadata)
            .into_iter()
            .map(|problem| problem.text)
            .collect();
        assert_eq!(texts, ["trunkline-media may not depend on trunkline-call"]);
    }
}
