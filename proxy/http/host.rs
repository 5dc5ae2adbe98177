//! The authority of a request: `Host` and `:authority` (RFC 9110 §7.2, RFC 3986 §3.2.2).

/// A checked authority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Host<'a> {
    /// The name or address without port; IPv6 keeps its brackets. As received, not lowered. May be empty only for an empty `Host`.
    pub name: &'a [u8],
    /// The port, if one was written.
    pub port: Option<u16>,
}

/// Checks and splits a `Host` value. `None` when it is malformed: userinfo, a character that no host has, a bad port, a bad IPv6 literal.
pub fn parse(value: &[u8]) -> Option<Host<'_>> {
    let _ = value;
    todo!()
}

/// `true` for a public DNS name, which HSTS makes sense for (RFC 6797 §8.1.1): not an IP address, not `localhost` or below it, not a single label,
/// not under `.local`, `.test`, `.internal`, `.invalid`, `.example`, `.home.arpa`.
pub fn is_public_name(name: &[u8]) -> bool {
    let _ = name;
    todo!()
}
