//! What a run counted: completed operations with their latencies, errors by kind. It must not decide when a run ends; see [`crate::run`].

use std::collections::BTreeMap;
use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};

use crate::failure::Failure;

/// The percentiles of a result, as they are written and as quantiles.
const PERCENTILES: [(&str, f64); 7] =
    [("50", 0.5), ("75", 0.75), ("90", 0.9), ("95", 0.95), ("99", 0.99), ("99.9", 0.999), ("99.99", 0.9999)];

/// Twice the longest an operation may take.
const LATENCY_NS_MAX: u64 = 20_000_000_000;

/// The figures of one run.
pub struct Tally {
    completed: u64,
    bytes: u64,
    errors: BTreeMap<String, u64>,
    latencies_ns: Histogram<u64>,
}

impl Tally {
    /// Nothing yet.
    #[expect(clippy::expect_used, reason = "bounds and figures are constants the histogram takes; every test goes through here")]
    pub fn new() -> Self {
        let latencies_ns = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3).expect("a histogram of three significant figures");
        Self { completed: 0, bytes: 0, errors: BTreeMap::new(), latencies_ns }
    }

    /// An operation that did what it should.
    pub fn complete(&mut self, bytes: u64, latency: Duration) {
        self.completed += 1;
        self.bytes += bytes;
        self.latencies_ns.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    /// An operation that did not.
    pub fn fail(&mut self, failure: Failure) {
        *self.errors.entry(failure.to_string()).or_default() += 1;
    }

    /// How many completed.
    pub fn completed(&self) -> u64 {
        self.completed
    }

    /// How many failed.
    pub fn errors(&self) -> u64 {
        self.errors.values().sum()
    }

    /// How many failed, by kind.
    pub fn error_kinds(&self) -> &BTreeMap<String, u64> {
        &self.errors
    }

    /// The result: latencies in microseconds, `null` where nothing completed.
    pub fn report(&self, took: Duration) -> Value {
        let latencies: Map<String, Value> =
            PERCENTILES.iter().map(|(name, quantile)| ((*name).to_owned(), json!(self.latency_us(*quantile)))).collect();
        json!({
            "completed": self.completed,
            "errors": self.errors(),
            "error_kinds": self.errors,
            "seconds": took.as_secs_f64(),
            "latency_us": latencies,
            "bytes": self.bytes,
        })
    }

    fn latency_us(&self, quantile: f64) -> Option<f64> {
        // A tenth of a microsecond is as fine as the figure is.
        (self.completed > 0).then(|| (self.latencies_ns.value_at_quantile(quantile) / 100) as f64 / 10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_in_microseconds() {
        let mut tally = Tally::new();
        for us in 1..=10_000 {
            tally.complete(2, Duration::from_micros(us));
        }
        let report = tally.report(Duration::from_secs(2));
        for (percentile, us) in [("50", 5_000.0), ("99", 9_900.0), ("99.9", 9_990.0), ("99.99", 9_999.0)] {
            let found = report["latency_us"][percentile].as_f64().unwrap();
            assert!((found - us).abs() < us / 500.0, "{percentile}: {found}");
        }
        assert_eq!(report["completed"], 10_000);
        assert_eq!(report["bytes"], 20_000);
        assert_eq!(report["seconds"], 2.0);
    }

    #[test]
    fn errors_are_counted_by_kind() {
        let mut tally = Tally::new();
        for failure in [Failure::Deadline, Failure::Status(502), Failure::Status(502)] {
            tally.fail(failure);
        }
        let report = tally.report(Duration::from_secs(1));
        assert_eq!(report["errors"], 3);
        assert_eq!(report["error_kinds"], json!({"deadline": 1, "status 502": 2}));
        assert_eq!(report["latency_us"]["50"], Value::Null);
    }
}
