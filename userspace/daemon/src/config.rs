//! The configuration file: reading it, judging it, and what the rest of the program is given of it.

pub(crate) mod address;
pub(crate) mod checked;
pub(crate) mod file;
pub(crate) mod plan;
pub(crate) mod problem;
pub(crate) mod quantity;
pub(crate) mod section;

use std::path::Path;

use crate::config::{
    address::Resolve,
    checked::Config,
    file::File,
    problem::{Problem, Problems, Severity},
};

/// What came out of reading a configuration file.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// The configuration, if nothing is wrong with it.
    pub(crate) config: Option<Config>,
    /// Errors and warnings in the order of the file.
    pub(crate) problems: Vec<Problem>,
}

impl Outcome {
    /// How many problems of `severity` there are.
    pub(crate) fn count(&self, severity: Severity) -> usize {
        self.problems
            .iter()
            .filter(|problem| problem.severity == severity)
            .count()
    }
}

/// Reads and judges the file at `path`, asking the system's resolver for names.
///
/// # Errors
/// The file cannot be read.
pub(crate) fn load(path: &Path) -> std::io::Result<Outcome> {
    let text = std::fs::read_to_string(path)?;
    let has_interface = |name: &str| trunkline_net::nic::index(name).is_ok();
    Ok(judge_on(path, &text, &address::system_resolver, &has_interface))
}

/// Judges `text` as if it were the file at `path`, for a machine that has every interface.
#[cfg(test)]
pub(crate) fn judge(path: &Path, text: &str, resolve: Resolve<'_>) -> Outcome {
    judge_on(path, text, resolve, &|_| true)
}

/// Judges `text` as if it were the file at `path`.
fn judge_on(path: &Path, text: &str, resolve: Resolve<'_>, has_interface: &dyn Fn(&str) -> bool) -> Outcome {
    let mut problems = Problems::new(path.to_owned(), text);
    let file = File::read(text, &mut problems);
    let base = path.parent().unwrap_or(Path::new(""));
    let config = checked::check(&file, base, resolve, &mut problems);
    checked::report_missing_interfaces(&file, has_interface, &mut problems);
    let config = (!problems.has_errors()).then_some(config);
    Outcome {
        config,
        problems: problems.into_sorted(),
    }
}

#[cfg(test)]
mod tests;
