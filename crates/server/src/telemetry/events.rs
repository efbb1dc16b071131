//! Events of `tracing`, from our crates and from those that we use, on the same way to the same log.

use super::{Level, Line, Telemetry};
use std::{fmt, sync::Arc};
use tracing::{Event, Subscriber, field::Field, level_filters::LevelFilter};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

/// Makes `telemetry` the place where this process's events of warning and above are written.
pub(super) fn install(telemetry: Arc<Telemetry>) {
    let layer = Log(telemetry).with_filter(LevelFilter::WARN);
    // A process has one subscriber; where somebody set one already, theirs stays.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(layer));
}

struct Log(Arc<Telemetry>);

impl<S: Subscriber> Layer<S> for Log {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let level = match *event.metadata().level() {
            tracing::Level::ERROR => Level::Error,
            tracing::Level::WARN => Level::Warn,
            tracing::Level::INFO => Level::Info,
            _ => Level::Debug,
        };
        let line = Line::new(self.0.format, self.0.clock.now(), level, "server").field("source", event.metadata().target());
        let mut fields = Fields(Some(line));
        event.record(&mut fields);
        if let Some(line) = fields.0 {
            self.0.write(line);
        }
    }
}

/// Appends each field to the line.
struct Fields(Option<Line>);

impl tracing::field::Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 = self.0.take().map(|line| line.field(field.name(), value));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0 = self.0.take().map(|line| line.number(field.name(), value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}
