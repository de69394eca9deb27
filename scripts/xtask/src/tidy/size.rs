//! Length of files and functions.

use super::{Problem, Source};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 70;

pub(super) fn check(source: &Source) -> Vec<Problem> {
    if source.is_test() {
        return Vec::new();
    }
    let mut problems = Vec::new();
    let lines: Vec<(usize, &str)> = source.lines_to_check().collect();
    if lines.len() > FILE_LINES_MAX {
        let text = format!("{} lines without tests; at most {FILE_LINES_MAX}", lines.len());
        problems.push(Problem::new(&source.path, 1, text));
    }
    for (first, length) in functions(&lines) {
        if length > FUNCTION_LINES_MAX {
            let text = format!("a function of {length} lines; at most {FUNCTION_LINES_MAX}");
            problems.push(Problem::new(&source.path, first, text));
        }
    }
    problems
}

/// First line and length of each function. rustfmt puts a function's last brace under its first letter.
fn functions(lines: &[(usize, &str)]) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for (index, (number, line)) in lines.iter().enumerate() {
        let Some(indent) = function_indent(line) else {
            continue;
        };
        let end = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[index..].iter().position(|(_, line)| *line == end) {
            found.push((*number, length + 1));
        }
    }
    found
}

/// How far the line is indented, if a function with a body on further lines begins there.
fn function_indent(line: &str) -> Option<usize> {
    let text = line.trim_start();
    let words: Vec<&str> = text.split(' ').take_while(|word| *word != "fn").collect();
    let starts = words
        .iter()
        .all(|word| matches!(*word, "pub" | "const" | "async" | "unsafe") || word.starts_with("pub("))
        && text.split(' ').any(|word| word == "fn");
    let ends_here = text.ends_with('}') || text.ends_with(';');
    (starts && !ends_here).then_some(line.len() - text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: String) -> Source {
        Source {
            path: path.to_owned(),
            text,
        }
    }

    #[test]
    fn long_functions_are_found() {
        let body = "    work();\n".repeat(FUNCTION_LINES_MAX);
        let text = format!("fn short() {{\n    work();\n}}\n\npub(crate) const fn long() {{\n{body}}}\n");
        let problems = check(&source("a.rs", text.clone()));
        assert_eq!(
            problems,
            [Problem::new("a.rs", 5, "a function of 72 lines; at most 70")]
        );
        assert_eq!(check(&source("tests/e2e/a.rs", text)), []);
    }

    #[test]
    fn tests_do_not_count_towards_a_file() {
        let text = format!(
            "{}#[cfg(test)]\nmod tests {{\n{}}}\n",
            "//\n".repeat(400),
            "    //\n".repeat(400)
        );
        assert_eq!(check(&source("a.rs", text)), []);
        assert_eq!(check(&source("a.rs", "//\n".repeat(401))).len(), 1);
    }

    #[test]
    fn a_function_in_words_is_none() {
        assert_eq!(function_indent("    /// the fn that"), None);
        assert_eq!(function_indent("    type F = fn(u8);"), None);
        assert_eq!(function_indent("    fn one() {}"), None);
        assert_eq!(function_indent("    pub fn one("), Some(4));
    }
}
