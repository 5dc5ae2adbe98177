//! Networks in CIDR notation: `"10.0.0.0/8"`, `"2001:db8::/32"`; an address alone is a network of one.

use std::net::IpAddr;

use super::UnitError;

/// A network: addresses whose first bits are the same. IPv4 in IPv6 (`::ffff:192.0.2.1`) counts as IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// The first address.
    address: IpAddr,
    /// How many bits are the same.
    bits: u8,
}

impl Network {
    /// Reads a network.
    ///
    /// # Errors
    /// It is no address, has more bits than its family, or has bits set behind those that count: then it is not clear which network is meant.
    pub fn parse(text: &str) -> Result<Self, UnitError> {
        let error = |help: String| UnitError { message: format!("\"{text}\" is not a network"), help };
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| error("write an address and its bits, such as \"10.0.0.0/8\"".into()))?;
        let bits_max = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => bits_max,
            Some(bits) => bits
                .parse()
                .ok()
                .filter(|&count: &u8| count <= bits_max && bits.bytes().all(|byte| byte.is_ascii_digit()))
                .ok_or_else(|| error(format!("the number behind the slash is 0 to {bits_max}")))?,
        };
        let first = masked(address, bits);
        if first != address {
            return Err(error(format!("write \"{first}/{bits}\" for the network, or \"{address}\" for the one address")));
        }
        Ok(Self { address, bits })
    }

    /// `true` when this address is in it.
    pub fn contains(&self, address: IpAddr) -> bool {
        masked(address.to_canonical(), self.bits) == self.address
    }
}

/// The address with all but its first bits cleared. Of the other family, it is no network's first address but by an all-zero mask, and then the
/// families still differ.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(address) => {
            let mask = u32::MAX.checked_shl(32_u32.saturating_sub(u32::from(bits))).unwrap_or(0);
            IpAddr::from((u32::from(address) & mask).to_be_bytes())
        }
        IpAddr::V6(address) => {
            let mask = u128::MAX.checked_shl(128_u32.saturating_sub(u32::from(bits))).unwrap_or(0);
            IpAddr::from((u128::from(address) & mask).to_be_bytes())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Network::parse(network).expect("a network").contains(address.parse().expect("an address"))
    }

    #[test]
    fn an_address_is_in_the_network_that_its_first_bits_name() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.6"),
            ("172.16.0.0/12", "172.31.0.1", "172.32.0.1"),
            ("0.0.0.0/0", "255.255.255.255", "::1"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::"),
            ("::1", "::1", "::2"),
            ("::/0", "fe80::1", "10.0.0.1"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
        ] {
            assert!(contains(network, inside), "{inside} in {network}");
            assert!(!contains(network, outside), "{outside} in {network}");
        }
    }

    #[test]
    fn what_is_not_one_network_is_refused_with_what_would_be() {
        for (text, help) in [
            ("10.0.0.1/8", "\"10.0.0.0/8\""),
            ("10.0.0.0/33", "0 to 32"),
            ("::/129", "0 to 128"),
            ("10.0.0.0/+8", "0 to 32"),
            ("10.0.0.0/", "0 to 32"),
            ("10.0.0/8", "such as"),
            ("example.com", "such as"),
            ("", "such as"),
        ] {
            let error = Network::parse(text).expect_err(text);
            assert!(error.help.contains(help), "{text}: {}", error.help);
        }
    }
}
