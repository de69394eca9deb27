//! Marks of unfinished work, and lints silenced without a reason.

use super::{Problem, Source};

/// Not in any Rust file.
const MARKS: [&str; 9] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("for", " now"),
    concat!("place", "holder"),
    concat!("todo", "!("),
    concat!("unimplemented", "!("),
    concat!("dbg", "!("),
    concat!("not yet ", "implemented"),
];

/// Attributes that need their reason in the attribute, on the line or on the line before.
const SILENCERS: [&str; 4] = ["#[allow(", "#![allow(", "#[ignore]", "#[expect("];

/// Said in the first lines of every library crate.
const DOOR_SIGN: [&str; 3] = ["Owns", "Does not own", "May depend on"];

/// Crates that the compiler keeps free of clocks, sockets and unsafe code.
const PURE: [&str; 5] = [
    "xdp-abi",
    "userspace/time",
    "userspace/sip",
    "userspace/media",
    "userspace/call",
];

pub(super) fn check(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    let lines: Vec<&str> = source.text.lines().collect();
    for (index, line) in lines.iter().enumerate() {
        let mut report = |text: String| problems.push(Problem::new(&source.path, index + 1, text));
        if let Some(mark) = MARKS.iter().find(|mark| line.contains(**mark)) {
            report(format!("unfinished work: {mark}"));
        }
        let silencer = SILENCERS
            .iter()
            .find(|silencer| line.trim_start().starts_with(**silencer));
        if let Some(silencer) = silencer.filter(|_| !has_reason(&lines, index)) {
            report(format!("{silencer} without its reason"));
        }
    }
    problems.extend(check_crate_root(source));
    problems
}

/// Whether the attribute that begins at `index` says why, or a comment on its line or on the line before does.
fn has_reason(lines: &[&str], index: usize) -> bool {
    let is_comment = |line: &str| line.trim_start().starts_with("//");
    let end = lines[index..]
        .iter()
        .position(|line| line.contains(']'))
        .map_or(lines.len(), |length| index + length + 1);
    let says_why = |line: &&str| line.contains("reason") || line.contains("//");
    lines[index..end].iter().any(says_why)
        || index
            .checked_sub(1)
            .is_some_and(|before| is_comment(lines[before]))
}

fn check_crate_root(source: &Source) -> Vec<Problem> {
    let mut problems = Vec::new();
    let Some(folder) = source.path.strip_suffix("/src/lib.rs") else {
        return problems;
    };
    let mut want = |text: &str, is_there: bool| {
        if !is_there {
            problems.push(Problem::new(
                &source.path,
                1,
                format!("the crate does not say {text:?}"),
            ));
        }
    };
    let doc: String = source
        .text
        .lines()
        .filter(|line| line.starts_with("//!"))
        .collect();
    let doc = doc.to_lowercase();
    for sign in DOOR_SIGN {
        want(sign, doc.contains(&sign.to_lowercase()));
    }
    if PURE.contains(&folder) {
        for attribute in ["no_std", "forbid(unsafe_code)"] {
            want(attribute, source.text.contains(attribute));
        }
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(path: &str, text: &str) -> Vec<String> {
        let source = Source {
            path: path.to_owned(),
            text: text.to_owned(),
        };
        check(&source).into_iter().map(|problem| problem.text).collect()
    }

    #[test]
    fn marks_and_bare_silencers_are_found() {
        assert_eq!(texts("a.rs", concat!("// TO", "DO later\n")).len(), 1);
        assert_eq!(
            texts("a.rs", "#[allow(dead_code)]\n"),
            ["#[allow( without its reason"]
        );
        assert_eq!(texts("a.rs", "#[allow(dead_code, reason = \"x\")]\n").len(), 0);
        assert_eq!(
            texts("a.rs", "#[allow(\n    dead_code,\n    reason = \"x\"\n)]\n").len(),
            0
        );
        assert_eq!(
            texts("a.rs", "#[allow(\n    dead_code\n)]\n// no reason\n").len(),
            1
        );
        assert_eq!(texts("a.rs", "// Because.\n#[allow(dead_code)]\n").len(), 0);
    }

    #[test]
    fn a_crate_has_a_sign_on_its_door() {
        assert_eq!(
            texts(
                "userspace/net/src/lib.rs",
                "//! Owns: x.\n//! Does not own: y.\n//! May depend on: z.\n"
            )
            .len(),
            0
        );
        assert_eq!(texts("userspace/sip/src/lib.rs", "//! SIP.\n").len(), 5);
    }
}
