//! Names that say nothing, of files and of functions.

use super::{Problem, Source};

/// Rooms that house nothing in particular.
const STEMS: [&str; 10] = [
    "mod", "util", "utils", "common", "helper", "helpers", "manager", "misc", "types", "handlers",
];

/// Prefixes that hide what a function does.
const PREFIXES: [&str; 4] = ["get_", "handle_", "process_", "do_"];

pub(super) fn check_path(path: &str) -> Vec<Problem> {
    let is_nothing = |part: &str| STEMS.contains(&part.strip_suffix(".rs").unwrap_or(part));
    if !path.ends_with(".rs") || !path.split('/').any(is_nothing) {
        return Vec::new();
    }
    vec![Problem::new(path, 1, "the name says nothing of what is in it")]
}

pub(super) fn check(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (number, line) in source.lines_to_check() {
        let Some(name) = function_name(line) else { continue };
        if let Some(prefix) = PREFIXES.iter().find(|prefix| name.starts_with(**prefix)) {
            problems.push(Problem::new(
                &source.path,
                number,
                format!("`{name}`: no `{prefix}` in names"),
            ));
        }
    }
    problems
}

fn function_name(line: &str) -> Option<&str> {
    let (before, after) = line.split_once("fn ")?;
    let is_start = before.is_empty() || before.ends_with(' ');
    let is_code = !before.trim_start().starts_with("//") && !before.contains('"');
    let end = after.find(|c: char| !c.is_alphanumeric() && c != '_')?;
    (is_start && is_code && end > 0).then(|| &after[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_names_are_found() {
        assert_eq!(check_path("userspace/sip/src/sdp/mod.rs").len(), 1);
        assert_eq!(check_path("userspace/common/src/lib.rs").len(), 1);
        assert_eq!(check_path("userspace/sip/src/model.rs"), []);
        let text = "    pub fn get_thing(&self) {}\nfn done() {}\n// fn get_x()\n".to_owned();
        let problems = check(&Source {
            path: "a.rs".to_owned(),
            text,
        });
        assert_eq!(
            problems,
            [Problem::new("a.rs", 1, "`get_thing`: no `get_` in names")]
        );
    }
}
