//! Consistent hashing: the same key goes to the same server, and when a server comes or goes only its share moves.
//!
//! The ring is Pingora's ketama, as nginx and memcached have it. It knows servers by socket addresses, and ours may be names or Unix sockets: each stands
//! on it under an address made from the hash of its URL, so that every replica with the same servers has the same ring, in whatever order they are written.

use std::net::{Ipv6Addr, SocketAddr};

use pingora_ketama::{Bucket, Continuum};
use xxhash_rust::xxh3::xxh3_128;

use super::group::ServerIndex;

/// Points of the ring that are looked at for a server that fits: beside a server that is down stand those of others.
const POINTS_MAX: usize = 4096;

/// The ring.
pub(super) struct Ring {
    continuum: Continuum,
    /// Who stands under which address, sorted by it.
    servers: Box<[(SocketAddr, ServerIndex)]>,
}

impl Ring {
    /// A ring of these servers: index, URL, weight.
    pub(super) fn new(servers: &[(ServerIndex, &str, u16)]) -> Self {
        let mut known = Vec::new();
        let mut buckets = Vec::new();
        for &(index, url, weight) in servers {
            let address = SocketAddr::new(Ipv6Addr::from(xxh3_128(url.as_bytes())).into(), 0);
            buckets.push(Bucket::new(address, u32::from(weight)));
            known.push((address, index));
        }
        known.sort_unstable();
        Self { continuum: Continuum::new(&buckets), servers: known.into() }
    }

    /// The server of this key, or the next on the ring that fits.
    pub(super) fn find(&self, key: &[u8], fits: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        if self.servers.is_empty() {
            return None;
        }
        let mut last = None;
        for address in self.continuum.node_iter(key).take(POINTS_MAX) {
            // Neighbours are often points of one server.
            if last == Some(address) {
                continue;
            }
            last = Some(address);
            let at = self.servers.binary_search_by(|(known, _)| known.cmp(address)).ok()?;
            let index = self.servers.get(at)?.1;
            if fits(index) {
                return Some(index);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const URLS: [&str; 4] = ["http://a:3000", "unix:/run/b.sock", "http://c:3000", "http://d:3000"];

    fn ring(urls: &[&str]) -> Ring {
        let servers: Vec<_> = urls.iter().enumerate().map(|(index, url)| (ServerIndex::new(index), *url, 1)).collect();
        Ring::new(&servers)
    }

    fn place<'a>(ring: &Ring, urls: &[&'a str], key: u32) -> &'a str {
        urls[ring.find(&key.to_le_bytes(), |_| true).expect("a server").get()]
    }

    #[test]
    fn a_key_keeps_its_server_when_another_goes_or_the_order_changes() {
        let (all, without) = (ring(&URLS), ring(&URLS[..3]));
        let turned = [URLS[2], URLS[0], URLS[3], URLS[1]];
        let mut of_each = [0; 4];
        for key in 0..2000 {
            let server = place(&all, &URLS, key);
            of_each[URLS.iter().position(|url| *url == server).expect("known")] += 1;
            assert_eq!(place(&ring(&turned), &turned, key), server, "{key}");
            if server != URLS[3] {
                assert_eq!(place(&without, &URLS[..3], key), server, "{key}");
            }
            if key > 200 {
                // Building rings is slow without optimisation.
                break;
            }
        }
        assert!(of_each.iter().all(|&keys| keys > 10), "{of_each:?}");
    }

    #[test]
    fn the_next_on_the_ring_stands_in_for_one_that_is_down() {
        let ring = ring(&URLS);
        for key in 0_u32..100 {
            let first = ring.find(&key.to_le_bytes(), |_| true).expect("a server");
            let second = ring.find(&key.to_le_bytes(), |index| index != first).expect("another");
            assert_ne!(first, second);
        }
        assert!(ring.find(b"x", |_| false).is_none());
        assert!(self::ring(&[]).find(b"x", |_| true).is_none());
    }
}
