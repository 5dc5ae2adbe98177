//! Autobahn's cases for WebSocket: the verdicts through the edge are those without it. The edge looks at no frame, so every breach of the protocol must
//! reach the server, and its answer the client, with the same close.

use super::{CONFIG, foreign, python_in};
use crate::support::{Edge, Site, run};

/// Runs these cases straight and through the edge; all of `count` must end alike.
fn assert_same_verdicts(cases: &[&str], count: usize) {
    let site = Site::new(CONFIG);
    let Some(mut command) = python_in(&site, &[]) else { return };
    let edge = Edge::start_with(site, |_| {});
    command.arg(foreign().join("conformance.py")).arg(edge.address().port().to_string()).arg("app.sock").args(cases);
    let output = run(&mut command);
    let words: Vec<&str> = output.split_whitespace().collect();
    assert_eq!((words[0], &words[4..]), (count.to_string().as_str(), &["0", "differ"][..]), "{output}");
}

#[test]
fn autobahn_judges_framing_and_closing_alike_with_and_without_the_edge() {
    assert_same_verdicts(&["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"], 247);
}

#[test]
fn autobahn_judges_messages_of_16_mib_alike_with_and_without_the_edge() {
    assert_same_verdicts(&["9.*"], 54);
}

#[test]
fn autobahn_judges_compressed_messages_alike_with_and_without_the_edge() {
    assert_same_verdicts(&["12.1.1", "12.2.2", "13.3.1", "13.5.1"], 4);
}
