//! `transom explain`: what a request would get, and which line of the config says so, for a person who must know now.
//!
//! What happens is `serve::explain`'s to say, with the code that serves; here it is put into words, with the places of the config.

use std::fmt::Write as _;
use std::time::SystemTime;

use super::fatal::Fatal;
use super::load::Loaded;
use super::prepare::{Purpose, prepare};
use super::question::Question;
use crate::config::{HeaderPreset, PathPattern, Source, Span};
use crate::http::path;
use crate::plan::{self, Plan, ResponsePolicy};
use crate::serve::{self, Explanation, File, Live, Outcome, Response};
use crate::units::{ListenAddress, Scheme};

/// Where the reasons stand; what is longer than this has its reason on a line of its own.
const COLUMN_MAX: usize = 64;
/// Where the values of the facts begin.
const LABEL_WIDTH: usize = 10;
/// What header lines begin with.
const INDENT: &str = "  ";

/// An explanation in words, and what a start would warn of.
#[derive(Debug)]
pub struct Explained {
    /// The text, several lines.
    pub text: String,
    /// The warnings of the load.
    pub warnings: Vec<String>,
}

/// Explains what a request would get.
///
/// # Errors
/// The config is wrong, as for a start.
pub fn explain(loaded: Loaded, question: &Question, now: SystemTime) -> Result<Explained, Fatal> {
    let Loaded { source, plan } = loaded;
    let asked = question.request(&plan);
    let (mut live, report) = prepare(plan, Purpose::Check, now).map_err(|diagnostics| Fatal::diagnostics(&diagnostics, &source))?;
    live.set_https_port(https_port(live.plan()));
    let explanation = serve::explain(&live, &asked.head, asked.scheme);
    let mut page = Page { source: &source, facts: Vec::new(), text: String::new() };
    let _ = writeln!(page.text, "{} {}\n", String::from_utf8_lossy(asked.head.method_token()), asked.url);
    page.note_scheme(live.plan(), asked.scheme);
    page.explanation(&live, &explanation);
    Ok(Explained { text: page.text, warnings: report.warnings })
}

/// The port that redirects to TLS name. One that is only known when it is bound is taken for the usual one.
fn https_port(plan: &Plan) -> Option<u16> {
    let listener = plan.listeners.iter().find(|listener| listener.scheme == Scheme::Https)?;
    match &listener.address {
        ListenAddress::Unix(_) => None,
        address => Some(port_of(address).filter(|&port| port != 0).unwrap_or(443)),
    }
}

fn port_of(address: &ListenAddress) -> Option<u16> {
    address.to_string().rsplit(':').next()?.parse().ok()
}

/// The text while it is written.
struct Page<'a> {
    source: &'a Source,
    /// Facts that are not in the text yet, so that their reasons can stand in a column.
    facts: Vec<(String, String)>,
    text: String,
}

impl Page<'_> {
    fn note_scheme(&mut self, plan: &Plan, scheme: Scheme) {
        if !plan.listeners.iter().any(|listener| listener.scheme == scheme) {
            let _ = writeln!(self.text, "note: no listener speaks {scheme}; this is what one that does would answer\n");
        }
    }

    fn explanation(&mut self, live: &Live, explanation: &Explanation) {
        let route = live.plan().routes.get(explanation.route);
        let action = route.map_or(&plan::Action::NotFound, |route| &route.action);
        self.route(route, action, (explanation.path.as_deref(), &explanation.outcome));
        let policy = route.map(|route| route.response.clone()).unwrap_or_default();
        match &explanation.outcome {
            Outcome::Answered { response, file } => {
                if let Some(file) = file {
                    self.fact("file", &file.key, &file.reason);
                    self.coding(response, file);
                }
                self.response(response, &policy);
            }
            Outcome::Refused { response, cause, no_fallback, page } => {
                self.fact("refused", cause, "");
                if let Some(reason) = no_fallback {
                    self.fact("", &format!("no page of the application: {reason}"), "");
                }
                if let Some(page) = page {
                    self.fact("body", page, "the page of `errors`");
                }
                self.response(response, &for_refusals(policy));
            }
            Outcome::Forwarded { upstream, request } => {
                if let Some(upstream) = live.plan().upstreams.get(*upstream) {
                    let address = self.source.slice(upstream.span).lines().next().unwrap_or_default();
                    self.fact("upstream", &format!("{} at {address}", upstream.name), &self.place(upstream.span));
                }
                self.request(request, route);
                self.promise(&policy);
            }
        }
    }

    fn route(&mut self, route: Option<&plan::Route>, action: &plan::Action, (path, outcome): (Option<&[u8]>, &Outcome)) {
        if let Some(path) = path {
            self.fact("path", &String::from_utf8_lossy(path), "");
        }
        let Some(origin) = route.and_then(|route| route.origin.as_ref()) else {
            self.fact("route", "none", before_routing(outcome));
            return;
        };
        let fits = |pattern: &PathPattern| match pattern {
            PathPattern::Exact(exact) => path.filter(|path| *path == exact.as_bytes()).map(|_| usize::MAX),
            PathPattern::Prefix(prefix) => path.filter(|path| path::is_below(path, prefix.as_bytes())).map(|_| prefix.len()),
        };
        if let Some((pattern, _)) =
            origin.patterns.iter().filter_map(|pattern| Some((pattern, fits(&pattern.value)?))).max_by_key(|(_, length)| *length)
        {
            let text = match &pattern.value {
                PathPattern::Exact(path) => format!("exact = \"{path}\""),
                PathPattern::Prefix(path) => format!("path = \"{path}\""),
            };
            self.fact("route", &text, &self.place(pattern.span));
        }
        let key = match action {
            plan::Action::Proxy { .. } => "proxy",
            plan::Action::Root(_) => "root",
            plan::Action::Redirect { .. } => "redirect",
            plan::Action::Respond { .. } => "respond",
            plan::Action::NotFound => return,
        };
        let value = self.source.slice(origin.action).lines().next().unwrap_or_default();
        self.fact("action", &format!("{key} = {value}"), &self.place(origin.action));
    }

    fn coding(&mut self, response: &Response, file: &File) {
        if !file.awaits_codings {
            return;
        }
        let has = if file.codings.is_empty() { "none, since none is worth it".to_owned() } else { file.codings.join(", ") };
        let chosen = response.fields.iter().find(|(name, _)| name == "content-encoding").map_or("none", |(_, coding)| coding.as_str());
        self.fact(
            "coding",
            chosen,
            &format!("by Accept-Encoding; the file has {has} (what it has no sibling for is made soon after the start)"),
        );
    }

    fn response(&mut self, response: &Response, policy: &ResponsePolicy) {
        let reason = response.status.canonical_reason().unwrap_or_default();
        let length = response.length.map(|length| format!(", {length} bytes")).unwrap_or_default();
        self.fact("status", &format!("{} {reason}{length}", response.status.as_u16()), "");
        self.heading("response headers");
        let rows: Vec<_> =
            response.fields.iter().map(|(name, value)| (format!("{name}: {value}"), self.origin(name, value, policy))).collect();
        self.rows(INDENT, &rows);
    }

    /// The head that an upstream gets.
    fn request(&mut self, request: &[String], route: Option<&plan::Route>) {
        self.heading("request to the upstream (as asked from 127.0.0.1)");
        let rules = route.map(|route| &route.request);
        let set = |line: &str| {
            let name = line.split(':').next().unwrap_or_default();
            let set = rules?.set.iter().map(|(known, _)| known).chain(rules?.templates.iter().map(|(known, _)| known));
            let rule = set.into_iter().find(|known| known.as_str().eq_ignore_ascii_case(name))?;
            rules?.places.iter().find(|(known, _)| known == rule).map(|(_, span)| self.place(*span))
        };
        let rows: Vec<_> = request
            .iter()
            .filter(|line| !line.is_empty())
            .map(|line| (line.clone(), set(line).unwrap_or_else(|| forwarded_as(line).to_owned())))
            .collect();
        self.rows(INDENT, &rows);
        for name in rules.map(|rules| rules.remove.as_slice()).unwrap_or_default() {
            let place = rules.and_then(|rules| rules.places.iter().find(|(known, _)| known == name));
            self.rows(INDENT, &[(format!("(no {name})"), place.map(|(_, span)| self.place(*span)).unwrap_or_default())]);
        }
    }

    /// What is changed on whatever an upstream answers.
    fn promise(&mut self, policy: &ResponsePolicy) {
        self.heading("response headers: those of the upstream, and");
        let set = policy.set.iter().map(|(name, value)| (name, value, ""));
        let defaults = policy.defaults.iter().map(|(name, value)| (name, value, ", unless the upstream sends it"));
        let mut rows: Vec<(String, String)> = set
            .chain(defaults)
            .map(|(name, value, unless)| {
                let value = String::from_utf8_lossy(value.as_bytes());
                (format!("{name}: {value}"), format!("{}{unless}", self.origin(name.as_str(), &value, policy)))
            })
            .collect();
        for (name, template) in &policy.templates {
            rows.push((format!("{name}: {template}"), self.written(name.as_str(), policy).unwrap_or_default()));
        }
        if let Some(nonced) = &policy.nonced {
            let place = self.written(nonced.name.as_str(), policy).unwrap_or_default();
            let value = nonced.value(b"{nonce}");
            rows.push((format!("{}: {}", nonced.name, String::from_utf8_lossy(&value)), format!("{place}, unless the upstream sends it")));
        }
        if policy.hsts {
            rows.push(("strict-transport-security".to_owned(), "over TLS with a public name, unless the upstream sends it".to_owned()));
        }
        rows.extend(policy.remove.iter().map(|name| (format!("(no {name})"), self.written(name.as_str(), policy).unwrap_or_default())));
        self.rows(INDENT, &rows);
    }

    /// Which rule a field of a response is from.
    fn origin(&self, name: &str, value: &str, policy: &ResponsePolicy) -> String {
        let is_it = |known: &(http::HeaderName, http::HeaderValue)| known.0.as_str() == name && known.1.as_bytes() == value.as_bytes();
        if policy.set.iter().any(is_it) {
            return self.written(name, policy).unwrap_or_else(|| "set".to_owned());
        }
        // `[headers.csp]` takes the place of the preset's policy.
        if let Some(place) = self.written(name, policy) {
            return place;
        }
        if policy.defaults.iter().any(is_it)
            && let Some(preset) = &policy.preset
        {
            let word = match preset.value {
                HeaderPreset::Spa => "spa",
                HeaderPreset::Strict => "strict",
                HeaderPreset::None => "none",
            };
            let place = if preset.span == Span::default() { "the default".to_owned() } else { self.place(preset.span) };
            return format!("preset \"{word}\" ({place})");
        }
        built_in(name, value).to_owned()
    }

    fn written(&self, name: &str, policy: &ResponsePolicy) -> Option<String> {
        policy.places.iter().find(|(known, _)| known.as_str() == name).map(|(_, span)| self.place(*span))
    }

    /// `proxy.toml:12`.
    fn place(&self, span: Span) -> String {
        format!("{}:{}", self.source.name, self.source.line(span.start) + 1)
    }

    /// One fact with its reason.
    fn fact(&mut self, label: &str, value: &str, reason: &str) {
        self.facts.push((format!("{label:LABEL_WIDTH$}{value}"), reason.to_owned()));
    }

    /// Begins the lines that follow the facts.
    fn heading(&mut self, heading: &str) {
        let facts = std::mem::take(&mut self.facts);
        self.rows("", &facts);
        let _ = writeln!(self.text, "\n{heading}");
    }

    /// Lines with their reasons in a column.
    fn rows(&mut self, indent: &str, rows: &[(String, String)]) {
        let width = rows.iter().map(|(line, _)| line.chars().count()).filter(|&width| width <= COLUMN_MAX).max().unwrap_or_default();
        for (line, reason) in rows {
            let _ = match (reason.as_str(), line.chars().count() <= width) {
                ("", _) => writeln!(self.text, "{indent}{line}"),
                (reason, true) => writeln!(self.text, "{indent}{line:width$}   ← {reason}"),
                (reason, false) => writeln!(self.text, "{indent}{line}\n{indent}{:width$}   ← {reason}", ""),
            };
        }
    }
}

/// Without the rules for fields that a refusal says for itself: they are for the files of the route.
fn for_refusals(mut policy: ResponsePolicy) -> ResponsePolicy {
    policy.set.retain(|(name, _)| !serve::OF_REFUSALS.contains(name));
    policy.places.retain(|(name, _)| !serve::OF_REFUSALS.contains(name));
    policy
}

/// Why no route was asked.
fn before_routing(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Answered { response, .. } if response.status.is_redirection() => {
            "plain listeners redirect to TLS (`server.https_redirect`)"
        }
        Outcome::Answered { .. } => "`*` asks about the server, not about a path",
        Outcome::Refused { response, .. } if response.status == http::StatusCode::NOT_FOUND => "no route matches",
        Outcome::Refused { .. } | Outcome::Forwarded { .. } => "refused before routing",
    }
}

/// What a line of a forwarded head that no rule of the config set is from.
fn forwarded_as(line: &str) -> &'static str {
    const OF_THE_CLIENT: [&str; 5] = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-real-ip", "forwarded"];
    match line.split_once(':') {
        Some((name, _)) if OF_THE_CLIENT.contains(&name) => "known from the connection, never what a client says",
        Some(("x-request-id", _)) => "made for each request; it is in the access log too",
        Some(_) | None => "",
    }
}

/// What a field that no rule of the config set is from.
fn built_in(name: &str, value: &str) -> &'static str {
    match (name, value) {
        ("content-type", _) => "the type of the content",
        ("content-encoding", _) => "by Accept-Encoding",
        ("content-range", _) => "by Range",
        ("etag", _) => "the hash of the content",
        ("last-modified", _) => "the time of the file",
        ("accept-ranges", _) => "parts can be asked for",
        ("cache-control", "no-store") => "an error is not kept",
        ("cache-control", "no-cache") => "a page is asked for again each time",
        ("cache-control", value) if value.contains("immutable") => "its name has a hash of its content",
        ("cache-control", _) => "kept, and asked for again with its tag",
        ("vary", _) => "another request may get another form",
        ("location", _) => "where to go instead",
        ("allow", _) => "the methods that would do",
        ("retry-after", _) => "when to try again",
        ("content-security-policy" | "content-security-policy-report-only", _) => "`headers.csp`",
        ("date", _) => "now",
        ("strict-transport-security", _) => "TLS with a public name",
        _ => "",
    }
}
