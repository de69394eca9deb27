//! Values with units: durations, rates, sizes, port ranges, numbers and markings.

use std::time::Duration;

use crate::config::{
    problem::{Fault, choose},
    section::Scalar,
};

/// A duration as "500ms", "30s", "1h" or "1h 30m"; a plain 0 (also "0") is none at all.
pub(crate) fn duration(scalar: &Scalar) -> Result<Duration, Fault> {
    const HINT: &str = "a number with its unit: \"500ms\", \"30s\", \"1h\"";
    match scalar {
        Scalar::Number(0) => Ok(Duration::ZERO),
        Scalar::Number(number) => Err(Fault::new(
            format!("{number} has no unit"),
            format!("write \"{number}s\" for seconds"),
        )),
        Scalar::Text(text) if text.trim() == "0" => Ok(Duration::ZERO),
        Scalar::Text(text) => {
            let signed: jiff::SignedDuration = text
                .parse()
                .map_err(|_| Fault::new(format!("\"{text}\" is not a duration"), HINT))?;
            Duration::try_from(signed).map_err(|_| Fault::new(format!("\"{text}\" is negative"), HINT))
        }
    }
}

/// A duration within `low..=high`.
pub(crate) fn duration_within(scalar: &Scalar, low: Duration, high: Duration) -> Result<Duration, Fault> {
    let value = duration(scalar)?;
    if (low..=high).contains(&value) {
        return Ok(value);
    }
    Err(Fault::new(
        format!("{value:?} is out of range"),
        format!("from {low:?} to {high:?}"),
    ))
}

/// Bits per second, as "40Mbit"; units are powers of ten.
pub(crate) fn rate(text: &str) -> Result<u64, Fault> {
    const UNITS: &[(&str, u64)] = &[
        ("Gbit", 1_000_000_000),
        ("Mbit", 1_000_000),
        ("kbit", 1_000),
        ("bit", 1),
    ];
    scaled(text, UNITS).ok_or_else(|| {
        Fault::new(
            format!("\"{text}\" is not a rate"),
            "a number with its unit: \"64kbit\", \"40Mbit\", \"1Gbit\"",
        )
    })
}

/// Bytes, as "64MB" or "64MiB".
pub(crate) fn size(text: &str) -> Result<u64, Fault> {
    const UNITS: &[(&str, u64)] = &[
        ("GiB", 1 << 30),
        ("MiB", 1 << 20),
        ("KiB", 1 << 10),
        ("GB", 1_000_000_000),
        ("MB", 1_000_000),
        ("kB", 1_000),
        ("B", 1),
    ];
    scaled(text, UNITS).ok_or_else(|| {
        Fault::new(
            format!("\"{text}\" is not a size"),
            "a number with its unit: \"512kB\", \"64MB\", \"1GiB\"",
        )
    })
}

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let (digits, scale) = units
        .iter()
        .find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)))?;
    digits.trim_end().parse::<u64>().ok()?.checked_mul(scale)
}

/// An inclusive range of UDP ports, as "20000-39999", with room for at least one even/odd pair.
pub(crate) fn port_range(text: &str) -> Result<(u16, u16), Fault> {
    const HINT: &str = "first and last port: \"20000-39999\"";
    let (low, high) = text
        .split_once('-')
        .ok_or_else(|| Fault::new(format!("\"{text}\" is not a port range"), HINT))?;
    let port = |part: &str| {
        part.trim()
            .parse::<u16>()
            .ok()
            .filter(|port| *port >= 1024)
            .ok_or_else(|| {
                Fault::new(
                    format!("\"{}\" is not a port for media", part.trim()),
                    "ports from 1024 to 65535",
                )
            })
    };
    let (low, high) = (port(low)?, port(high)?);
    if low >= high {
        return Err(Fault::new(format!("the range {low}-{high} is empty"), HINT));
    }
    if !low.is_multiple_of(2) || high.is_multiple_of(2) {
        return Err(Fault::new(
            format!("the range {low}-{high} splits a pair of ports"),
            format!(
                "RTP takes even ports and RTCP the next odd one: \"{}-{}\"",
                low & !1,
                high | 1
            ),
        ));
    }
    Ok((low, high))
}

/// An E.164 number, or the beginning of one, with its leading plus.
fn e164(text: &str) -> Result<String, Fault> {
    let digits = text.strip_prefix('+').unwrap_or_default();
    let is_number =
        !digits.is_empty() && digits.len() <= 15 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && !digits.starts_with('0') {
        return Ok(text.to_owned());
    }
    let hint = if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        format!("E.164 numbers begin with a plus and the country code: \"+{text}\"")
    } else {
        "a plus and 1 to 15 digits, country code first: \"+12025550100\"".to_owned()
    };
    Err(Fault::new(format!("\"{text}\" is not an E.164 number"), hint))
}

/// A whole E.164 number: shorter ones are not dialled in any country.
fn whole_number(text: &str) -> Result<String, Fault> {
    const DIGITS_MIN: usize = 4;
    let number = e164(text.trim())?;
    if number.len() <= DIGITS_MIN {
        return Err(Fault::new(
            format!("\"{number}\" is too short for a number"),
            format!("at least {DIGITS_MIN} digits"),
        ));
    }
    Ok(number)
}

/// One number or an inclusive range of numbers of the same length.
pub(crate) fn number_range(text: &str) -> Result<(String, String), Fault> {
    let Some((low, high)) = text.split_once('-') else {
        let number = whole_number(text)?;
        return Ok((number.clone(), number));
    };
    let (low, high) = (whole_number(low)?, whole_number(high)?);
    if low.len() != high.len() || low > high {
        return Err(Fault::new(
            format!("\"{text}\" is not a range of numbers"),
            "first and last number of the same length: \"+12025550110-+12025550199\"",
        ));
    }
    Ok((low, high))
}

/// A routing prefix: "" for any number, or a plus and the digits that the number begins with.
pub(crate) fn prefix(text: &str) -> Result<String, Fault> {
    if text.is_empty() {
        Ok(String::new())
    } else {
        e164(text)
    }
}

/// A differentiated services code point: a name of RFC 2474, 2597, 3246 or a number up to 63.
pub(crate) fn dscp(scalar: &Scalar) -> Result<u8, Fault> {
    match scalar {
        Scalar::Number(number) => u8::try_from(*number)
            .ok()
            .filter(|value| *value < 64)
            .ok_or_else(|| {
                Fault::new(
                    format!("{number} is not a DSCP"),
                    "0 to 63, or a name such as \"EF\"",
                )
            }),
        Scalar::Text(name) => DSCP_NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                let known: Vec<&str> = DSCP_NAMES.iter().map(|(name, _)| *name).collect();
                Fault::new(format!("\"{name}\" is not a DSCP"), choose(name, &known))
            }),
    }
}

const DSCP_NAMES: &[(&str, u8)] = &[
    ("EF", 46),
    ("CS0", 0),
    ("CS1", 8),
    ("CS2", 16),
    ("CS3", 24),
    ("CS4", 32),
    ("CS5", 40),
    ("CS6", 48),
    ("CS7", 56),
    ("AF11", 10),
    ("AF12", 12),
    ("AF13", 14),
    ("AF21", 18),
    ("AF22", 20),
    ("AF23", 22),
    ("AF31", 26),
    ("AF32", 28),
    ("AF33", 30),
    ("AF41", 34),
    ("AF42", 36),
    ("AF43", 38),
];

/// One of `choices`, by name.
pub(crate) fn one_of<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, Fault> {
    choices
        .iter()
        .find(|(name, _)| *name == text)
        .map(|(_, value)| *value)
        .ok_or_else(|| {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            Fault::new(
                format!("\"{text}\" is not one of the choices"),
                choose(text, &names),
            )
        })
}

/// A whole number within `low..=high`.
pub(crate) fn within(number: i64, low: i64, high: i64) -> Result<i64, Fault> {
    if (low..=high).contains(&number) {
        return Ok(number);
    }
    Err(Fault::new(
        format!("{number} is out of range"),
        format!("from {low} to {high}"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Scalar {
        Scalar::Text(value.to_owned())
    }

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(duration(&text("500ms")), Ok(Duration::from_millis(500)));
        assert_eq!(duration(&text("30s")), Ok(Duration::from_secs(30)));
        assert_eq!(duration(&text("1h")), Ok(Duration::from_secs(3600)));
        assert_eq!(duration(&text("0")), Ok(Duration::ZERO));
        assert_eq!(duration(&Scalar::Number(0)), Ok(Duration::ZERO));
        assert_eq!(
            duration(&Scalar::Number(30)).unwrap_err().hint,
            "write \"30s\" for seconds"
        );
        assert!(duration(&text("-3s")).is_err());
        assert!(duration(&text("soon")).is_err());
    }

    #[test]
    fn rates_and_sizes_scale() {
        assert_eq!(rate("40Mbit"), Ok(40_000_000));
        assert_eq!(rate("64kbit"), Ok(64_000));
        assert!(rate("40").is_err());
        assert!(rate("99999999999999Gbit").is_err());
        assert_eq!(size("64MB"), Ok(64_000_000));
        assert_eq!(size("1GiB"), Ok(1 << 30));
    }

    #[test]
    fn a_media_range_holds_whole_pairs() {
        assert_eq!(port_range("20000-39999"), Ok((20000, 39999)));
        assert!(
            port_range("20001-20002")
                .unwrap_err()
                .hint
                .contains("20000-20003")
        );
        assert!(port_range("100-2001").is_err());
        assert!(port_range("30000-20001").is_err());
        assert!(port_range("20000").is_err());
    }

    #[test]
    fn numbers_are_e164() {
        assert_eq!(
            number_range("+12025550100"),
            Ok(("+12025550100".into(), "+12025550100".into()))
        );
        assert!(number_range("+12025550110-+12025550199").is_ok());
        assert!(number_range("+12025550199-+12025550110").is_err());
        assert!(e164("12025550100").unwrap_err().hint.contains("\"+12025550100\""));
        assert!(e164("+0123").is_err());
        assert_eq!(prefix(""), Ok(String::new()));
    }

    #[test]
    fn markings_have_names_and_numbers() {
        assert_eq!(dscp(&text("EF")), Ok(46));
        assert_eq!(dscp(&text("af41")), Ok(34));
        assert_eq!(dscp(&Scalar::Number(0)), Ok(0));
        assert!(dscp(&Scalar::Number(64)).is_err());
        assert!(dscp(&text("EG")).is_err());
    }
}
