//! What is wrong with a configuration, and where.

use std::{fmt, ops::Range, path::PathBuf};

use serde::Serialize;

/// How much a [`Problem`] matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// The configuration cannot be used.
    Error,
    /// The configuration can be used, but not all of it has an effect.
    Warning,
}

/// What is wrong with one value, before it is known where the value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) problem: String,
    pub(crate) hint: String,
}

impl Fault {
    pub(crate) fn new(problem: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            hint: hint.into(),
        }
    }
}

/// One problem at one place of the file. Lines and columns start at 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) severity: Severity,
    pub(crate) problem: String,
    pub(crate) hint: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(
            f,
            "{}:{}:{}: {severity}: {}",
            self.file, self.line, self.column, self.problem
        )?;
        if !self.hint.is_empty() {
            write!(f, "\n    hint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// Collects the problems of one file, so that all of them are reported at once.
#[derive(Debug)]
pub(crate) struct Problems<'t> {
    path: PathBuf,
    text: &'t str,
    list: Vec<(usize, Problem)>,
}

impl<'t> Problems<'t> {
    pub(crate) fn new(path: PathBuf, text: &'t str) -> Self {
        Self {
            path,
            text,
            list: Vec::new(),
        }
    }

    /// Notes something that makes the configuration unusable.
    pub(crate) fn error(&mut self, at: &Range<usize>, problem: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Error, at.start, Fault::new(problem, hint));
    }

    /// Notes the fault of a value.
    pub(crate) fn fault(&mut self, at: &Range<usize>, fault: Fault) {
        self.push(Severity::Error, at.start, fault);
    }

    /// Notes something that will not have the effect that the operator may expect.
    pub(crate) fn warning(&mut self, at: &Range<usize>, problem: impl Into<String>, hint: impl Into<String>) {
        self.push(Severity::Warning, at.start, Fault::new(problem, hint));
    }

    /// The value, or none after its fault was noted.
    pub(crate) fn keep<T>(&mut self, at: &Range<usize>, value: Result<T, Fault>) -> Option<T> {
        value.map_err(|fault| self.fault(at, fault)).ok()
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.list
            .iter()
            .any(|(_, problem)| problem.severity == Severity::Error)
    }

    /// All problems in the order of the file.
    pub(crate) fn into_sorted(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|(offset, _)| *offset);
        self.list.into_iter().map(|(_, problem)| problem).collect()
    }

    fn push(&mut self, severity: Severity, offset: usize, fault: Fault) {
        let (line, column) = position(self.text, offset);
        let problem = Problem {
            file: self.path.display().to_string(),
            line,
            column,
            severity,
            problem: fault.problem,
            hint: fault.hint,
        };
        if !self
            .list
            .iter()
            .any(|(at, known)| *at == offset && *known == problem)
        {
            self.list.push((offset, problem));
        }
    }
}

fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}

/// " or "-joined quoted choices with the nearest one named first, for hints.
pub(crate) fn choose(given: &str, choices: &[&str]) -> String {
    let nearest = choices
        .iter()
        .map(|choice| (strsim::damerau_levenshtein(given, choice), choice))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, choice)| *distance <= choice.len().max(given.len()) / 3 + 1);
    match nearest {
        Some((_, choice)) => format!("did you mean `{choice}`?"),
        None if choices.is_empty() => "there is none".to_owned(),
        None => format!("known: {}", choices.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        assert_eq!(position("a\nbc\n", 0), (1, 1));
        assert_eq!(position("a\nbc\n", 3), (2, 2));
        assert_eq!(position("é = x", 5), (1, 5));
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(
            choose("intreface", &["name", "interface"]),
            "did you mean `interface`?"
        );
        assert_eq!(choose("zzzzzzzz", &["name", "sip"]), "known: name, sip");
    }
}
