//! Hop-by-hop fields (RFC 9110 §7.6.1): which fields never cross.

/// `true` for fields that concern one connection only, whatever `Connection` says: Connection, Keep-Alive, Proxy-Connection,
/// Proxy-Authenticate, Proxy-Authorization, TE, Transfer-Encoding, Upgrade, HTTP2-Settings. (`Trailer` crosses: trailers do.)
pub fn is_hop_by_hop(name: &[u8]) -> bool {
    let _ = name;
    todo!()
}

/// The members of a list value such as `Connection: close, x-private`, trimmed, empty ones left out.
pub fn members(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let _ = value;
    std::iter::empty()
}
