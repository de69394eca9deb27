//! Reads the Prometheus text that the edge shows.

use std::collections::BTreeMap;

/// One scrape.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    samples: Vec<Sample>,
}

/// One line of a scrape.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// The metric's name.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

impl Metrics {
    /// Reads a scrape; comment lines and lines without a number are passed over.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        Self {
            samples: text.lines().filter_map(sample).collect(),
        }
    }

    /// The sum of all samples called `name` whose labels include `labels`.
    #[must_use]
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// All samples called `name` whose labels include `labels`.
    pub fn matching<'a>(
        &'a self,
        name: &'a str,
        labels: &'a [(&str, &str)],
    ) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|found| found == value))
        })
    }

    /// The samples that are not zero, one a line: what a failing test shows.
    #[must_use]
    pub fn moved(&self) -> String {
        let of_interest = |sample: &&Sample| sample.value != 0.0 && !sample.name.ends_with("_bucket");
        self.samples
            .iter()
            .filter(of_interest)
            .fold(String::new(), |text, sample| {
                text + &format!("{}{:?} {}\n", sample.name, sample.labels, sample.value)
            })
    }
}

fn sample(line: &str) -> Option<Sample> {
    if line.starts_with('#') {
        return None;
    }
    let (series, value) = line.trim_end().rsplit_once(' ')?;
    let value = value.parse().ok()?;
    let Some((name, labels)) = series.split_once('{') else {
        return Some(Sample {
            name: series.to_owned(),
            labels: BTreeMap::new(),
            value,
        });
    };
    let labels = labels.strip_suffix('}')?;
    let labels = labels.split("\",").filter_map(|label| {
        let (key, value) = label.split_once("=\"")?;
        Some((key.to_owned(), value.trim_end_matches('"').to_owned()))
    });
    Some(Sample {
        name: name.to_owned(),
        labels: labels.collect(),
        value,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_choose_samples() {
        let metrics = Metrics::parse(
            "# HELP a b\na{x=\"1\",y=\"two words\"} 3\na{x=\"2\",y=\"z\"} 4\nb 0.5\nbroken\nc{} 1\n",
        );
        assert_eq!(metrics.sum("a", &[]), 7.0);
        assert_eq!(metrics.sum("a", &[("x", "2")]), 4.0);
        assert_eq!(metrics.sum("a", &[("y", "two words")]), 3.0);
        assert_eq!(metrics.sum("b", &[]), 0.5);
        assert_eq!(metrics.sum("absent", &[]), 0.0);
        assert_eq!(metrics.sum("c", &[]), 1.0);
    }
}
