//! The head that goes to an upstream: the client's own, less what concerns its connection alone, plus what is known of the client.

use std::io::Write;
use std::net::IpAddr;

use http::StatusCode;

use crate::http::request::{Field, Known, Method, RequestHead};
use crate::http::{forwarded, hop};
use crate::plan::RequestRules;
use crate::serve::client::Client;
use crate::serve::exchange::{BodyLength, push_line};
use crate::serve::refusal::Refusal;

/// What the head depends on beside the client's.
pub(super) struct Context<'a> {
    pub(super) client: &'a Client,
    pub(super) strip: &'a str,
    pub(super) rules: &'a RequestRules,
    pub(super) length: BodyLength,
    /// The client wants another protocol, and may have it.
    pub(super) upgrade: bool,
}

/// Writes the head into `out`.
///
/// # Errors
/// When `strip` cannot be taken off the bytes that were sent.
pub(super) fn encode(out: &mut Vec<u8>, head: &RequestHead, context: &Context<'_>) -> Result<(), Refusal> {
    out.clear();
    out.extend_from_slice(head.method_token());
    out.push(b' ');
    write_target(out, head, context.strip)?;
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let host = head.authority().unwrap_or(b"localhost");
    if !context.rules.overrides(b"host") {
        push_line(out, b"host", host);
    }
    let connection = head.joined(Known::Connection);
    for field in head.fields() {
        if crosses(&field, connection.as_deref(), context.rules) {
            push_line(out, field.name, field.value);
        }
    }
    write_origin(out, host, context.client);
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
    for (name, value) in &context.rules.set {
        push_line(out, name.as_str().as_bytes(), value.as_bytes());
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

/// The target, byte for byte; `strip` is taken off the bytes that were sent and nothing is encoded anew.
fn write_target(out: &mut Vec<u8>, head: &RequestHead, strip: &str) -> Result<(), Refusal> {
    let target = head.path_and_query();
    let rest = if strip.is_empty() {
        target
    } else {
        target.strip_prefix(strip.as_bytes()).filter(|rest| matches!(rest.first(), None | Some(b'/' | b'?'))).ok_or_else(|| {
            // The normal form begins with the prefix, the bytes do not: whatever was taken off would be a guess.
            Refusal::new(StatusCode::BAD_REQUEST, "the path is escaped where `strip` must be taken off")
        })?
    };
    if !rest.starts_with(b"/") && !rest.starts_with(b"*") {
        out.push(b'/');
    }
    out.extend_from_slice(rest);
    Ok(())
}

/// `true` for a field that concerns the upstream as well.
fn crosses(field: &Field<'_>, connection: Option<&[u8]>, rules: &RequestRules) -> bool {
    let ours = match field.known {
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
        None => false,
    };
    if ours || rules.overrides(field.name) {
        return false;
    }
    // Named by `Connection` (RFC 9110 §7.6.1).
    !connection.is_some_and(|names| hop::members(names).any(|name| name.eq_ignore_ascii_case(field.name)))
}

/// What is known of the client, from the connection and from nothing that it says of itself (`product.md`, trap 13).
fn write_origin(out: &mut Vec<u8>, host: &[u8], client: &Client) {
    let address = client.address.map(|address| address.ip().to_canonical());
    if let Some(address) = address {
        write_address(out, b"x-forwarded-for: ", address);
        write_address(out, b"x-real-ip: ", address);
    }
    push_line(out, b"x-forwarded-proto", client.scheme_name().as_bytes());
    push_line(out, b"x-forwarded-host", host);
    out.extend_from_slice(b"forwarded: ");
    forwarded::write_forwarded(out, address, host, client.scheme_name());
    out.extend_from_slice(b"\r\n");
}

fn write_address(out: &mut Vec<u8>, prefix: &[u8], address: IpAddr) {
    out.extend_from_slice(prefix);
    let _ = write!(out, "{address}\r\n");
}
