//! `server.trusted_proxies`: who may say of a request where it came from.

use std::net::IpAddr;

use crate::units::{Network, UnitError};

/// `"private"`: what no packet from the internet comes from. Loopback (RFC 1122 §3.2.1.3, RFC 4291 §2.5.3), private use (RFC 1918),
/// link-local (RFC 3927, RFC 4291 §2.5.6) and unique local (RFC 4193).
const PRIVATE: &[&str] =
    &["127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "::1/128", "fc00::/7", "fe80::/10"];

/// `"cloudflare"`: <https://www.cloudflare.com/ips-v4> and <https://www.cloudflare.com/ips-v6>, as published since 28 September 2023.
const CLOUDFLARE: &[&str] = &[
    "173.245.48.0/20",
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "141.101.64.0/18",
    "108.162.192.0/18",
    "190.93.240.0/20",
    "188.114.96.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "162.158.0.0/15",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "172.64.0.0/13",
    "131.0.72.0/22",
    "2400:cb00::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2405:b500::/32",
    "2405:8100::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
];

/// The peers that are believed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<Network>,
    unix: bool,
}

impl TrustedProxies {
    /// Takes in one entry of the list: a network, or the name of a list.
    ///
    /// # Errors
    /// It is neither.
    pub fn add(&mut self, text: &str) -> Result<(), UnitError> {
        let list = match text {
            "unix" => {
                self.unix = true;
                return Ok(());
            }
            "private" => PRIVATE,
            "cloudflare" => CLOUDFLARE,
            text => {
                let help =
                    "write a network (\"10.0.0.0/8\"), \"private\", \"cloudflare\", or \"unix\" for those that come over a Unix socket";
                self.networks.push(Network::parse(text).map_err(|error| {
                    let help = if text.bytes().any(|byte| byte.is_ascii_digit()) { error.help } else { help.into() };
                    UnitError { message: error.message, help }
                })?);
                return Ok(());
            }
        };
        for network in list {
            self.networks.push(Network::parse(network)?);
        }
        Ok(())
    }

    /// `true` when nobody is trusted.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty() && !self.unix
    }

    /// `true` for a peer at this address; without one it came over a Unix socket.
    pub fn includes(&self, peer: Option<IpAddr>) -> bool {
        peer.map_or(self.unix, |address| self.networks.iter().any(|network| network.contains(address)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(entries: &[&str]) -> TrustedProxies {
        let mut trusted = TrustedProxies::default();
        entries.iter().for_each(|entry| trusted.add(entry).expect(entry));
        trusted
    }

    fn includes(entries: &[&str], peer: &str) -> bool {
        trusted(entries).includes(Some(peer.parse().expect("an address")))
    }

    #[test]
    fn a_list_stands_for_its_networks() {
        for (list, inside, outside) in [
            ("private", "192.168.3.4", "192.169.0.1"),
            ("private", "fd00::1", "2606:4700::1"),
            ("cloudflare", "104.27.255.255", "104.28.0.0"),
        ] {
            assert!(includes(&[list], inside) && !includes(&[list], outside), "{list}");
        }
        assert!(includes(&["private"], "::ffff:127.0.0.1"));
    }

    #[test]
    fn a_unix_socket_is_trusted_by_its_own_word_alone() {
        assert!(trusted(&["unix"]).includes(None));
        assert!(!trusted(&["private"]).includes(None));
        assert!(!includes(&["unix"], "127.0.0.1"));
        assert!(trusted(&[]).is_empty() && !trusted(&["unix"]).is_empty());
    }
}
