//! The cookie that keeps a client with its server: what stands in it for each.
//!
//! A value is a keyed hash of the server's URL: it tells a client nothing of what is inside, and it is the same on every replica and after a restart. Without
//! a `secret` the key is the name of the upstream: who can guess an address can then see that it is there; with one, nobody can.
//!
//! Whose server fails goes to another and gets its cookie, also when its own is back: what the client has done since is known there. A backup is an
//! exception. Its cookie holds a client there while no other server can be asked, so that one of several backups has all of its requests; once another can
//! be asked, the client goes to one and gets a new cookie, for a backup is asked only while no other can be. (HAProxy follows the cookie of a backup for
//! as long as that lives, so that clients of an outage stay there for days.)

use std::fmt::Write as _;

use aws_lc_rs::hmac;

use super::group::ServerIndex;

/// Bytes of the hash that are used: by chance no two servers of one group have the same.
const TOKEN_BYTES: usize = 12;

/// The values of one group.
#[derive(Debug)]
pub(super) struct Tokens {
    tokens: Box<[Box<str>]>,
}

impl Tokens {
    /// The values for servers with these URLs, under this key.
    pub(super) fn new(key: &str, urls: &[&str]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
        Self { tokens: urls.iter().map(|url| token(&key, url)).collect() }
    }

    /// The server that a value names.
    pub(super) fn find(&self, value: &[u8]) -> Option<ServerIndex> {
        self.tokens.iter().position(|token| token.as_bytes() == value).map(ServerIndex::new)
    }

    /// The value of a server.
    pub(super) fn of(&self, server: ServerIndex) -> Option<&str> {
        self.tokens.get(server.get()).map(Box::as_ref)
    }
}

fn token(key: &hmac::Key, url: &str) -> Box<str> {
    let tag = hmac::sign(key, url.as_bytes());
    let mut token = String::with_capacity(2 * TOKEN_BYTES);
    for byte in tag.as_ref().iter().take(TOKEN_BYTES) {
        let _ = write!(token, "{byte:02x}");
    }
    token.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_names_its_server_and_says_nothing_of_it() {
        let urls = ["http://10.0.0.1:3000", "http://10.0.0.2:3000"];
        let tokens = Tokens::new("api", &urls);
        let first = tokens.of(ServerIndex::new(0)).expect("a token");
        assert_eq!(first.len(), 24);
        assert!(first.bytes().all(|byte| byte.is_ascii_hexdigit()) && !first.contains("10.0"), "{first}");
        assert_eq!(tokens.find(first.as_bytes()), Some(ServerIndex::new(0)));
        assert_eq!(tokens.find(b"http://10.0.0.1:3000"), None);
        assert_eq!(Tokens::new("api", &urls).of(ServerIndex::new(0)), Some(first), "the same on every replica");
        assert_ne!(Tokens::new("other", &urls).of(ServerIndex::new(0)), Some(first));
    }
}
