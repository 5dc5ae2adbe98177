//! Autobahn's cases for WebSocket: the verdicts through the edge are those without it. The edge looks at no frame, so every breach of the protocol must
//! reach the server, and its answer the client, with the same close. Over plain HTTP/1, over TLS, and on streams of HTTP/2 (RFC 8441).

use super::bridge::{Bridge, Way};
use super::{CONFIG, foreign, python_in};
use crate::support::{Edge, Site, run};

/// The cases, and how many they are.
const FRAMING: (&[&str], usize) = (&["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"], 247);
const LARGE: (&[&str], usize) = (&["9.*"], 54);
/// Of those, the halves that differ in what is sent; the others differ in its size.
const LARGE_HALF: (&[&str], usize) = (&["9.1.*", "9.2.*", "9.3.*", "9.5.*"], 27);
const COMPRESSED: (&[&str], usize) = (&["12.1.1", "12.2.2", "13.3.1", "13.5.1"], 4);

/// Runs cases straight and through the edge, directly or by a bridge; all must end alike.
fn assert_same_verdicts(way: Option<Way>, (cases, count): (&[&str], usize)) {
    let config = match way {
        None => CONFIG.to_owned(),
        Some(_) => CONFIG.replace("listen = [\"127.0.0.1:0\"]", "listen = [\"https://127.0.0.1:0\"]\n[tls]\ndev = true"),
    };
    let site = Site::new(&config);
    let Some(mut command) = python_in(&site, &[]) else { return };
    let edge = Edge::start_with(site, |_| {});
    let bridge = way.map(|way| Bridge::start(&edge, way));
    let port = bridge.as_ref().map_or(edge.address(), |bridge| bridge.address).port();
    command.arg(foreign().join("conformance.py")).arg(port.to_string()).arg("app.sock").args(cases);
    let output = run(&mut command);
    let words: Vec<&str> = output.split_whitespace().collect();
    assert_eq!((words[0], &words[4..]), (count.to_string().as_str(), &["0", "differ"][..]), "{way:?}: {output}");
}

#[test]
fn autobahn_judges_framing_and_closing_alike_with_and_without_the_edge() {
    assert_same_verdicts(None, FRAMING);
}

#[test]
fn autobahn_judges_messages_of_16_mib_alike_with_and_without_the_edge() {
    assert_same_verdicts(None, LARGE);
}

#[test]
fn autobahn_judges_compressed_messages_alike_with_and_without_the_edge() {
    assert_same_verdicts(None, COMPRESSED);
}

#[test]
fn autobahn_judges_framing_and_closing_alike_over_tls() {
    assert_same_verdicts(Some(Way::Tls), FRAMING);
}

#[test]
fn autobahn_judges_large_and_compressed_messages_alike_over_tls() {
    assert_same_verdicts(Some(Way::Tls), LARGE_HALF);
    assert_same_verdicts(Some(Way::Tls), COMPRESSED);
}

#[test]
fn autobahn_judges_framing_and_closing_alike_on_streams_of_http2() {
    assert_same_verdicts(Some(Way::Http2), FRAMING);
}

#[test]
fn autobahn_judges_large_and_compressed_messages_alike_on_streams_of_http2() {
    assert_same_verdicts(Some(Way::Http2), LARGE_HALF);
    assert_same_verdicts(Some(Way::Http2), COMPRESSED);
}
