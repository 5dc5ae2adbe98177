//! The static table (RFC 7541 Appendix A).

/// Names and values; the first has index 1.
const FIELDS: [(&str, &str); FIELD_COUNT] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// Entries; the dynamic table begins behind them.
pub(super) const FIELD_COUNT: usize = 61;

/// The field with this index, which begins at 1.
pub(super) fn field(index: usize) -> Option<(&'static [u8], &'static [u8])> {
    let (name, value) = FIELDS.get(index.checked_sub(1)?)?;
    Some((name.as_bytes(), value.as_bytes()))
}

/// The index of a name in lower case.
pub(super) fn index_of(name: &[u8]) -> Option<usize> {
    let first = name.first()?;
    let is_it =
        |(known, _): &(&str, &str)| known.len() == name.len() && known.as_bytes().first() == Some(first) && known.as_bytes() == name;
    FIELDS.iter().position(is_it).map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_are_where_the_rfc_has_them() {
        assert_eq!(field(0), None);
        assert_eq!(field(2), Some((&b":method"[..], &b"GET"[..])));
        assert_eq!(field(61), Some((&b"www-authenticate"[..], &b""[..])));
        assert_eq!(field(62), None);
        assert_eq!((index_of(b"date"), index_of(b":status"), index_of(b"x-date")), (Some(33), Some(8), None));
    }
}
