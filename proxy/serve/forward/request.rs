//! The head that goes to an upstream: the client's own, less what concerns its connection alone, plus what is known of the client.

use std::io::Write;
use std::net::IpAddr;

use http::header;

use super::{target, trace};
use crate::config::TraceParent;
use crate::http::request::{Field, Known, Method};
use crate::http::{forwarded, hop};
use crate::plan::{Forwarding, RequestRules};
use crate::serve::exchange::{BodyLength, push_line, split_lines};
use crate::serve::refusal::Refusal;
use crate::serve::template::{Facts, push_filled};
use crate::upstream::ServerIndex;

/// What the head depends on beside the client's.
pub(crate) struct Context<'a> {
    /// What values with variables are filled in from, the client among it.
    pub(crate) facts: Facts<'a>,
    pub(crate) traceparent: TraceParent,
    pub(crate) strip: &'a str,
    pub(crate) forwarding: &'a Forwarding,
    /// Which server it is for.
    pub(crate) server: ServerIndex,
    pub(crate) rules: &'a RequestRules,
    pub(crate) length: BodyLength,
    /// The client wants another protocol, and may have it.
    pub(crate) upgrade: bool,
    /// The client holds its body back until the upstream wants it.
    pub(crate) asks_first: bool,
}

/// What the fields begin with in which proxies tell of a request.
const FORWARDED_CLAIM: &[u8] = b"x-forwarded-";

/// Appends the head to `out`.
///
/// # Errors
/// When what becomes of the path cannot be told from the bytes that were sent.
pub(crate) fn encode(out: &mut Vec<u8>, context: &Context<'_>) -> Result<(), Refusal> {
    let head = context.facts.request;
    out.extend_from_slice(head.method_token());
    out.push(b' ');
    target::write(out, head, (context.strip, context.forwarding.rewrite.as_ref()))?;
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let host = head.authority().unwrap_or(b"localhost");
    let mut filled = Vec::new();
    push_filled(&mut filled, &context.rules.templates, context.facts);
    // A template that comes out empty is no Host.
    if !context.rules.set.iter().any(|(name, _)| name == header::HOST) && !split_lines(&filled).any(|(name, _)| name == b"host") {
        push_line(out, b"host", context.forwarding.host(context.server.get()).map_or(host, |host| host.as_bytes()));
    }
    let connection = head.joined(Known::Connection);
    for field in head.fields() {
        if crosses(&field, connection.as_deref(), context) {
            push_line(out, field.name, field.value);
        }
    }
    write_origin(out, context.facts.client.host.as_deref().unwrap_or(host), context);
    trace::write(out, context.rules, (context.facts, context.traceparent));
    match context.length {
        BodyLength::Known(length) => {
            let _ = write!(out, "content-length: {length}\r\n");
        }
        BodyLength::Unknown => out.extend_from_slice(b"transfer-encoding: chunked\r\n"),
        // Some servers wait for a body that a POST does not say to lack (RFC 9110 §8.6).
        BodyLength::Empty if matches!(head.method(), Method::Post | Method::Put | Method::Patch) => {
            out.extend_from_slice(b"content-length: 0\r\n")
        }
        BodyLength::Empty => {}
    }
    if context.asks_first {
        out.extend_from_slice(b"expect: 100-continue\r\n");
    }
    for (name, value) in &context.rules.set {
        push_line(out, name.as_str().as_bytes(), value.as_bytes());
    }
    out.extend_from_slice(&filled);
    // Trailers go through, so whoever can take them says so anew for this connection (RFC 9110 §10.1.4).
    let takes_trailers =
        head.joined(Known::Te).is_some_and(|value| hop::members(&value).any(|member| member.eq_ignore_ascii_case(b"trailers")));
    if takes_trailers && !context.upgrade {
        out.extend_from_slice(b"connection: te\r\nte: trailers\r\n");
    }
    if context.upgrade
        && let Some(protocol) = head.joined(Known::Upgrade)
    {
        push_line(out, b"connection", b"upgrade");
        push_line(out, b"upgrade", &protocol);
    }
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// `true` for a field that concerns the upstream as well.
fn crosses(field: &Field<'_>, connection: Option<&[u8]>, context: &Context<'_>) -> bool {
    // CGI, WSGI and their like read `X_Real_IP` as `X-Real-IP`: what may not pass in one spelling may not in the other.
    if field.known.is_none() && field.name.contains(&b'_') {
        let name: Vec<u8> = field.name.iter().map(|&byte| if byte == b'_' { b'-' } else { byte }).collect();
        return passes(Known::from_name(&name), &name, connection, context) && passes(None, field.name, connection, context);
    }
    passes(field.known, field.name, connection, context)
}

fn passes(known: Option<Known>, name: &[u8], connection: Option<&[u8]>, context: &Context<'_>) -> bool {
    let ours = match known {
        // Written anew: framing, the expectation that we meet ourselves, and what a client could lie about.
        Some(
            Known::Host
            | Known::ContentLength
            | Known::Expect
            | Known::ForwardedFor
            | Known::ForwardedProto
            | Known::ForwardedHost
            | Known::RealIp
            | Known::Forwarded,
        ) => true,
        Some(known) => known.is_hop_by_hop(),
        None => trace::is_written_here(name) || (is_forwarded_claim(name) && !context.facts.client.has_trusted_peer),
    };
    if ours || context.rules.overrides(name) {
        return false;
    }
    // Named by `Connection` (RFC 9110 §7.6.1).
    !connection.is_some_and(|names| hop::members(names).any(|member| member.eq_ignore_ascii_case(name)))
}

/// `X-Forwarded-Port`, `-Prefix`, `-Server` and whatever else applications believe, which only a proxy can know.
fn is_forwarded_claim(name: &[u8]) -> bool {
    name.get(..FORWARDED_CLAIM.len()).is_some_and(|start| start.eq_ignore_ascii_case(FORWARDED_CLAIM))
}

/// What is known of the client, from the connection and from nothing that it says of itself.
fn write_origin(out: &mut Vec<u8>, host: &[u8], context: &Context<'_>) {
    let Context { facts: Facts { client, .. }, rules, .. } = context;
    let is_ours = |name: &[u8]| !rules.overrides(name);
    let address = client.address.map(|address| address.ip().to_canonical());
    if let Some(address) = address {
        for name in [&b"x-forwarded-for"[..], b"x-real-ip"] {
            if is_ours(name) {
                write_address(out, name, address);
            }
        }
    }
    if is_ours(b"x-forwarded-proto") {
        push_line(out, b"x-forwarded-proto", client.scheme_name().as_bytes());
    }
    if is_ours(b"x-forwarded-host") {
        push_line(out, b"x-forwarded-host", host);
    }
    if is_ours(b"forwarded") {
        out.extend_from_slice(b"forwarded: ");
        forwarded::write_forwarded(out, address, host, client.scheme_name());
        out.extend_from_slice(b"\r\n");
    }
}

fn write_address(out: &mut Vec<u8>, name: &[u8], address: IpAddr) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    forwarded::write_address(out, address);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::{RequestHead, Version};
    use crate::serve::client::Client;
    use crate::serve::nonce::Nonces;
    use crate::serve::request_id::RequestId;
    use crate::units::Scheme;

    fn head(target: &str, fields: &[(&str, &str)]) -> RequestHead {
        let mut head = RequestHead::default();
        head.start(Version::Http11, b"GET", target.as_bytes());
        fields.iter().for_each(|(name, value)| head.push(name.as_bytes(), value.as_bytes()));
        head
    }

    fn encoded(head: &RequestHead, strip: &str, length: BodyLength, upgrade: bool) -> Result<String, u16> {
        encoded_for(head, strip, (length, upgrade), (&RequestRules::default(), &client(Scheme::Https)))
    }

    fn client(scheme: Scheme) -> Client {
        Client::new(Some(([192, 0, 2, 7], 5000).into()), scheme)
    }

    fn encoded_for(
        head: &RequestHead,
        strip: &str,
        (length, upgrade): (BodyLength, bool),
        (rules, client): (&RequestRules, &Client),
    ) -> Result<String, u16> {
        let facts = Facts { request: head, client, id: &RequestId::default(), nonces: &Nonces::default() };
        let forwarding = &Forwarding::default();
        let (traceparent, server) = (TraceParent::Pass, ServerIndex::default());
        let context = Context { facts, traceparent, strip, forwarding, server, rules, length, upgrade, asks_first: false };
        let mut out = Vec::new();
        encode(&mut out, &context).map_err(|refusal| refusal.status.as_u16())?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    fn plain(head: &RequestHead) -> String {
        encoded(head, "", BodyLength::Empty, false).expect("encoded")
    }

    #[test]
    fn the_target_goes_on_byte_for_byte() {
        for target in ["/a%2Fb//c/../d;e?f=%20&g", "/%zz", "/?", "/a?b?c"] {
            assert!(plain(&head(target, &[("Host", "a")])).starts_with(&format!("GET {target} HTTP/1.1\r\n")), "{target}");
        }
    }

    #[test]
    fn strip_takes_whole_segments_off_and_guesses_nothing() {
        for (target, expected) in [("/api/x?y", "/x?y"), ("/api", "/"), ("/api?y", "/?y"), ("/api/", "/")] {
            let text = encoded(&head(target, &[("Host", "a")]), "/api", BodyLength::Empty, false).expect("encoded");
            assert!(text.starts_with(&format!("GET {expected} HTTP/1.1\r\n")), "{target}: {text}");
        }
        for target in ["/%61pi/x", "//api/x", "/apix", "/api/../api/x", "/api/%2e%2e/etc"] {
            assert_eq!(encoded(&head(target, &[("Host", "a")]), "/api", BodyLength::Empty, false), Err(400), "{target}");
        }
    }

    #[test]
    fn what_a_client_says_of_itself_is_replaced_by_what_is_known() {
        let text = plain(&head(
            "/",
            &[
                ("Host", "shop.test"),
                ("X-Forwarded-For", "1.1.1.1"),
                ("x-real-ip", "1.1.1.1"),
                ("Forwarded", "for=1.1.1.1"),
                ("X-Forwarded-Proto", "gopher"),
            ],
        ));
        assert!(!text.contains("1.1.1.1") && !text.contains("gopher"), "{text}");
        for line in [
            "x-forwarded-for: 192.0.2.7\r\n",
            "x-real-ip: 192.0.2.7\r\n",
            "x-forwarded-proto: https\r\n",
            "x-forwarded-host: shop.test\r\n",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
        assert!(text.contains("forwarded: for=192.0.2.7;host=shop.test;proto=https\r\n"), "{text}");
    }

    #[test]
    fn hop_by_hop_fields_and_those_that_connection_names_do_not_cross() {
        let fields = [
            ("Host", "a"),
            ("Connection", "x-private, keep-alive"),
            ("X-Private", "1"),
            ("Keep-Alive", "1"),
            ("TE", "gzip"),
            ("Upgrade", "h2c"),
            ("Proxy-Authorization", "x"),
            ("X-Kept", "1"),
        ];
        let text = plain(&head("/", &fields)).to_ascii_lowercase();
        assert!(text.contains("x-kept: 1"), "{text}");
        for gone in ["x-private", "connection", "keep-alive", "\r\nte:", "upgrade", "proxy-authorization"] {
            assert!(!text.contains(gone), "{gone} in {text}");
        }
    }

    #[test]
    fn the_operator_may_say_otherwise_and_then_he_alone_does() {
        let rules = RequestRules {
            set: vec![(http::HeaderName::from_static("x-forwarded-proto"), http::HeaderValue::from_static("https"))],
            remove: vec![http::HeaderName::from_static("forwarded"), http::HeaderName::from_static("host")],
            ..RequestRules::default()
        };
        let asked = head("/", &[("Host", "a")]);
        let text = encoded_for(&asked, "", (BodyLength::Empty, false), (&rules, &client(Scheme::Http))).expect("encoded");
        assert_eq!(text.matches("x-forwarded-proto:").count(), 1, "{text}");
        assert!(text.contains("x-forwarded-proto: https\r\n") && !text.contains("\r\nforwarded:"), "{text}");
        assert!(text.contains("\r\nhost: a\r\n"), "HTTP/1.1 has a Host: {text}");
    }

    #[test]
    fn what_may_not_pass_passes_in_no_spelling() {
        let rules = RequestRules {
            set: vec![(http::HeaderName::from_static("x-user"), http::HeaderValue::from_static("checked"))],
            ..RequestRules::default()
        };
        let fields = [
            ("Host", "a"),
            ("X_Forwarded_For", "::1"),
            ("x-real_ip", "::1"),
            ("X_User", "root"),
            ("X_Forwarded_Port", "1"),
            ("Content_Length", "9"),
            ("my_field", "kept"),
        ];
        let text = encoded_for(&head("/", &fields), "", (BodyLength::Empty, false), (&rules, &client(Scheme::Http))).expect("encoded");
        assert!(!text.contains("::1") && !text.contains("root") && !text.contains("_Port") && !text.contains("Content_Length"), "{text}");
        assert!(text.contains("my_field: kept\r\n"), "{text}");
    }

    #[test]
    fn framing_is_written_anew_and_an_upgrade_is_passed_on() {
        let text = encoded(&head("/", &[("Host", "a"), ("Content-Length", "007")]), "", BodyLength::Known(7), false).expect("encoded");
        assert!(text.contains("content-length: 7\r\n") && !text.contains("007"), "{text}");
        let text = encoded(&head("/", &[("Host", "a")]), "", BodyLength::Unknown, false).expect("encoded");
        assert!(text.contains("transfer-encoding: chunked\r\n"), "{text}");
        let upgrade = head("/", &[("Host", "a"), ("Connection", "Upgrade"), ("Upgrade", "websocket")]);
        let text = encoded(&upgrade, "", BodyLength::Empty, true).expect("encoded");
        assert!(text.contains("connection: upgrade\r\nupgrade: websocket\r\n"), "{text}");
    }
}
