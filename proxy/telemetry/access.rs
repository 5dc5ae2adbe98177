//! One request as one line of the access log: what is known of it, and the two formats.
//!
//! On the hot path of every request: plain bytes into a buffer that is there already, no formatting machinery. Who writes the
//! buffer is `writer.rs`; who fills in the record is `serve`.

use std::io::Write;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};

use http::Version;

use super::text;
use super::timestamp::Timestamps;
use crate::config::AccessFormat;
use crate::units::Scheme;

/// What is known of one answered request. Bytes are as they came from the network; whatever they hold, the line stays one line.
#[derive(Debug, Clone)]
pub struct Record<'a> {
    /// When the request was answered.
    pub time: SystemTime,
    /// The client's address; `None` when it came over a Unix socket, shown as `unix:`.
    pub client: Option<IpAddr>,
    /// The method; empty when no request line could be read.
    pub method: &'a [u8],
    /// The target, raw: path and query; empty when no request line could be read.
    pub target: &'a [u8],
    /// The protocol of the request; `None` when no request line could be read.
    pub version: Option<Version>,
    /// Of the connection.
    pub scheme: Scheme,
    /// `Host` or `:authority`.
    pub host: Option<&'a [u8]>,
    /// The status that was sent; 0 when the client left before there was one.
    pub status: u16,
    /// Bytes of the response's body that were sent, after compression, without framing.
    pub body_bytes: u64,
    /// Bytes of the request, head and body.
    pub request_bytes: u64,
    /// From the first byte of the request to the last of the response.
    pub duration: Duration,
    /// `Referer`.
    pub referer: Option<&'a [u8]>,
    /// `User-Agent`.
    pub user_agent: Option<&'a [u8]>,
    /// The upstream that answered, if one was asked.
    pub upstream: Option<UpstreamRecord<'a>>,
    /// What it is called in the logs of the upstream.
    pub request_id: Option<&'a [u8]>,
    /// Why it was refused or failed: "head exceeds limits.header".
    pub cause: Option<&'a str>,
}

/// The upstream's part in a request.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamRecord<'a> {
    /// Its address, as `unix:/run/api.sock` or `10.0.0.3:8000`.
    pub address: &'a str,
    /// The addresses of all that were asked, in their order, where that is more than one.
    pub tried: &'a [&'a str],
    /// From the end of connecting to its response's head, or to the failure.
    pub duration: Duration,
}

impl Record<'_> {
    /// Appends the record as one line with its line end.
    pub(super) fn write(&self, out: &mut Vec<u8>, format: AccessFormat, times: &mut Timestamps) {
        match format {
            AccessFormat::Json => self.write_json(out, times),
            AccessFormat::Combined => self.write_combined(out, times),
        }
        out.push(b'\n');
    }

    /// The path of the target, without its query.
    pub(super) fn path(&self) -> &[u8] {
        self.target.split(|&byte| byte == b'?').next().unwrap_or_default()
    }

    fn write_json(&self, out: &mut Vec<u8>, times: &mut Timestamps) {
        out.extend_from_slice(b"{\"ts\":\"");
        times.rfc3339(out, self.time);
        out.extend_from_slice(b"\",\"client\":\"");
        client(out, self.client);
        out.extend_from_slice(b"\",\"method\":");
        text::json(out, self.method);
        out.extend_from_slice(match self.scheme {
            Scheme::Http => b",\"scheme\":\"http\"",
            Scheme::Https => b",\"scheme\":\"https\"",
        });
        optional(out, b",\"host\":", self.host);
        out.extend_from_slice(b",\"path\":");
        text::json(out, self.target);
        if let Some(version) = self.version {
            out.extend_from_slice(b",\"proto\":\"");
            out.extend_from_slice(protocol(version));
            out.push(b'"');
        }
        out.extend_from_slice(b",\"status\":");
        text::decimal(out, u64::from(self.status));
        out.extend_from_slice(b",\"bytes\":");
        text::decimal(out, self.body_bytes);
        out.extend_from_slice(b",\"request_bytes\":");
        text::decimal(out, self.request_bytes);
        out.extend_from_slice(b",\"ms\":");
        text::milliseconds(out, self.duration);
        optional(out, b",\"referer\":", self.referer);
        optional(out, b",\"ua\":", self.user_agent);
        if let Some(upstream) = &self.upstream {
            optional(out, b",\"upstream\":", Some(upstream.address.as_bytes()));
            out.extend_from_slice(b",\"upstream_ms\":");
            text::milliseconds(out, upstream.duration);
            for (index, address) in upstream.tried.iter().enumerate() {
                out.extend_from_slice(if index == 0 { b",\"upstream_tried\":[" } else { b"," });
                text::json(out, address.as_bytes());
            }
            if !upstream.tried.is_empty() {
                out.push(b']');
            }
        }
        optional(out, b",\"request_id\":", self.request_id);
        optional(out, b",\"cause\":", self.cause.map(str::as_bytes));
        out.push(b'}');
    }

    fn write_combined(&self, out: &mut Vec<u8>, times: &mut Timestamps) {
        client(out, self.client);
        out.extend_from_slice(b" - - [");
        times.combined(out, self.time);
        out.extend_from_slice(b"] \"");
        match self.version {
            Some(version) => {
                text::combined(out, self.method);
                out.push(b' ');
                text::combined(out, self.target);
                out.push(b' ');
                out.extend_from_slice(protocol(version));
            }
            None => out.push(b'-'),
        }
        out.extend_from_slice(b"\" ");
        // Three digits always, as nginx pads its own.
        if self.status < 100 {
            out.extend_from_slice(b"000");
        } else {
            text::decimal(out, u64::from(self.status));
        }
        out.push(b' ');
        text::decimal(out, self.body_bytes);
        out.extend_from_slice(b" \"");
        text::combined(out, self.referer.unwrap_or(b"-"));
        out.extend_from_slice(b"\" \"");
        text::combined(out, self.user_agent.unwrap_or(b"-"));
        out.push(b'"');
    }
}

fn optional(out: &mut Vec<u8>, key: &[u8], value: Option<&[u8]>) {
    if let Some(value) = value {
        out.extend_from_slice(key);
        text::json(out, value);
    }
}

/// An IPv4 client of a socket for both families is shown as what it is, not as `::ffff:192.0.2.1`.
fn client(out: &mut Vec<u8>, client: Option<IpAddr>) {
    match client.map(|address| address.to_canonical()) {
        None => out.extend_from_slice(b"unix:"),
        Some(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            text::decimal(out, u64::from(a));
            for octet in [b, c, d] {
                out.push(b'.');
                text::decimal(out, u64::from(octet));
            }
        }
        // Writing to a Vec cannot fail.
        Some(IpAddr::V6(address)) => drop(write!(out, "{address}")),
    }
}

fn protocol(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_09 => b"HTTP/0.9",
        Version::HTTP_10 => b"HTTP/1.0",
        Version::HTTP_2 => b"HTTP/2.0",
        Version::HTTP_3 => b"HTTP/3.0",
        _ => b"HTTP/1.1",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    /// A request that went well.
    pub(in crate::telemetry) fn record() -> Record<'static> {
        Record {
            time: UNIX_EPOCH + Duration::from_millis(1_700_000_000_042),
            client: Some(IpAddr::from([192, 0, 2, 7])),
            method: b"GET",
            target: b"/api/items?page=2",
            version: Some(Version::HTTP_11),
            scheme: Scheme::Https,
            host: Some(b"app.example.com"),
            status: 200,
            body_bytes: 5120,
            request_bytes: 340,
            duration: Duration::from_micros(12_345),
            referer: None,
            user_agent: Some(b"curl/8.5.0"),
            upstream: None,
            request_id: None,
            cause: None,
        }
    }

    fn line(record: &Record<'_>, format: AccessFormat) -> String {
        let mut out = Vec::new();
        record.write(&mut out, format, &mut Timestamps::default());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_request_is_this_json_line() {
        assert_eq!(
            line(&record(), AccessFormat::Json),
            concat!(
                r#"{"ts":"2023-11-14T22:13:20.042Z","client":"192.0.2.7","method":"GET","scheme":"https","host":"app.example.com","#,
                r#""path":"/api/items?page=2","proto":"HTTP/1.1","status":200,"bytes":5120,"request_bytes":340,"ms":12.345,"#,
                r#""ua":"curl/8.5.0"}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_failed_forward_says_which_upstream_and_why() {
        let upstream = UpstreamRecord {
            address: "unix:/run/api.sock",
            tried: &["unix:/run/b.sock", "unix:/run/api.sock"],
            duration: Duration::from_millis(60_000),
        };
        let failed = Record {
            status: 504,
            version: Some(Version::HTTP_2),
            client: None,
            referer: Some(b"https://app.example.com/"),
            upstream: Some(upstream),
            request_id: Some(b"4bf92f3577b34da6a3ce929d0e0e4736"),
            cause: Some("no response head in timeouts.response"),
            ..record()
        };
        let text = line(&failed, AccessFormat::Json);
        assert!(text.contains(r#""client":"unix:""#) && text.contains(r#""proto":"HTTP/2.0""#), "{text}");
        let end = r#""ua":"curl/8.5.0","upstream":"unix:/run/api.sock","upstream_ms":60000.000,"upstream_tried":["unix:/run/b.sock","unix:/run/api.sock"],"request_id":"4bf92f3577b34da6a3ce929d0e0e4736","cause":"no response head in timeouts.response"}"#;
        assert!(text.ends_with(&format!("{end}\n")), "{text}");
    }

    #[test]
    fn a_request_is_this_combined_line() {
        assert_eq!(
            line(&record(), AccessFormat::Combined),
            "192.0.2.7 - - [14/Nov/2023:22:13:20 +0000] \"GET /api/items?page=2 HTTP/1.1\" 200 5120 \"-\" \"curl/8.5.0\"\n"
        );
        let attack = Record {
            client: Some("2001:db8::1".parse().unwrap()),
            target: b"/\"\n127.0.0.1 - - \x1b",
            user_agent: Some(b"\xff"),
            ..record()
        };
        assert_eq!(
            line(&attack, AccessFormat::Combined),
            "2001:db8::1 - - [14/Nov/2023:22:13:20 +0000] \"GET /\\x22\\x0A127.0.0.1 - - \\x1B HTTP/1.1\" 200 5120 \"-\" \"\\xFF\"\n"
        );
    }

    #[test]
    fn an_unreadable_request_still_makes_a_line() {
        let unreadable = Record { method: b"", target: b"", version: None, host: None, user_agent: None, status: 400, ..record() };
        assert!(line(&unreadable, AccessFormat::Combined).contains("] \"-\" 400 5120 \"-\" \"-\"\n"));
        assert!(line(&unreadable, AccessFormat::Json).contains(r#""method":"","scheme":"https","path":"","status":400"#));
    }

    #[test]
    fn an_ipv4_client_of_an_ipv6_socket_is_shown_as_ipv4() {
        let mapped = Record { client: Some("::ffff:192.0.2.7".parse().unwrap()), ..record() };
        assert!(line(&mapped, AccessFormat::Combined).starts_with("192.0.2.7 "));
    }

    proptest::proptest! {
        #[test]
        fn whatever_a_client_sends_a_record_is_one_line_that_parses(
            method in bytes(), target in bytes(), host in bytes(), agent in bytes(), status in 0u16..1000,
        ) {
            let record = Record {
                method: &method, target: &target, host: Some(&host), referer: Some(&agent), user_agent: Some(&agent), status, ..record()
            };
            for format in [AccessFormat::Json, AccessFormat::Combined] {
                let text = line(&record, format);
                let (content, end) = text.split_at(text.len() - 1);
                proptest::prop_assert_eq!(end, "\n");
                let can_end = content.contains(|c: char| c.is_control() || c == '\u{2028}');
                proptest::prop_assert!(!can_end);
            }
            let parsed: serde_json::Value = serde_json::from_str(&line(&record, AccessFormat::Json)).unwrap();
            proptest::prop_assert_eq!(&parsed["status"], status);
            proptest::prop_assert_eq!(parsed["path"].as_str().unwrap(), String::from_utf8_lossy(&target));
        }
    }

    fn bytes() -> impl proptest::strategy::Strategy<Value = Vec<u8>> {
        proptest::collection::vec(proptest::num::u8::ANY, 0..40)
    }
}
