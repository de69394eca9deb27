//! Telephone numbers: normalised to E.164 on the way in, written as a trunk wants them on the way out.
//!
//! Normalising looks at the user part of a URI only. In this order, the first rule that fits wins:
//!
//! 1. User parameters (from `;` on) are cut off, `%2B` becomes `+`, visual separators `-.()` and blanks go.
//! 2. The trunk's `inbound` edits are tried; the first whose prefix fits is carried out.
//! 3. A number in the emergency list stays as dialled.
//! 4. `+` and up to 15 digits is E.164 already.
//! 5. An international prefix of the country (`011`, `00`, ..) is replaced by `+`.
//! 6. The national prefix and a number of national length get the country code.
//! 7. Digits that begin with the country code and go on with national length get a `+`.
//! 8. Digits of national length get the country code.
//! 9. Longer digits are taken as E.164 without its `+`. Anything else is not a number that can be routed.
//!
//! Without a country rules 5 (with `00`), 9 and 4 hold, and rule 9 takes any length.

use alloc::string::String;

use crate::plan::{NumberEdit, NumberRules, OutFormat};

/// Most digits of an E.164 number.
pub const E164_DIGITS_MAX: usize = 15;

/// Fewest digits that are taken as an E.164 number.
pub const E164_DIGITS_MIN: usize = 4;

/// A normalised number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct E164 {
    text: String,
    emergency: bool,
}

/// Numbering facts of one country.
struct Country {
    code: &'static str,
    national_prefix: &'static str,
    /// Whether a number in national format is written with the prefix.
    writes_prefix: bool,
    international_prefixes: &'static [&'static str],
    national_len: (usize, usize),
    emergency: &'static [&'static str],
}

impl E164 {
    /// Takes a text that is normalised already: `+` and digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('+')?;
        is_e164(digits).then(|| Self {
            text: String::from(text),
            emergency: false,
        })
    }

    /// The number: with `+`, or as dialled for an emergency number.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is an emergency number.
    #[must_use]
    pub fn is_emergency(&self) -> bool {
        self.emergency
    }

    fn from_digits(country: &str, digits: &str) -> Option<Self> {
        let mut text = String::with_capacity(1 + country.len() + digits.len());
        text.push('+');
        text.push_str(country);
        text.push_str(digits);
        Self::parse(&text)
    }
}

/// Normalises the user part of a URI that came from a trunk with these rules; the module says how.
#[must_use]
pub fn normalise(rules: &NumberRules, user: &str) -> Option<E164> {
    let dialled = edit(&rules.inbound, bare(user)?);
    if is_emergency(rules, &dialled) {
        return Some(E164 {
            text: dialled,
            emergency: true,
        });
    }
    if let Some(digits) = dialled.strip_prefix('+') {
        return E164::from_digits("", digits);
    }
    if !dialled.bytes().all(|b| b.is_ascii_digit()) || dialled.is_empty() {
        return None;
    }
    let country = Country::of(&rules.country);
    if let Some(rest) = strip_international(rules, country, &dialled) {
        return E164::from_digits("", rest);
    }
    if rules.country.is_empty() {
        return E164::from_digits("", &dialled);
    }
    let fits = |digits: &str| (country.national_len.0..=country.national_len.1).contains(&digits.len());
    let prefix = national_prefix(rules, country);
    if let Some(rest) = dialled
        .strip_prefix(prefix)
        .filter(|rest| !prefix.is_empty() && fits(rest))
    {
        return E164::from_digits(&rules.country, rest);
    }
    if dialled.strip_prefix(rules.country.as_str()).is_some_and(fits) {
        return E164::from_digits("", &dialled);
    }
    if fits(&dialled) {
        return E164::from_digits(&rules.country, &dialled);
    }
    if dialled.len() > country.national_len.1 {
        E164::from_digits("", &dialled)
    } else {
        None
    }
}

/// Writes a number as a trunk with these rules wants it.
#[must_use]
pub fn write(rules: &NumberRules, number: &E164) -> String {
    if number.emergency {
        return number.text.clone();
    }
    let digits = number.text.strip_prefix('+').unwrap_or(&number.text);
    let text = match rules.out {
        OutFormat::PlusE164 => number.text.clone(),
        OutFormat::E164 => String::from(digits),
        OutFormat::National => national(rules, digits),
    };
    edit(&rules.outbound, text)
}

fn national(rules: &NumberRules, digits: &str) -> String {
    let country = Country::of(&rules.country);
    if let Some(rest) = digits
        .strip_prefix(rules.country.as_str())
        .filter(|_| !rules.country.is_empty())
    {
        let prefix = match &rules.national_prefix {
            Some(configured) => configured.as_str(),
            None if country.writes_prefix => country.national_prefix,
            None => "",
        };
        return alloc::format!("{prefix}{rest}");
    }
    let prefix = rules.international_prefixes.first().map(String::as_str);
    let prefix = prefix
        .or_else(|| country.international_prefixes.first().copied())
        .unwrap_or("00");
    alloc::format!("{prefix}{digits}")
}

/// Rule 1: the dialled characters alone; `None` for an empty user part or one that is no number at all.
fn bare(user: &str) -> Option<String> {
    let user = user.split(';').next().unwrap_or("");
    let user = user
        .strip_prefix("%2B")
        .or_else(|| user.strip_prefix("%2b"))
        .map_or_else(
            || String::from(user),
            |rest| {
                let mut text = String::from("+");
                text.push_str(rest);
                text
            },
        );
    let text: String = user
        .chars()
        .filter(|c| !matches!(c, '-' | '.' | '(' | ')' | ' '))
        .collect();
    (!text.is_empty() && text.len() <= 64).then_some(text)
}

fn edit(rules: &[NumberEdit], text: String) -> String {
    let Some(rule) = rules.iter().find(|r| text.starts_with(r.prefix.as_str())) else {
        return text;
    };
    let mut out = rule.prepend.clone();
    out.extend(text.chars().skip(usize::from(rule.strip)));
    out
}

fn is_emergency(rules: &NumberRules, dialled: &str) -> bool {
    if rules.emergency.is_empty() {
        Country::of(&rules.country).emergency.contains(&dialled)
    } else {
        rules.emergency.iter().any(|e| e == dialled)
    }
}

fn strip_international<'d>(rules: &NumberRules, country: &Country, dialled: &'d str) -> Option<&'d str> {
    if rules.international_prefixes.is_empty() {
        country
            .international_prefixes
            .iter()
            .find_map(|p| dialled.strip_prefix(p))
    } else {
        rules
            .international_prefixes
            .iter()
            .find_map(|p| dialled.strip_prefix(p.as_str()))
    }
}

fn national_prefix<'r>(rules: &'r NumberRules, country: &'r Country) -> &'r str {
    rules
        .national_prefix
        .as_deref()
        .unwrap_or(country.national_prefix)
}

fn is_e164(digits: &str) -> bool {
    (E164_DIGITS_MIN..=E164_DIGITS_MAX).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0')
}

impl Country {
    fn of(code: &str) -> &'static Self {
        COUNTRIES.iter().find(|c| c.code == code).unwrap_or(&ELSEWHERE)
    }
}

/// Countries that differ from [`ELSEWHERE`]; the rest is configured by the trunk where it matters.
const COUNTRIES: &[Country] = &[
    Country {
        code: "1",
        national_prefix: "1",
        writes_prefix: false,
        international_prefixes: &["011"],
        national_len: (10, 10),
        emergency: &["911", "112", "933"],
    },
    Country {
        code: "7",
        national_prefix: "8",
        writes_prefix: true,
        international_prefixes: &["810"],
        national_len: (10, 10),
        emergency: &["112", "101", "102", "103"],
    },
    Country {
        code: "33",
        national_prefix: "0",
        writes_prefix: true,
        international_prefixes: &["00"],
        national_len: (9, 9),
        emergency: &["112", "15", "17", "18"],
    },
    Country {
        code: "39",
        national_prefix: "",
        writes_prefix: false,
        international_prefixes: &["00"],
        national_len: (6, 11),
        emergency: &["112"],
    },
    Country {
        code: "44",
        national_prefix: "0",
        writes_prefix: true,
        international_prefixes: &["00"],
        national_len: (9, 10),
        emergency: &["999", "112"],
    },
    Country {
        code: "49",
        national_prefix: "0",
        writes_prefix: true,
        international_prefixes: &["00"],
        national_len: (5, 11),
        emergency: &["112", "110"],
    },
    Country {
        code: "61",
        national_prefix: "0",
        writes_prefix: true,
        international_prefixes: &["0011"],
        national_len: (9, 9),
        emergency: &["000", "112"],
    },
    Country {
        code: "81",
        national_prefix: "0",
        writes_prefix: true,
        international_prefixes: &["010"],
        national_len: (9, 10),
        emergency: &["110", "119"],
    },
    Country {
        code: "91",
        national_prefix: "0",
        writes_prefix: true,
        international_prefixes: &["00"],
        national_len: (10, 10),
        emergency: &["112", "100", "101", "102"],
    },
];

const ELSEWHERE: Country = Country {
    code: "",
    national_prefix: "0",
    writes_prefix: true,
    international_prefixes: &["00"],
    national_len: (6, 11),
    emergency: &["112", "911"],
};

#[cfg(test)]
mod tests;
