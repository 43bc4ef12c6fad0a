//! Counters for `/metrics`, in the Prometheus text format.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::catalog::ModelCatalog;

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct EngineLabels {
    model: String,
    what: &'static str,
}

type RouteSeconds = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// The counters that requests move; engines are read when `/metrics` is asked for.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    seconds: RouteSeconds,
    engine: Family<EngineLabels, Gauge<u64, AtomicU64>>,
    /// Decoder processes that died or were stopped for taking too long.
    pub decoder_deaths: Arc<Counter>,
}

impl Metrics {
    /// All counters at zero.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("onespace");
        let requests = Family::default();
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let seconds = RouteSeconds::new_with_constructor(buckets);
        let engine = Family::default();
        let deaths = Counter::default();
        registry.register("requests", "Requests by route and status", requests.clone());
        registry.register("request_seconds", "Time to answer by route", seconds.clone());
        registry.register("engine", "What each model's engine did and holds", engine.clone());
        registry.register("decoder_deaths", "Decoders that died or overran", deaths.clone());
        Self { registry, requests, seconds, engine, decoder_deaths: Arc::new(deaths) }
    }

    /// Counts one answered request.
    pub fn observe_request(&self, route: &str, status: u16, seconds: f64) {
        let route = route.to_owned();
        self.requests.get_or_create(&RequestLabels { route: route.clone(), status }).inc();
        self.seconds.get_or_create(&RouteLabels { route }).observe(seconds);
    }

    /// The text that a Prometheus server reads.
    #[must_use]
    pub fn render(&self, models: &ModelCatalog) -> String {
        for engine in models.engines() {
            let counts = engine.counts();
            let rows = [
                ("embedded", counts.embedded),
                ("batches", counts.batches),
                ("refused", counts.refused),
                ("dropped", counts.dropped),
                ("failed", counts.failed),
                ("waiting", counts.waiting),
                ("pictures_found", counts.pictures_found),
                ("pictures_read", counts.pictures_read),
                ("picture_bytes", counts.picture_bytes),
            ];
            for (what, value) in rows {
                let model = engine.model().description().name.clone();
                self.engine.get_or_create(&EngineLabels { model, what }).set(value);
            }
        }
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _infallible = encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}
