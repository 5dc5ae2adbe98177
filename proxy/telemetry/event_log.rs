//! The event log: what `tracing` and `log` say, to stderr, through a thread of its own.
//!
//! On a terminal it is text; else it is JSON, one object a line, so that what collects a container's lines reads them like
//! those of the access log. The keys are those of the access log where they mean the same: `ts`, `msg`.
//! What a line looks like is `event.rs`.

use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::SystemTime;

use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, registry};

use super::background::{Background, Chunk, Feed, Report};
use super::event::EventFormat;
use crate::config::LogLevel;

/// The target of lines that processes write. They are what the operator wants to see, not what Transom has to say, so
/// they are shown at every level.
pub const OUTPUT_TARGET: &str = "process";

/// Bytes of lines that wait for a slow stderr; what comes then is dropped and counted.
const QUEUE_BYTES_MAX: usize = 1024 * 1024;

/// The running event log; it has to live as long as something is to be logged.
pub struct EventLog {
    background: Background,
}

impl EventLog {
    /// Makes stderr the place of all events of the program from `level` up; those of libraries only when they are errors, unless
    /// `level` is `debug` or `trace`.
    ///
    /// # Errors
    /// The program has an event log already, or no thread can be started.
    pub fn start(level: LogLevel, format: EventFormat) -> io::Result<Self> {
        let stderr = File::from(io::stderr().as_fd().try_clone_to_owned()?);
        let (log, subscriber) = Self::to(stderr, level, format)?;
        subscriber.try_init().map_err(io::Error::other)?;
        Ok(log)
    }

    fn to(target: File, level: LogLevel, format: EventFormat) -> io::Result<(Self, impl Subscriber + Send + Sync)> {
        let background = Background::start("event-log", target, QUEUE_BYTES_MAX, |report| match report {
            Report::Lost(lines) => tracing::warn!(lines, "event log: lines were dropped, stderr was too slow"),
            Report::Failing(error) => tracing::warn!(error, "event log: cannot write"),
        })?;
        let subscriber = registry().with(filter(level)).with(Lines { format, feed: background.feed() });
        Ok((Self { background }, subscriber))
    }

    /// Writes what is queued and ends the thread, waiting for a slow stderr no longer than [`super::CLOSE_PATIENCE`]. Dropping
    /// does the same; events that come later are lost.
    pub fn close(self) {
        self.background.close(super::CLOSE_PATIENCE);
    }
}

impl EventFormat {
    /// Text on a terminal, coloured unless `no_color` has a value (the variable `NO_COLOR`, see no-color.org); else JSON.
    pub fn for_stderr(no_color: Option<&str>) -> Self {
        match (io::stderr().is_terminal(), no_color.unwrap_or_default()) {
            (false, _) => Self::Json,
            (true, "") => Self::ColouredText,
            (true, _) => Self::Text,
        }
    }
}

/// Which events are shown. Libraries tell at `info` what only their authors need (Pingora each connection), and at `warn` what any stranger can cause
/// as often as he likes (rustls each handshake with an IP address for a name).
fn filter(level: LogLevel) -> Targets {
    let (ours, libraries) = match level {
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
        LogLevel::Warn => (LevelFilter::WARN, LevelFilter::ERROR),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::ERROR),
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::DEBUG),
        LogLevel::Trace => (LevelFilter::TRACE, LevelFilter::TRACE),
    };
    Targets::new().with_default(libraries).with_target("transom", ours).with_target(OUTPUT_TARGET, ours.max(LevelFilter::INFO))
}

/// Turns each event into a line and queues it.
struct Lines {
    format: EventFormat,
    feed: Feed,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Vec::with_capacity(256);
        self.format.write(&mut text, event, SystemTime::now());
        if let Err(chunk) = self.feed.offer(Chunk { text, lines: 1 }) {
            self.feed.lose(chunk.lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    fn logged(level: LogLevel, emit: impl FnOnce()) -> String {
        let (mut reader, writer) = io::pipe().unwrap();
        let (log, subscriber) = EventLog::to(File::from(std::os::fd::OwnedFd::from(writer)), level, EventFormat::Text).unwrap();
        tracing::subscriber::with_default(subscriber, emit);
        log.close();
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        text
    }

    fn emit_all() {
        tracing::error!("our error");
        tracing::info!("our info");
        tracing::debug!("our debug");
        tracing::info!(target: "h2::server", "their info");
        tracing::warn!(target: "h2::server", "their warning");
        tracing::info!(target: OUTPUT_TARGET, process = "api", stream = "stdout", "a line");
    }

    fn messages(level: LogLevel) -> Vec<&'static str> {
        let text = logged(level, emit_all);
        let all = ["our error", "our info", "our debug", "their info", "their warning", "a line"];
        all.into_iter().filter(|message| text.contains(message)).collect()
    }

    #[test]
    fn what_strangers_can_make_libraries_say_is_not_heard_and_processes_always_are() {
        assert_eq!(messages(LogLevel::Error), ["our error", "a line"]);
        assert_eq!(messages(LogLevel::Info), ["our error", "our info", "a line"]);
        assert_eq!(messages(LogLevel::Debug).len(), 6);
    }

    #[test]
    fn closing_writes_every_line() {
        let text = logged(LogLevel::Info, || (0..500).for_each(|number| tracing::info!(number, "line")));
        assert_eq!(text.lines().count(), 500);
        assert!(text.ends_with("number=499\n"));
    }

    #[test]
    fn errors_of_the_log_crate_arrive_under_their_own_name() {
        // In a program of its own: a program has one event log.
        let arguments = ["--exact", "telemetry::event_log::tests::inner", "--ignored", "--nocapture"];
        let output = std::process::Command::new(std::env::current_exe().unwrap()).args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}");
        let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let shown =
            |line: &serde_json::Value| [&line["level"], &line["target"], &line["msg"]].map(|value| value.as_str().unwrap().to_owned());
        assert_eq!(
            lines.iter().map(shown).collect::<Vec<_>>(),
            [["error", "pingora_core::connectors", "their error"], ["info", "transom::telemetry::event_log::tests", "our info"]]
        );
        assert_eq!(lines[0].as_object().unwrap().len(), 4, "no more than it says: {}", lines[0]);
    }

    #[test]
    #[ignore = "started by the test above"]
    fn inner() {
        let log = EventLog::start(LogLevel::Info, EventFormat::for_stderr(None)).unwrap();
        log::error!(target: "pingora_core::connectors", "their {}", "error");
        log::info!(target: "pingora_core::connectors", "their info");
        tracing::info!("our info");
        assert!(EventLog::start(LogLevel::Info, EventFormat::Json).is_err(), "a program has one event log");
        log.close();
    }
}
