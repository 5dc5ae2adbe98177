//! The facts as a page for people: without a script, readable on a phone and at night, loaded again by itself.

use std::fmt::{Display, Formatter, Write as _};
use std::time::{Duration, SystemTime};

use super::{ProcessStatus, Status};
use crate::standing::{ServerStatus, Standing, UpstreamStatus, Waiting};

/// Seconds until the page is loaded again.
const REFRESH: u32 = 5;

impl Status {
    /// The page. Writing to a string cannot fail.
    pub fn page(&self) -> String {
        let mut out = String::with_capacity(4096);
        let (tone, words) = match self.not_ready() {
            None => ("good", "ready".to_owned()),
            Some(reason) => ("bad", format!("not ready: {reason}")),
        };
        let _ = write!(
            out,
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta http-equiv=\"refresh\" content=\"{REFRESH}\">\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><meta name=\"color-scheme\" content=\"light dark\">\
             <title>Transom: {title}</title><link rel=\"stylesheet\" href=\"/status.css\"></head><body>\n\
             <header><h1>Transom <small>{version}</small></h1><p class=\"{tone}\"><span class=\"state\">{title}</span>, \
             up for {uptime}</p>",
            title = Escaped(&words),
            version = Escaped(self.version),
            uptime = Span(self.now.duration_since(self.started).unwrap_or_default()),
        );
        let _ = write!(
            out,
            "<p class=\"facts\">{}{}",
            Fact("connections", self.traffic.connections),
            Fact("requests", total(&self.traffic.requests))
        );
        counts(&mut out, &self.traffic.requests);
        out.push_str("</p></header>\n<main>");
        for upstream in &self.upstreams {
            self.upstream(&mut out, upstream);
        }
        if self.upstreams.is_empty() {
            out.push_str("<h2>Upstreams</h2><p class=\"none\">There are none.</p>\n");
        }
        if !self.processes.is_empty() {
            out.push_str("<h2>Processes</h2><ul>\n");
            self.processes.iter().for_each(|one| process(&mut out, one));
            out.push_str("</ul>\n");
        }
        out.push_str("</main><footer><p><small>The same as <a href=\"/status\">JSON</a> and for <a href=\"/metrics\">Prometheus</a></small></p></footer></body></html>\n");
        out
    }

    fn upstream(&self, out: &mut String, upstream: &UpstreamStatus) {
        let _ = write!(out, "<h2>{}</h2><p class=\"facts\">", Escaped(&upstream.name));
        waiting(out, ("held", "no server to be reached"), upstream.held);
        if let Some(queued) = upstream.queued {
            waiting(out, ("queued", "all servers busy"), queued);
        }
        out.push_str("</p><ul>\n");
        upstream.servers.iter().for_each(|server| self.server(out, server));
        out.push_str("</ul>\n");
    }

    fn server(&self, out: &mut String, server: &ServerStatus) {
        let (tone, words) = words(server);
        let _ = write!(
            out,
            "<li class=\"{tone}\"><p><code>{}</code>{} <span class=\"state\">{words}</span>",
            Escaped(&server.url),
            if server.is_backup { " (backup)" } else { "" },
        );
        if let Some(since) = server.since {
            let what = match server.state {
                Standing::Trying | Standing::LeftAlone => ", failing",
                Standing::Up | Standing::Warming | Standing::Failing | Standing::Down => "",
            };
            let _ = write!(out, "{what} for {}", self.ago(since));
        }
        if let Some(until) = server.left_alone_until {
            let _ = write!(out, ", asked again in {}", Span(until.duration_since(self.now).unwrap_or_default()));
        }
        let _ = write!(out, "</p><p class=\"facts\">{}", Fact("under way", server.active));
        if let Some(max) = server.active_max {
            let _ = write!(out, "{}", Fact("at most", max));
        }
        let _ = write!(out, "{}", Fact("requests", total(&server.ended)));
        counts(out, &server.ended);
        if server.weight != 1 {
            let _ = write!(out, "{}", Fact("weight", server.weight));
        }
        if server.failures > 0 {
            let _ = write!(out, "{}", Fact("failures in a row", server.failures));
        }
        if let Some(checked) = server.checked_at {
            let _ = write!(out, "<span>checked {} ago</span>", self.ago(checked));
        }
        out.push_str("</p>");
        if let Some((at, cause)) = &server.last_failure {
            let _ = write!(out, "<p class=\"cause\">{} ago: {}</p>", self.ago(*at), Escaped(cause));
        }
        out.push_str("</li>\n");
    }

    fn ago(&self, time: SystemTime) -> Span {
        Span(self.now.duration_since(time).unwrap_or_default())
    }
}

fn words(server: &ServerStatus) -> (&'static str, String) {
    match server.state {
        Standing::Up => ("good", "up".to_owned()),
        Standing::Warming => ("good", format!("warming up, at {} %", server.share / 10)),
        Standing::Trying => ("warn", "tried again".to_owned()),
        Standing::Failing => ("bad", "fails".to_owned()),
        Standing::LeftAlone => ("bad", "left alone".to_owned()),
        Standing::Down => ("bad", "not well".to_owned()),
    }
}

fn waiting(out: &mut String, (name, why): (&str, &str), waiting: Waiting) {
    let _ = write!(out, "<span title=\"{why}\">{name} {} now, {} in all", waiting.now, waiting.begun);
    if waiting.timed_out + waiting.refused > 0 {
        let _ = write!(out, " ({} in vain, {} refused)", waiting.timed_out, waiting.refused);
    }
    out.push_str("</span>");
}

fn total(counts: &[(&str, u64)]) -> u64 {
    counts.iter().map(|(_, count)| count).sum()
}

/// Those that are not zero.
fn counts(out: &mut String, counts: &[(&str, u64)]) {
    for (name, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let _ = write!(out, "{}", Fact(name, count));
    }
}

fn process(out: &mut String, process: &ProcessStatus) {
    let tone = if process.is_ready { "good" } else { "warn" };
    let _ = write!(
        out,
        "<li class=\"{tone}\"><p><code>{}</code> <span class=\"state\">{}</span></p><p class=\"facts\">",
        Escaped(&process.name),
        Escaped(process.state)
    );
    if let Some(pid) = process.pid {
        let _ = write!(out, "{}", Fact("pid", pid));
    }
    let _ = write!(out, "{}</p>", Fact("starts", process.starts));
    if let Some(end) = &process.last_end {
        let _ = write!(out, "<p class=\"cause\">last end: {}</p>", Escaped(end));
    }
    out.push_str("</li>\n");
}

/// A name and its value.
struct Fact<'a, T>(&'a str, T);

impl<T: Display> Display for Fact<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        write!(f, "<span>{} {}</span>", self.0, self.1)
    }
}

/// Text in which nothing means anything in HTML, inside and outside of quotes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                _ => f.write_char(character)?,
            }
        }
        Ok(())
    }
}

/// A duration as people say it: its largest unit, and the next while that is small.
struct Span(Duration);

impl Display for Span {
    fn fmt(&self, f: &mut Formatter<'_>) -> std::fmt::Result {
        let seconds = self.0.as_secs();
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{seconds} s"),
            (0, 0, minutes) if minutes < 10 => write!(f, "{minutes} min {} s", seconds % 60),
            (0, 0, minutes) => write!(f, "{minutes} min"),
            (0, hours, minutes) => write!(f, "{hours} h {minutes} min"),
            (days, hours, _) => write!(f, "{days} d {hours} h"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::status;
    use super::*;

    #[test]
    fn the_page_says_how_each_server_stands_and_escapes_what_came_from_outside() {
        let page = status().page();
        for part in [
            "up for 1 h 0 min",
            "<code>http://10.0.0.0:3000</code> <span class=\"state\">up</span>",
            "warming up, at 25 %",
            "left alone</span>, failing for 10 min, asked again in 10 s",
            "(backup) <span class=\"state\">not well",
            "10 s ago: &lt;b&gt;&quot;refused&quot;&lt;/b&gt;",
            "held 1 now, 4 in all (2 in vain, 0 refused)",
            "last end: exit status: 1",
        ] {
            assert!(page.contains(part), "{part}\n{page}");
        }
        assert!(!page.contains("<b>") && !page.contains("<script") && !page.contains("style="), "{page}");
    }

    #[test]
    fn durations_read_as_people_say_them() {
        let spans = [0, 59, 61, 3599, 3600, 90_061].map(|seconds| Span(Duration::from_secs(seconds)).to_string());
        assert_eq!(spans, ["0 s", "59 s", "1 min 1 s", "59 min", "1 h 0 min", "1 d 1 h"]);
    }
}
