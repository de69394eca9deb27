//! The house rules, each with the place where it is broken.

use std::fmt;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

mod arrows;
mod names;
mod size;
mod words;

/// A broken rule.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    file: String,
    line: usize,
    text: String,
}

/// A Rust file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    path: String,
    text: String,
}

impl Problem {
    fn new(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            text: text.into(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.file, self.line, self.text)
    }
}

impl Source {
    /// Whether the whole file is test code.
    fn is_test(&self) -> bool {
        let in_tests = |path: &str| path.starts_with("tests/") && !path.starts_with("tests/src/");
        in_tests(&self.path) || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The lines before the file's own test module, numbered from 1.
    fn lines_to_check(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines: Vec<&str> = self.text.lines().collect();
        let end = lines
            .windows(2)
            .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod "))
            .unwrap_or(lines.len());
        lines
            .into_iter()
            .take(end)
            .enumerate()
            .map(|(index, line)| (index + 1, line))
    }
}

/// All problems of the repository at `root`.
///
/// # Errors
/// If git, cargo or a file cannot be read.
pub(crate) fn check(root: &Path) -> Result<Vec<Problem>> {
    let mut problems = Vec::new();
    for path in tracked(root)? {
        problems.extend(names::check_path(&path));
        if !path.ends_with(".rs") || !root.join(&path).exists() {
            continue;
        }
        let text = std::fs::read_to_string(root.join(&path)).with_context(|| path.clone())?;
        let source = Source { path, text };
        problems.extend(size::check(&source));
        problems.extend(names::check(&source));
        problems.extend(words::check(&source));
    }
    problems.extend(arrows::check(root)?);
    Ok(problems)
}

fn tracked(root: &Path) -> Result<Vec<String>> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(["ls-files", "-z"])
        .output()
        .context("git ls-files")?;
    ensure!(
        output.status.success(),
        "git ls-files: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).context("paths are UTF-8")?;
    Ok(text.split_terminator('\0').map(str::to_owned).collect())
}
