//! The name of a request: made when it is first asked for, so that what needs none costs none; the same in the logs of the edge, of the
//! application, and on the page that a person reads out on the telephone.

use std::cell::OnceCell;

use super::client::Client;
use super::nonce::{Nonce, Nonces};
use crate::http::request::RequestHead;

/// The field that carries it.
pub(crate) const FIELD: &str = "x-request-id";
/// Bytes of one that is taken over from a trusted proxy.
const PASSED_BYTES_MAX: usize = 128;

/// A name.
#[derive(Debug, Clone)]
pub(crate) enum Id {
    /// 128 random bits in hexadecimal digits.
    Made(Nonce),
    /// That of a trusted proxy.
    Passed(Box<[u8]>),
    /// None: the system has no randomness to give.
    Nameless,
}

impl Id {
    /// As it is written; empty when there is none.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Made(nonce) => nonce.as_bytes(),
            Self::Passed(bytes) => bytes,
            Self::Nameless => b"",
        }
    }
}

/// The name of one request, once somebody has asked for it.
#[derive(Debug, Default)]
pub(crate) struct RequestId(OnceCell<Id>);

impl RequestId {
    /// The name; made now unless it was before.
    pub(crate) fn get(&self, head: &RequestHead, client: &Client, nonces: &Nonces) -> &[u8] {
        let id = self.0.get_or_init(|| passed(head, client).or_else(|| nonces.fresh().map(Id::Made)).unwrap_or(Id::Nameless));
        id.as_bytes()
    }

    /// The name, if anybody has asked for it.
    pub(crate) fn known(&self) -> Option<Id> {
        self.0.get().cloned()
    }
}

/// What a trusted proxy calls the request, if that can stand in logs and pages as it is.
fn passed(head: &RequestHead, client: &Client) -> Option<Id> {
    if !client.has_trusted_peer {
        return None;
    }
    let value = head.field(FIELD)?;
    let is_plain = value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:=+/@".contains(byte));
    (is_plain && (1..=PASSED_BYTES_MAX).contains(&value.len())).then(|| Id::Passed(value.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::Version;
    use crate::units::Scheme;

    fn id(value: &str, has_trusted_peer: bool) -> String {
        let mut head = RequestHead::default();
        head.start(Version::Http11, b"GET", b"/");
        head.push(b"X-Request-ID", value.as_bytes());
        let client = Client { has_trusted_peer, ..Client::new(None, Scheme::Http) };
        let (id, nonces) = (RequestId::default(), Nonces::default());
        let first = id.get(&head, &client, &nonces).to_vec();
        assert_eq!(id.get(&head, &client, &nonces), first, "it stays the same");
        String::from_utf8(first).expect("text")
    }

    #[test]
    fn that_of_a_trusted_proxy_is_taken_over_and_no_other() {
        assert_eq!(id("01J9-abc_DEF.7:=+/@", true), "01J9-abc_DEF.7:=+/@");
        let long = "a".repeat(PASSED_BYTES_MAX + 1);
        for (value, trusted) in [("abc", false), ("", true), ("a b", true), ("<b>", true), ("a\"", true), (long.as_str(), true)] {
            let made = id(value, trusted);
            assert!(made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()), "{value}: {made}");
        }
    }
}
