//! One event of `tracing` or `log` as one line: text for a person at a terminal, JSON for everything that collects lines.
//!
//! Where the lines go and which events there are is `event_log.rs`.

use std::fmt::{Debug, Write as _};
use std::time::SystemTime;

use tracing::field::{Field, Visit};
use tracing::{Event, Level};

use super::event_log::OUTPUT_TARGET;
use super::text;
use super::timestamp::Timestamps;

/// What a line of the event log looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventFormat {
    /// `2026-11-21T10:00:00.123Z INFO  listening address=0.0.0.0:8080`.
    Text,
    /// The same with a coloured level.
    ColouredText,
    /// `{"ts":"2026-11-21T10:00:00.123Z","level":"info","target":"transom::run","msg":"listening","address":"0.0.0.0:8080"}`.
    Json,
}

impl EventFormat {
    /// Appends the event as one line with its line end.
    pub(super) fn write(self, out: &mut Vec<u8>, event: &Event<'_>, now: SystemTime) {
        let mut fields = Fields { form: self, ..Fields::default() };
        event.record(&mut fields);
        // Events of the `log` crate all have the target "log" and bring their own as a field.
        let target = fields.log_target.as_deref().unwrap_or(event.metadata().target());
        match self {
            Self::Json => {
                out.extend_from_slice(b"{\"ts\":\"");
                Timestamps::default().rfc3339(out, now);
                out.extend_from_slice(b"\",\"level\":\"");
                out.extend_from_slice(level_name(*event.metadata().level()).to_ascii_lowercase().trim_ascii_end().as_bytes());
                out.extend_from_slice(b"\",\"target\":");
                text::json(out, target.as_bytes());
                out.extend_from_slice(b",\"msg\":");
                text::json(out, fields.message.as_bytes());
                out.extend_from_slice(&fields.others);
                out.push(b'}');
            }
            Self::Text | Self::ColouredText => {
                Timestamps::default().rfc3339(out, now);
                out.push(b' ');
                self.write_level(out, *event.metadata().level());
                out.push(b' ');
                // Our own lines need no name; those of a library, or of a process, do.
                if target == OUTPUT_TARGET {
                    text::plain(out, &format!("[{} {}] ", fields.process, fields.stream));
                } else if !target.starts_with("transom") {
                    text::plain(out, &format!("{target}: "));
                }
                text::plain(out, &fields.message);
                if target != OUTPUT_TARGET {
                    out.extend_from_slice(&fields.others);
                }
            }
        }
        out.push(b'\n');
    }

    fn write_level(self, out: &mut Vec<u8>, level: Level) {
        let name = level_name(level).as_bytes();
        if self != Self::ColouredText {
            return out.extend_from_slice(name);
        }
        out.extend_from_slice(match level {
            Level::ERROR => b"\x1b[31m",
            Level::WARN => b"\x1b[33m",
            Level::INFO => b"\x1b[32m",
            _ => b"\x1b[34m",
        });
        out.extend_from_slice(name);
        out.extend_from_slice(b"\x1b[0m");
    }
}

fn level_name(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => "WARN ",
        Level::INFO => "INFO ",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

/// The fields of one event.
struct Fields {
    form: EventFormat,
    message: String,
    log_target: Option<String>,
    process: String,
    stream: String,
    /// All others, written already.
    others: Vec<u8>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            form: EventFormat::Json,
            message: String::new(),
            log_target: None,
            process: String::new(),
            stream: String::new(),
            others: Vec::new(),
        }
    }
}

impl Fields {
    fn key(&mut self, field: &Field) {
        match self.form {
            EventFormat::Json => {
                self.others.push(b',');
                text::json(&mut self.others, field.name().as_bytes());
                self.others.push(b':');
            }
            EventFormat::Text | EventFormat::ColouredText => {
                self.others.push(b' ');
                text::plain(&mut self.others, field.name());
                self.others.push(b'=');
            }
        }
    }

    /// A value that needs no quotes in either form.
    fn bare(&mut self, field: &Field, value: &str) {
        self.key(field);
        self.others.extend_from_slice(value.as_bytes());
    }

    fn text(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => return self.message.push_str(value),
            "log.target" => return self.log_target = Some(value.to_owned()),
            // Module, file and line of an event of the `log` crate.
            name if name.starts_with("log.") => return,
            "process" => self.process.push_str(value),
            "stream" => self.stream.push_str(value),
            _ => {}
        }
        self.key(field);
        let bare = !value.is_empty() && !value.contains(|c: char| c.is_whitespace() || c.is_control() || c == '"');
        match self.form {
            EventFormat::Text | EventFormat::ColouredText if bare => text::plain(&mut self.others, value),
            _ => text::json(&mut self.others, value.as_bytes()),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut shown = String::new();
        // Writing to a String fails only when the value's own Debug does; then what it wrote is shown.
        let _ = write!(shown, "{value:?}");
        self.text(field, &shown);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.bare(field, &value.to_string());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if !field.name().starts_with("log.") {
            self.bare(field, &value.to_string());
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.bare(field, if value { "true" } else { "false" });
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is not finite (RFC 8259 §6).
        if value.is_finite() { self.bare(field, &value.to_string()) } else { self.text(field, &value.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::time::{Duration, UNIX_EPOCH};

    use tracing_subscriber::layer::{Context, SubscriberExt};
    use tracing_subscriber::{Layer, registry};

    use super::*;

    struct Lines(EventFormat, Arc<Mutex<Vec<u8>>>);

    impl<S: tracing::Subscriber> Layer<S> for Lines {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            self.0.write(&mut self.1.lock().unwrap(), event, UNIX_EPOCH + Duration::from_millis(1_700_000_000_042));
        }
    }

    fn lines(format: EventFormat, emit: impl FnOnce()) -> String {
        let written = Arc::new(Mutex::default());
        tracing::subscriber::with_default(registry().with(Lines(format, Arc::clone(&written))), emit);
        let bytes = written.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn an_event_is_this_line() {
        let emit = || tracing::warn!(address = %"[::]:80", code = 7, why = "in use", "cannot listen\non {}", "it");
        assert_eq!(
            lines(EventFormat::Text, emit),
            "2023-11-14T22:13:20.042Z WARN  cannot listen\\non it address=[::]:80 code=7 why=\"in use\"\n"
        );
        let json = concat!(
            r#"{"ts":"2023-11-14T22:13:20.042Z","level":"warn","target":"transom::telemetry::event::tests","#,
            r#""msg":"cannot listen\non it","address":"[::]:80","code":7,"why":"in use"}"#,
            "\n"
        );
        assert_eq!(lines(EventFormat::Json, emit), json);
        assert!(lines(EventFormat::ColouredText, emit).contains(" \x1b[33mWARN \x1b[0m cannot"));
    }

    #[test]
    fn output_of_a_process_shows_its_name_and_stream_before_the_line() {
        let emit = || tracing::info!(target: OUTPUT_TARGET, process = "api", stream = "stderr", "Error: \x1b[31mno\x1b[0m");
        assert_eq!(lines(EventFormat::Text, emit), "2023-11-14T22:13:20.042Z INFO  [api stderr] Error: \\u001b[31mno\\u001b[0m\n");
        let parsed: serde_json::Value = serde_json::from_str(&lines(EventFormat::Json, emit)).unwrap();
        assert_eq!(parsed["process"], "api");
        assert_eq!(parsed["stream"], "stderr");
        assert_eq!(parsed["msg"], "Error: \x1b[31mno\x1b[0m");
    }

    #[test]
    fn a_library_is_named() {
        let emit = || tracing::warn!(target: "pingora_core::connectors", "slow");
        assert_eq!(lines(EventFormat::Text, emit), "2023-11-14T22:13:20.042Z WARN  pingora_core::connectors: slow\n");
    }

    proptest::proptest! {
        #[test]
        fn any_event_is_one_line_that_parses(message: String, value: String, number: f64) {
            let text = lines(EventFormat::Json, || tracing::info!(value, number, debug = ?value, "{message}"));
            let parsed: serde_json::Value = serde_json::from_str(&text).unwrap();
            proptest::prop_assert_eq!(parsed["msg"].as_str(), Some(&*message));
            for format in [EventFormat::Json, EventFormat::Text] {
                let text = lines(format, || tracing::info!(value, number, "{message}"));
                proptest::prop_assert_eq!(text.lines().count(), 1);
                proptest::prop_assert!(!text.trim_end_matches('\n').contains(|c: char| c.is_control() && c != '\t'));
            }
        }
    }
}
