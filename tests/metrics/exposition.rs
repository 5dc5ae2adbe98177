//! A reader of the text format of Prometheus that takes nothing amiss silently.

use std::collections::{HashMap, HashSet};

use crate::support::Response;

/// The samples of one scrape, by their name and labels as they are written.
pub struct Scrape {
    samples: HashMap<String, f64>,
}

impl Scrape {
    /// The value of a sample.
    pub fn value(&self, sample: &str) -> f64 {
        *self.samples.get(sample).unwrap_or_else(|| panic!("no {sample} among {:#?}", self.samples))
    }
}

/// Reads a scrape, and fails where it is not as the format says.
pub fn scrape(response: &Response) -> Scrape {
    assert_eq!(response.status, 200);
    assert_eq!(response.field("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let text = response.text();
    assert!(text.ends_with('\n'));
    let (mut samples, mut families) = (HashMap::new(), HashSet::new());
    let mut family: Option<(String, String)> = None;
    let mut helped = String::new();
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').expect("words of help");
            assert!(!words.is_empty() && families.insert(name.to_owned()), "{line}");
            helped = name.to_owned();
        } else if let Some(typed) = line.strip_prefix("# TYPE ") {
            let (name, kind) = typed.split_once(' ').expect("a type");
            assert!(name == helped && ["gauge", "counter"].contains(&kind), "{line}");
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            family = Some((name.to_owned(), kind.to_owned()));
        } else {
            let (sample, value) = line.rsplit_once(' ').expect("a value");
            let (family, kind) = family.as_ref().expect("a family before its samples");
            let labels = sample.strip_prefix(family.as_str()).expect("the name of the family");
            check_labels(labels);
            let value: f64 = value.parse().expect("a number");
            assert!(value >= 0.0 && (kind == "gauge" || value.fract() == 0.0), "{line}");
            assert!(samples.insert(sample.to_owned(), value).is_none(), "twice: {line}");
        }
    }
    assert!(families.len() > 10);
    Scrape { samples }
}

/// `{a="…",b="…"}` or nothing.
fn check_labels(labels: &str) {
    if labels.is_empty() {
        return;
    }
    let mut rest = labels.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).expect("braces");
    loop {
        let (name, value) = rest.split_once("=\"").expect("a value in quotes");
        assert!(!name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{labels}");
        let mut is_escaped = false;
        let end = value
            .find(|character| {
                let ends = character == '"' && !is_escaped;
                is_escaped = character == '\\' && !is_escaped;
                ends
            })
            .expect("the end of a value");
        match value[end + 1..].strip_prefix(',') {
            Some(next) => rest = next,
            None => return assert_eq!(&value[end + 1..], "", "{labels}"),
        }
    }
}
