//! The request that `transom explain` is asked about: a method, a URL, and header lines, as a person types them.

use crate::http::host;
use crate::http::request::{RequestHead, Version};
use crate::plan::Plan;
use crate::units::Scheme;

/// A request that was typed and can be asked.
#[derive(Debug, Clone)]
pub struct Question {
    method: String,
    /// Scheme and authority; `None` for a path alone.
    origin: Option<(Scheme, String)>,
    target: String,
    headers: Vec<(String, String)>,
}

/// The request that it stands for.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) head: RequestHead,
    pub(super) scheme: Scheme,
    pub(super) url: String,
}

impl Question {
    /// Reads what was typed: a method, `https://host/path` or `/path`, and `Name: value` lines.
    ///
    /// # Errors
    /// What cannot be asked, in words for who typed it.
    pub fn parse(method: &str, url: &str, headers: &[String]) -> Result<Self, String> {
        if method.is_empty() || !method.bytes().all(is_token) {
            return Err(format!("\"{method}\" is not a method; write GET, HEAD, POST …"));
        }
        let schemes = [("http://", Scheme::Http), ("https://", Scheme::Https)];
        let origin = schemes.iter().find_map(|(prefix, scheme)| Some((*scheme, url.strip_prefix(prefix)?)));
        let (origin, target) = match origin {
            Some((scheme, rest)) => {
                let (authority, target) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
                if authority.is_empty() || host::parse(authority.as_bytes()).is_none() {
                    return Err(format!("\"{authority}\" is not a host; write https://example.com/path"));
                }
                (Some((scheme, authority.to_owned())), target)
            }
            None if url.starts_with('/') => (None, url),
            None => return Err(format!("\"{url}\" is not a URL; write https://example.com/path, or /path")),
        };
        let target = encoded(target.split('#').next().unwrap_or_default());
        let target = if target.starts_with('/') { target } else { format!("/{target}") };
        let headers = headers.iter().map(|line| header(line)).collect::<Result<_, _>>()?;
        Ok(Self { method: method.to_owned(), origin, target, headers })
    }

    /// The request, with what a config says where the question does not: a path alone is asked of the first name, over TLS where that is spoken.
    pub(super) fn request(&self, plan: &Plan) -> Asked {
        let (scheme, authority) = self.origin.clone().unwrap_or_else(|| {
            let secure = plan.listeners.iter().any(|listener| listener.scheme == Scheme::Https);
            let name = plan.names.first().cloned().unwrap_or_else(|| "localhost".to_owned());
            (if secure { Scheme::Https } else { Scheme::Http }, name)
        });
        let mut head = RequestHead::default();
        head.start(Version::Http11, self.method.as_bytes(), self.target.as_bytes());
        if !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push(b"host", authority.as_bytes());
        }
        for (name, value) in &self.headers {
            head.push(name.as_bytes(), value.as_bytes());
        }
        Asked { head, scheme, url: format!("{}://{authority}{}", if scheme == Scheme::Https { "https" } else { "http" }, self.target) }
    }
}

/// Bytes that no request line can have, escaped as a browser does.
fn encoded(target: &str) -> String {
    target.bytes().map(|byte| if byte.is_ascii_graphic() { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn header(line: &str) -> Result<(String, String), String> {
    let wrong = || format!("{line:?} is not a header; write -H 'Name: value'");
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
        return Err(wrong());
    }
    Ok((name.to_owned(), value.trim().to_owned()))
}

/// RFC 9110 §5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str) -> Result<String, String> {
        Question::parse("GET", url, &[]).map(|question| question.target)
    }

    #[test]
    fn a_url_or_a_path_is_asked_as_a_browser_would() {
        for (url, expected) in [
            ("https://example.com", "/"),
            ("https://example.com?q", "/?q"),
            ("http://example.com:8080/a/b?c#d", "/a/b?c"),
            ("/a b/é", "/a%20b/%C3%A9"),
            ("/%2e%2e/", "/%2e%2e/"),
        ] {
            assert_eq!(target(url).as_deref(), Ok(expected), "{url}");
        }
    }

    #[test]
    fn what_cannot_be_asked_is_told() {
        for url in ["", "example.com", "ftp://example.com/", "https://", "https:///x", "https://a b/"] {
            assert!(target(url).is_err(), "{url}");
        }
        for header in ["", "x", ": x", "a b: c", "x: a\r\ny: b"] {
            assert!(Question::parse("GET", "/", &[header.to_owned()]).is_err(), "{header:?}");
        }
        assert!(Question::parse("G ET", "/", &[]).is_err());
    }
}
