//! Metric families made of plain numbers, as the text of Prometheus.

use prometheus::{
    TextEncoder,
    proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType},
};

/// The families of one scrape. One without a sample is left out: its text would be no help to anybody.
#[derive(Debug, Default)]
pub(crate) struct Families(Vec<MetricFamily>);

/// One family while its samples are added.
#[derive(Debug)]
pub(crate) struct Family<'f> {
    samples: &'f mut MetricFamily,
    kind: MetricType,
}

impl Families {
    /// A counter: it only ever rises.
    pub(crate) fn counter(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::COUNTER)
    }

    /// A gauge: it rises and falls.
    pub(crate) fn gauge(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::GAUGE)
    }

    /// A histogram of seconds.
    pub(crate) fn histogram(&mut self, name: &str, help: &str) -> Family<'_> {
        self.family(name, help, MetricType::HISTOGRAM)
    }

    fn family(&mut self, name: &str, help: &str, kind: MetricType) -> Family<'_> {
        let mut family = MetricFamily::default();
        family.set_name(format!("trunkline_{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        self.0.push(family);
        let samples = self.0.last_mut().expect("one was just pushed");
        Family { samples, kind }
    }

    /// The text of all families.
    pub(crate) fn render(mut self) -> String {
        self.0.retain(|family| !family.get_metric().is_empty());
        let mut text = String::new();
        if TextEncoder::new().encode_utf8(&self.0, &mut text).is_err() {
            // Only a family without name or samples is refused, and there is none.
            text.clear();
        }
        text
    }
}

impl Family<'_> {
    /// Adds one sample.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: f64) {
        let mut metric = Metric::from_label(label_pairs(labels));
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        self.samples.mut_metric().push(metric);
    }

    /// Adds a sample of a histogram of nanoseconds, shown in seconds with these upper bounds.
    pub(crate) fn durations(
        &mut self,
        labels: &[(&str, &str)],
        histogram: &hdrhistogram::Histogram<u64>,
        bounds: &[f64],
    ) {
        let mut counts = vec![0_u64; bounds.len()];
        let mut sum = 0.0;
        for value in histogram.iter_recorded() {
            let seconds = value.value_iterated_to() as f64 / 1e9;
            let count = value.count_since_last_iteration();
            sum += seconds * count as f64;
            // A recorded value is known to the precision of its histogram only; its bucket is the one of its upper end.
            if let Some(place) = bounds.iter().position(|bound| seconds <= *bound) {
                counts[place] += count;
            }
        }
        let mut below = 0;
        let buckets = counts.iter().zip(bounds).map(|(count, bound)| {
            below += count;
            let mut bucket = Bucket::default();
            bucket.set_cumulative_count(below);
            bucket.set_upper_bound(*bound);
            bucket
        });
        let mut sample = Histogram::default();
        sample.set_bucket(buckets.collect());
        sample.set_sample_count(histogram.len());
        sample.set_sample_sum(sum);
        let mut metric = Metric::from_label(label_pairs(labels));
        metric.set_histogram(sample);
        self.samples.mut_metric().push(metric);
    }
}

fn label_pairs(labels: &[(&str, &str)]) -> Vec<LabelPair> {
    let pair = |(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    };
    labels.iter().map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_carry_help_and_type() {
        let mut families = Families::default();
        let mut family = families.counter("drops_total", "Frames dropped.");
        family.sample(&[("reason", "a \"b\"")], 3.0);
        families.gauge("empty", "Nothing.");
        assert_eq!(
            families.render(),
            "# HELP trunkline_drops_total Frames dropped.\n# TYPE trunkline_drops_total counter\n\
             trunkline_drops_total{reason=\"a \\\"b\\\"\"} 3\n"
        );
    }

    #[test]
    fn histograms_are_cumulative_and_in_seconds() {
        let mut histogram = hdrhistogram::Histogram::new_with_bounds(1_000, 60_000_000_000, 2).unwrap();
        for nanoseconds in [2_000, 2_000, 5_000_000_000] {
            histogram.record(nanoseconds).unwrap();
        }
        let mut families = Families::default();
        families
            .histogram("x_seconds", "X.")
            .durations(&[], &histogram, &[0.000_005, 1.0]);
        let text = families.render();
        assert!(
            text.contains("trunkline_x_seconds_bucket{le=\"0.000005\"} 2\n"),
            "{text}"
        );
        assert!(
            text.contains("trunkline_x_seconds_bucket{le=\"1\"} 2\n"),
            "{text}"
        );
        assert!(
            text.contains("trunkline_x_seconds_bucket{le=\"+Inf\"} 3\n"),
            "{text}"
        );
        assert!(text.contains("trunkline_x_seconds_count 3\n"), "{text}");
    }
}
