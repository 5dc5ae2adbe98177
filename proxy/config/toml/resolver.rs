//! `resolver` of `[server]`: who is asked for the names of upstreams.

use std::net::{IpAddr, SocketAddr};

use super::item::Item;
use crate::units::UnitError;

/// The port of names (RFC 1035 §4.2).
const DNS_PORT: u16 = 53;
/// As many as `/etc/resolv.conf` may have; more would only take longer to fail.
const SERVERS_MAX: usize = 3;

/// Reads it.
pub(super) fn read(item: &Item<'_>) -> Vec<SocketAddr> {
    let entries = item.list();
    if entries.is_empty() {
        item.reader.report(
            item.mistake("`resolver` is empty").help("write resolver = [\"10.0.0.2:53\"], or take it out: then the system's are asked"),
        );
    }
    if let Some(one_more) = entries.get(SERVERS_MAX) {
        item.reader.report(one_more.mistake(format!("`resolver` has more than {SERVERS_MAX} servers")).help("take some out"));
    }
    entries.iter().filter_map(|entry| entry.parse(address)).map(|address| address.value).collect()
}

fn address(text: &str) -> Result<SocketAddr, UnitError> {
    let bare = |text: &str| text.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, DNS_PORT));
    match text.parse::<SocketAddr>().ok().or_else(|| bare(text)) {
        Some(address) if address.port() > 0 => Ok(address),
        _ => Err(UnitError {
            message: format!("\"{text}\" is not the address of a server of names"),
            help: "write an IP address, \"10.0.0.2\", with a port where it is not 53: \"10.0.0.2:5353\"".into(),
        }),
    }
}
