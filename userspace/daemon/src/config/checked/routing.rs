//! Numbers of the enterprise side and routes to the carriers.

use toml::Spanned;
use trunkline_call::plan::{Did, FailoverOn, NumberRange, Route, RouteTrunk, Strategy, TrunkId};

use crate::config::{
    checked::{choice, number},
    file,
    problem::{Fault, Problems, choose},
    quantity,
    section::{Scalar, Text},
};

/// The names of all trunks of the file, also of broken ones, in file order.
pub(super) struct TrunkNames<'f>(Vec<&'f str>);

impl<'f> TrunkNames<'f> {
    pub(super) fn new(trunks: &'f [file::Trunk]) -> Self {
        Self(
            trunks
                .iter()
                .map(|trunk| trunk.name.as_ref().map_or("", |name| name.get_ref().as_str()))
                .collect(),
        )
    }

    fn find(&self, name: &Text, problems: &mut Problems<'_>) -> Option<TrunkId> {
        let place = self.0.iter().position(|known| known == name.get_ref());
        if place.is_none() {
            problems.error(
                &name.span(),
                format!("there is no trunk \"{}\"", name.get_ref()),
                choose(name.get_ref(), &self.0),
            );
        }
        place.map(|index| index as TrunkId)
    }
}

pub(super) fn check_dids(
    dids: &[file::Did],
    names: &TrunkNames<'_>,
    problems: &mut Problems<'_>,
) -> Vec<Did> {
    let mut seen: Vec<NumberRange> = Vec::new();
    let mut checked = Vec::with_capacity(dids.len());
    for raw in dids {
        let mut numbers = Vec::with_capacity(raw.numbers.len());
        for text in &raw.numbers {
            let Some((low, high)) = problems.keep(&text.span(), quantity::number_range(text.get_ref()))
            else {
                continue;
            };
            let range = NumberRange { low, high };
            if let Some(other) = seen.iter().find(|other| overlaps(other, &range)) {
                problems.error(
                    &text.span(),
                    format!("\"{}\" overlaps \"{}\"", text.get_ref(), written(other)),
                    "a number belongs to one trunk",
                );
            }
            seen.push(range.clone());
            numbers.push(range);
        }
        let trunk = raw.trunk.as_ref().and_then(|name| names.find(name, problems));
        checked.push(Did {
            numbers,
            trunk: trunk.unwrap_or_default(),
        });
    }
    checked
}

pub(super) fn check_routes(
    routes: &[file::Route],
    names: &TrunkNames<'_>,
    problems: &mut Problems<'_>,
) -> Vec<Route> {
    let mut checked = Vec::with_capacity(routes.len());
    let mut seen: Vec<(TrunkId, String)> = Vec::new();
    for raw in routes {
        let from: Vec<TrunkId> = raw
            .from
            .iter()
            .filter_map(|name| names.find(name, problems))
            .collect();
        let mut prefixes = Vec::with_capacity(raw.prefixes.len());
        for text in &raw.prefixes {
            let Some(prefix) = problems.keep(&text.span(), quantity::prefix(text.get_ref())) else {
                continue;
            };
            if from
                .iter()
                .any(|source| seen.contains(&(*source, prefix.clone())))
            {
                problems.warning(
                    &text.span(),
                    format!("prefix \"{prefix}\" already has a route from the same trunk"),
                    "the first one in the file is used; give it more trunks instead",
                );
            }
            seen.extend(from.iter().map(|source| (*source, prefix.clone())));
            prefixes.push(prefix);
        }
        checked.push(check_route(raw, from, prefixes, names, problems));
    }
    checked
}

fn check_route(
    raw: &file::Route,
    from: Vec<TrunkId>,
    prefixes: Vec<String>,
    names: &TrunkNames<'_>,
    problems: &mut Problems<'_>,
) -> Route {
    let strategies = [
        ("priority", Strategy::Priority),
        ("weight", Strategy::Weight),
        ("least-cost", Strategy::LeastCost),
    ];
    let strategy = choice(raw.strategy.as_ref(), &strategies, Strategy::Priority, problems);
    let mut trunks: Vec<RouteTrunk> = Vec::with_capacity(raw.trunks.len());
    for element in &raw.trunks {
        let Some(trunk) = names.find(&element.name, problems) else {
            continue;
        };
        if trunks.iter().any(|known| known.trunk == trunk) {
            problems.error(
                &element.name.span(),
                format!("trunk \"{}\" is listed twice", element.name.get_ref()),
                "",
            );
        }
        let price_micros = element
            .price
            .as_ref()
            .and_then(|price| problems.keep(&price.span(), price_micros(price.get_ref())));
        let weight = number(element.weight.as_ref(), 1, 65_535, 1, problems) as u32;
        trunks.push(RouteTrunk {
            trunk,
            weight,
            price_micros,
        });
    }
    if strategy == Strategy::LeastCost && raw.trunks.iter().all(|element| element.price.is_none()) {
        let at = raw
            .strategy
            .as_ref()
            .map_or_else(|| raw.span.clone(), Spanned::span);
        problems.error(
            &at,
            "no trunk of this route has a price",
            "trunks = [{ name = \"carrier-a\", price = 0.0042 }, ..]",
        );
    }
    let failover_on = raw
        .failover_on
        .as_ref()
        .map_or_else(FailoverOn::default, |list| check_failover(list, problems));
    Route {
        from,
        prefixes,
        trunks,
        strategy,
        failover_on,
    }
}

fn check_failover(list: &[Spanned<Scalar>], problems: &mut Problems<'_>) -> FailoverOn {
    const HINT: &str = "status codes from 300 to 699, and \"timeout\"";
    let mut failover = FailoverOn {
        codes: Vec::new(),
        timeout: false,
    };
    for value in list {
        match value.get_ref() {
            Scalar::Number(code @ 300..=699) => failover.codes.push(*code as u16),
            Scalar::Text(word) if word == "timeout" => failover.timeout = true,
            Scalar::Number(code) => {
                problems.error(&value.span(), format!("a call cannot fail over on {code}"), HINT);
            }
            Scalar::Text(word) => problems.error(
                &value.span(),
                format!("a call cannot fail over on \"{word}\""),
                HINT,
            ),
        }
    }
    failover
}

/// A price per minute in millionths of the currency unit.
fn price_micros(text: &str) -> Result<u64, Fault> {
    let fault = || {
        Fault::new(
            format!("\"{text}\" is not a price"),
            "currency units per minute, at most six decimals: 0.0042",
        )
    };
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let is_digits = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 6 || !is_digits(whole) || !is_digits(part) {
        return Err(fault());
    }
    let whole: u64 = whole.parse().map_err(|_| fault())?;
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| fault())?;
    whole
        .checked_mul(1_000_000)
        .and_then(|micros| micros.checked_add(part))
        .ok_or_else(fault)
}

fn overlaps(one: &NumberRange, other: &NumberRange) -> bool {
    one.low.len() == other.low.len() && one.low <= other.high && other.low <= one.high
}

fn written(range: &NumberRange) -> String {
    if range.low == range.high {
        range.low.clone()
    } else {
        format!("{}-{}", range.low, range.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_exact() {
        assert_eq!(price_micros("0.0042"), Ok(4_200));
        assert_eq!(price_micros("1"), Ok(1_000_000));
        assert!(price_micros("0.0000001").is_err());
        assert!(price_micros("-1").is_err());
        assert!(price_micros("inf").is_err());
    }
}
