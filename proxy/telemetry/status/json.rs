//! The facts as JSON. Fields may come; those that are there keep their names and meanings.

use std::time::SystemTime;

use super::{ProcessStatus, Status};
use crate::standing::{ServerStatus, UpstreamStatus, Waiting};
use crate::telemetry::text;
use crate::telemetry::timestamp::Timestamps;

impl Status {
    /// The text, with a line end.
    pub fn json(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.object(|writer| {
            writer.text("version", self.version);
            writer.time("now", Some(self.now));
            writer.time("started", Some(self.started));
            writer.number("uptime_seconds", self.now.duration_since(self.started).unwrap_or_default().as_secs());
            writer.truth("ready", self.not_ready().is_none());
            writer.text_or_null("not_ready", self.not_ready().as_deref());
            writer.key("clients");
            writer.object(|writer| {
                writer.number("connections", self.traffic.connections);
                writer.number("connections_total", self.traffic.accepted);
                writer.counts("requests_total", &self.traffic.requests);
            });
            writer.list("upstreams", &self.upstreams, upstream);
            writer.list("processes", &self.processes, process);
        });
        writer.out.push(b'\n');
        writer.out
    }
}

fn upstream(writer: &mut Writer, upstream: &UpstreamStatus) {
    writer.text("name", &upstream.name);
    writer.key("held");
    waiting(writer, upstream.held);
    writer.key("queued");
    match upstream.queued {
        Some(queued) => waiting(writer, queued),
        None => writer.null(),
    }
    writer.list("servers", &upstream.servers, server);
}

fn waiting(writer: &mut Writer, waiting: Waiting) {
    writer.object(|writer| {
        writer.number("now", waiting.now);
        writer.number("total", waiting.begun);
        writer.number("timed_out", waiting.timed_out);
        writer.number("refused", waiting.refused);
    });
}

fn server(writer: &mut Writer, server: &ServerStatus) {
    writer.text("server", &server.url);
    writer.text("state", server.state.name());
    writer.truth("up", server.state.is_up());
    writer.truth("usable", server.is_usable);
    writer.time("since", server.since);
    writer.time("left_alone_until", server.left_alone_until);
    writer.time("checked_at", server.checked_at);
    writer.number("failures_in_a_row", u64::from(server.failures));
    writer.key("last_failure");
    match &server.last_failure {
        Some((at, cause)) => writer.object(|writer| {
            writer.time("at", Some(*at));
            writer.text("cause", cause);
        }),
        None => writer.null(),
    }
    writer.number("active", u64::from(server.active));
    writer.key("max_conns");
    match server.active_max {
        Some(max) => writer.value(u64::from(max)),
        None => writer.null(),
    }
    writer.counts("requests_total", &server.ended);
    writer.number("weight", u64::from(server.weight));
    writer.number("warmth_percent", u64::from(server.share / 10));
    writer.truth("backup", server.is_backup);
}

fn process(writer: &mut Writer, process: &ProcessStatus) {
    writer.text("name", &process.name);
    writer.text("state", process.state);
    writer.truth("ready", process.is_ready);
    writer.key("pid");
    match process.pid {
        Some(pid) => writer.value(u64::from(pid)),
        None => writer.null(),
    }
    writer.number("starts", process.starts);
    writer.text_or_null("last_end", process.last_end.as_deref());
}

/// JSON while it is written.
#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    times: Timestamps,
}

impl Writer {
    fn object(&mut self, fill: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push(b'{');
        fill(self);
        self.out.push(b'}');
    }

    fn list<T>(&mut self, name: &str, entries: &[T], fill: impl Fn(&mut Self, &T)) {
        self.key(name);
        self.out.push(b'[');
        for entry in entries {
            self.object(|writer| fill(writer, entry));
        }
        self.out.push(b']');
    }

    fn counts(&mut self, name: &str, counts: &[(&str, u64)]) {
        self.key(name);
        self.object(|writer| counts.iter().for_each(|(name, count)| writer.number(name, *count)));
    }

    fn key(&mut self, name: &str) {
        self.separate();
        text::json(&mut self.out, name.as_bytes());
        self.out.push(b':');
    }

    /// A comma, unless this is the first.
    fn separate(&mut self) {
        if !matches!(self.out.last(), None | Some(b'{' | b'[' | b':')) {
            self.out.push(b',');
        }
    }

    fn text(&mut self, name: &str, value: &str) {
        self.key(name);
        text::json(&mut self.out, value.as_bytes());
    }

    fn text_or_null(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => self.text(name, value),
            None => {
                self.key(name);
                self.null();
            }
        }
    }

    fn time(&mut self, name: &str, time: Option<SystemTime>) {
        self.key(name);
        let Some(time) = time else { return self.null() };
        self.out.push(b'"');
        self.times.rfc3339(&mut self.out, time);
        self.out.push(b'"');
    }

    fn number(&mut self, name: &str, value: u64) {
        self.key(name);
        self.value(value);
    }

    fn value(&mut self, value: u64) {
        text::decimal(&mut self.out, value);
    }

    fn truth(&mut self, name: &str, value: bool) {
        self.key(name);
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
    }

    fn null(&mut self) {
        self.out.extend_from_slice(b"null");
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::status;

    #[test]
    fn every_fact_is_there_in_json_that_parses() {
        let parsed: serde_json::Value = serde_json::from_slice(&status().json()).unwrap();
        assert_eq!((&parsed["version"], &parsed["uptime_seconds"]), (&"1.2.3".into(), &3600.into()));
        assert_eq!(parsed["clients"]["requests_total"]["5xx"], 1);
        let upstream = &parsed["upstreams"][0];
        assert_eq!((&upstream["held"]["timed_out"], &upstream["queued"]["now"]), (&2.into(), &0.into()));
        let servers = upstream["servers"].as_array().unwrap();
        let states: Vec<_> = servers.iter().map(|server| server["state"].as_str().unwrap()).collect();
        assert_eq!(states, ["up", "warming", "trying", "failing", "left_alone", "down"]);
        assert_eq!(servers[4]["left_alone_until"], "2023-11-14T23:13:30.000Z");
        assert_eq!(servers[5]["last_failure"]["cause"], "<b>\"refused\"</b>\n");
        assert_eq!((servers[0]["since"].is_null(), &servers[0]["max_conns"]), (true, &8.into()));
        assert_eq!(parsed["processes"][0]["last_end"], "exit status: 1");
    }
}
