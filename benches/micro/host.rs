//! Whose request it is: the `Host` that came, and the forwarding fields that go on.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use divan::{Bencher, black_box};
use transom::http::forwarded::write_forwarded;
use transom::http::host;

const HOSTS: [&str; 4] =
    ["localhost:8080", "app.example.com", "xn--bcher-kva.customer-4711.eu-central.example.co.uk:8443", "[2001:db8::1]:8443"];
const CLIENTS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(192, 0, 2, 17)), IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))];

/// Checking and splitting `Host`: once for each request, linear in its length.
#[divan::bench(args = HOSTS)]
fn parse(bencher: Bencher<'_, '_>, value: &str) {
    assert!(host::parse(value.as_bytes()).is_some());
    bencher.bench_local(|| host::parse(black_box(value.as_bytes())));
}

/// Writing `Forwarded` into a buffer that is there: what each proxied request pays to say where it came from.
#[divan::bench(args = CLIENTS)]
fn forwarded(bencher: Bencher<'_, '_>, client: IpAddr) {
    let mut out = Vec::with_capacity(256);
    bencher.bench_local(|| {
        out.clear();
        write_forwarded(&mut out, Some(black_box(client)), black_box(b"app.example.com"), "https");
        out.len()
    });
    assert!(out.starts_with(b"for="));
}
