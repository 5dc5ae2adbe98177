//! The PROXY protocol, versions 1 and 2, as the HAProxy project specifies it (proxy-protocol.txt): what a proxy says of a connection before the
//! first byte of it.
//!
//! Reading never asks for a byte more than the header has, so that whatever follows it is still on the connection.

use std::io::Write;
use std::net::{IpAddr, SocketAddr};

/// §2.1: a line of version 1 with its end, at most.
const V1_BYTES_MAX: usize = 107;
/// §2.1, §2.2: no header of either version is shorter.
const BYTES_MIN: usize = 15;
/// §2.2: the fixed part of version 2.
const V2_FIXED_BYTES: usize = 16;
/// What follows it at most: addresses, and extensions, of which a certificate's names are the longest.
const V2_REST_BYTES_MAX: usize = 4096;
const V1_START: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// A version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The proxy speaks for itself (a health check), or does not know: the connection's own addresses count.
    Nothing,
    /// The connection is for this client.
    Client {
        /// The client.
        source: SocketAddr,
        /// Where it connected to.
        destination: SocketAddr,
    },
}

/// How far a header has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many bytes more belong to it in any case.
    Needs(usize),
    /// It is complete.
    Done(Said),
}

/// Looks at the bytes so far, all of which came one after another from [`Step::Needs`].
///
/// # Errors
/// They are no header; the cause, for the log.
pub fn read(bytes: &[u8]) -> Result<Step, &'static str> {
    let begins = |start: &[u8]| start.iter().zip(bytes).all(|(expected, byte)| expected == byte);
    match (begins(V1_START), begins(V2_SIGNATURE)) {
        (false, false) => Err("no PROXY header"),
        _ if bytes.len() < BYTES_MIN => Ok(Step::Needs(BYTES_MIN - bytes.len())),
        (true, _) => read_v1(bytes),
        (false, true) => read_v2(bytes),
    }
}

fn read_v1(bytes: &[u8]) -> Result<Step, &'static str> {
    if let Some(line) = bytes.strip_suffix(b"\r\n") {
        return line_v1(line).map(Step::Done);
    }
    match bytes.last() {
        Some(b'\n') => Err("a PROXY line that ends without a carriage return"),
        _ if bytes.len() >= V1_BYTES_MAX => Err("a PROXY line of more than 107 bytes"),
        Some(b'\r') => Ok(Step::Needs(1)),
        // Its end alone is two bytes.
        _ => Ok(Step::Needs(2.min(V1_BYTES_MAX - bytes.len()))),
    }
}

fn line_v1(line: &[u8]) -> Result<Said, &'static str> {
    const MALFORMED: &str = "a malformed PROXY line";
    let text = std::str::from_utf8(line).map_err(|_| MALFORMED)?;
    let mut words = text.split(' ').skip(1);
    let family = words.next().ok_or(MALFORMED)?;
    // Whatever follows it, to the end of the line.
    if family == "UNKNOWN" {
        return Ok(Said::Nothing);
    }
    let mut next = || words.next().ok_or(MALFORMED);
    let (source, destination, source_port, destination_port) = (next()?, next()?, next()?, next()?);
    if words.next().is_some() {
        return Err(MALFORMED);
    }
    let address = |address: &str, port: &str| -> Option<SocketAddr> {
        let address: IpAddr = address.parse().ok()?;
        let is_port = port.bytes().all(|byte| byte.is_ascii_digit()) && (port == "0" || !port.starts_with('0'));
        let is_of_family = matches!((family, address), ("TCP4", IpAddr::V4(_)) | ("TCP6", IpAddr::V6(_)));
        Some(SocketAddr::new(address, port.parse().ok().filter(|_| is_port && is_of_family)?))
    };
    let source = address(source, source_port).ok_or(MALFORMED)?;
    let destination = address(destination, destination_port).ok_or(MALFORMED)?;
    Ok(Said::Client { source, destination })
}

fn read_v2(bytes: &[u8]) -> Result<Step, &'static str> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<V2_FIXED_BYTES>() else {
        return Ok(Step::Needs(V2_FIXED_BYTES - bytes.len()));
    };
    let &[.., command, family, high, low] = fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if command >> 4 != 2 {
        return Err("a PROXY header of a version that is not known");
    }
    if length > V2_REST_BYTES_MAX {
        return Err("a PROXY header of more than 4096 bytes");
    }
    if rest.len() < length {
        return Ok(Step::Needs(length - rest.len()));
    }
    match command & 15 {
        // LOCAL: whatever the addresses are.
        0 => Ok(Step::Done(Said::Nothing)),
        1 => addresses_v2(family, rest).map(Step::Done),
        _ => Err("a PROXY header with a command that is not known"),
    }
}

/// What follows the addresses are extensions, which say nothing that is used here.
fn addresses_v2(family: u8, rest: &[u8]) -> Result<Said, &'static str> {
    const SHORT: &str = "a PROXY header that is too short for its addresses";
    match family {
        // TCP over IPv4.
        0x11 => {
            let &[a, b, c, d, e, f, g, h, i, j, k, l] = rest.first_chunk().ok_or(SHORT)?;
            let source = SocketAddr::new(IpAddr::from([a, b, c, d]), u16::from_be_bytes([i, j]));
            Ok(Said::Client { source, destination: SocketAddr::new(IpAddr::from([e, f, g, h]), u16::from_be_bytes([k, l])) })
        }
        // TCP over IPv6.
        0x21 => {
            let (source, after) = rest.split_first_chunk::<16>().ok_or(SHORT)?;
            let (destination, after) = after.split_first_chunk::<16>().ok_or(SHORT)?;
            let &[a, b, c, d] = after.first_chunk().ok_or(SHORT)?;
            let source = SocketAddr::new(IpAddr::from(*source), u16::from_be_bytes([a, b]));
            Ok(Said::Client { source, destination: SocketAddr::new(IpAddr::from(*destination), u16::from_be_bytes([c, d])) })
        }
        // A Unix socket: 108 bytes of a path for either end, and no address.
        0x31 if rest.len() < 216 => Err(SHORT),
        // That, and what the proxy does not know.
        0x00 | 0x31 => Ok(Said::Nothing),
        _ => Err("a PROXY header for another protocol than TCP"),
    }
}

/// Writes a header for a client, and where it connected to; without either it says that nothing is known.
pub fn write(out: &mut Vec<u8>, version: Version, client: Option<(SocketAddr, SocketAddr)>) {
    let ends = client.map(|(source, destination)| same_family(source, destination));
    // Writing to a Vec cannot fail.
    match (version, ends) {
        (Version::V1, None) => out.extend_from_slice(b"PROXY UNKNOWN\r\n"),
        (Version::V1, Some((source, destination))) => {
            let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
            let (from, to) = (source.ip(), destination.ip());
            let _ = write!(out, "PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port());
        }
        (Version::V2, ends) => {
            out.extend_from_slice(V2_SIGNATURE);
            out.push(0x21);
            match ends {
                Some((SocketAddr::V4(source), SocketAddr::V4(destination))) => {
                    out.extend_from_slice(&[0x11, 0, 12]);
                    out.extend_from_slice(&source.ip().octets());
                    out.extend_from_slice(&destination.ip().octets());
                    out.extend_from_slice(&source.port().to_be_bytes());
                    out.extend_from_slice(&destination.port().to_be_bytes());
                }
                Some((SocketAddr::V6(source), SocketAddr::V6(destination))) => {
                    out.extend_from_slice(&[0x21, 0, 36]);
                    out.extend_from_slice(&source.ip().octets());
                    out.extend_from_slice(&destination.ip().octets());
                    out.extend_from_slice(&source.port().to_be_bytes());
                    out.extend_from_slice(&destination.port().to_be_bytes());
                }
                Some(_) | None => out.extend_from_slice(&[0x00, 0, 0]),
            }
        }
    }
}

/// Both as IPv4 where they are, else both as IPv6.
fn same_family(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let wide = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    let (source, destination) = (canonical(source), canonical(destination));
    if source.is_ipv4() == destination.is_ipv4() { (source, destination) } else { (wide(source), wide(destination)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds a header byte for byte as it asks; what it said and how many bytes it took.
    fn fed(bytes: &[u8]) -> Result<(Said, usize), &'static str> {
        let mut taken = 0;
        loop {
            match read(&bytes[..taken])? {
                Step::Done(said) => return Ok((said, taken)),
                Step::Needs(more) => {
                    assert!(more > 0);
                    taken += more;
                    if taken > bytes.len() {
                        return Err("incomplete");
                    }
                }
            }
        }
    }

    fn client(source: &str, destination: &str) -> Said {
        Said::Client { source: source.parse().expect("an address"), destination: destination.parse().expect("an address") }
    }

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("a length").to_be_bytes();
        [V2_SIGNATURE, &[command, family], &length, rest].concat()
    }

    const FOUR: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 1, 187];

    #[test]
    fn a_line_of_version_1_is_read_to_its_end_and_no_further() {
        for (line, said) in [
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n", client("192.0.2.7:4660", "10.0.0.1:443")),
            ("PROXY TCP6 2001:db8::7 ::1 4660 0\r\n", client("[2001:db8::7]:4660", "[::1]:0")),
            ("PROXY UNKNOWN\r\n", Said::Nothing),
            ("PROXY UNKNOWN ffff::1 whatever it is\r\n", Said::Nothing),
        ] {
            assert_eq!(fed(format!("{line}GET / HTTP/1.1\r\n").as_bytes()), Ok((said, line.len())), "{line}");
        }
        let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(V1_BYTES_MAX - 16));
        assert_eq!(fed(longest.as_bytes()), Ok((Said::Nothing, V1_BYTES_MAX)));
        assert!(fed(format!("PROXY UNKNOWN {}\r\n", "f".repeat(V1_BYTES_MAX - 15)).as_bytes()).is_err());
    }

    #[test]
    fn a_malformed_line_is_refused() {
        for line in [
            "GET / HTTP/1.1\r\n",
            "proxy TCP4 192.0.2.7 10.0.0.1 4660 443\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 4660\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 4660 443 \r\n",
            "PROXY TCP4  192.0.2.7 10.0.0.1 4660 443\r\n",
            "PROXY TCP4 2001:db8::7 ::1 4660 443\r\n",
            "PROXY TCP6 192.0.2.7 10.0.0.1 4660 443\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 +466 443\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 04660 443\r\n",
            "PROXY TCP4 192.0.2.007 10.0.0.1 4660 443\r\n",
            "PROXY UDP4 192.0.2.7 10.0.0.1 4660 443\r\n",
            "PROXY \r\n........\r\n",
        ] {
            assert!(fed(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn version_2_is_read_by_its_length_and_extensions_are_passed_over() {
        let extended = [&FOUR[..], &[0x01, 0, 2, b'h', b'2', 0x20, 0, 0]].concat();
        let six = [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[7], &[0; 15], &[1, 0x12, 0x34, 1, 187]].concat();
        for (header, said) in [
            (v2(0x21, 0x11, &FOUR), client("192.0.2.7:4660", "10.0.0.1:443")),
            (v2(0x21, 0x11, &extended), client("192.0.2.7:4660", "10.0.0.1:443")),
            (v2(0x21, 0x21, &six), client("[2001:db8::7]:4660", "[::1]:443")),
            (v2(0x20, 0x00, &[]), Said::Nothing),
            (v2(0x20, 0x11, &FOUR), Said::Nothing),
            (v2(0x21, 0x00, &[1, 2, 3]), Said::Nothing),
            (v2(0x21, 0x31, &[0; 216]), Said::Nothing),
        ] {
            let bytes = [header.as_slice(), b"\x16\x03\x01"].concat();
            assert_eq!(fed(&bytes), Ok((said, header.len())), "{header:02x?}");
        }
    }

    #[test]
    fn a_malformed_header_of_version_2_is_refused() {
        let mut other = v2(0x21, 0x11, &FOUR);
        other[11] = b'\r';
        for header in [
            v2(0x11, 0x11, &FOUR),
            v2(0x31, 0x11, &FOUR),
            v2(0x22, 0x11, &FOUR),
            v2(0x21, 0x12, &FOUR),
            v2(0x21, 0x41, &FOUR),
            v2(0x21, 0x11, &FOUR[..11]),
            v2(0x21, 0x21, &FOUR),
            v2(0x21, 0x31, &[0; 215]),
            v2(0x21, 0x11, &[0; V2_REST_BYTES_MAX + 1]),
            other,
        ] {
            assert!(fed(&header).is_err_and(|cause| cause != "incomplete"), "{header:02x?}");
        }
    }

    #[test]
    fn what_is_written_is_read_the_same() {
        let address = |text: &str| -> SocketAddr { text.parse().expect("an address") };
        for version in [Version::V1, Version::V2] {
            for (ends, said) in [
                (None, Said::Nothing),
                (Some(("192.0.2.7:4660", "10.0.0.1:443")), client("192.0.2.7:4660", "10.0.0.1:443")),
                (Some(("[::ffff:192.0.2.7]:4660", "[::ffff:10.0.0.1]:443")), client("192.0.2.7:4660", "10.0.0.1:443")),
                (Some(("[2001:db8::7]:4660", "10.0.0.1:443")), client("[2001:db8::7]:4660", "[::ffff:10.0.0.1]:443")),
            ] {
                let mut out = Vec::new();
                write(&mut out, version, ends.map(|(source, destination)| (address(source), address(destination))));
                assert_eq!(fed(&out), Ok((said, out.len())), "{version:?} {ends:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic_or_read_without_end(bytes: Vec<u8>, start in 0..3_usize) {
            let start: &[u8] = [&b""[..], V1_START, V2_SIGNATURE][start];
            let bytes = [start, &bytes].concat();
            let _ = fed(&bytes);
            crate::http::promises::proxy_protocol::check(&bytes);
        }
    }
}
