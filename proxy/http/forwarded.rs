//! `X-Forwarded-For`, `X-Forwarded-Proto`, `X-Forwarded-Host` and `Forwarded` (RFC 7239), rebuilt from the connection.

use std::net::IpAddr;

/// Appends the value of `Forwarded` (RFC 7239 §4): `for=192.0.2.1;host=example.com;proto=https`. IPv6 is bracketed and quoted (§6),
/// a client without an address is `for=unknown`, a host that is no token is quoted with escapes.
pub fn write_forwarded(out: &mut Vec<u8>, client: Option<IpAddr>, host: &[u8], proto: &str) {
    let _ = (out, client, host, proto);
    todo!()
}
