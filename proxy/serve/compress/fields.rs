//! The fields of a response that its compression depends on or changes, read from and written to lines of a head.
//!
//! RFC 9110 §8.4 (Content-Encoding), §8.8.3.3 (ETags of codings), §12.5.5 (Vary); RFC 9530 (digests).

use super::messages::is_messages;
use crate::http::hop;
use crate::http::media_range::essence;
use crate::serve::exchange::{push_line, split_lines};

const VARY: &[u8] = b"vary";
const ACCEPT_ENCODING: &[u8] = b"Accept-Encoding";

/// What the sender of a response says that forbids to change its content. Collected before the operator's header rules: they may hide it from the
/// client, not from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Untouchable(bool);

impl Untouchable {
    /// Looks at one field.
    pub(crate) fn note(&mut self, name: &[u8], value: &[u8]) {
        self.0 |= match name.len() {
            // Whatever the operator's rules call it afterwards, it is read message by message.
            12 if name.eq_ignore_ascii_case(b"content-type") => is_messages(essence(value)),
            13 if name.eq_ignore_ascii_case(b"cache-control") => has_no_transform(value),
            // Part of something: its bytes are counted.
            13 if name.eq_ignore_ascii_case(b"content-range") => true,
            16 if name.eq_ignore_ascii_case(b"content-encoding") => !value.eq_ignore_ascii_case(b"identity"),
            // The word with which applications ask nginx to let every byte through at once.
            17 if name.eq_ignore_ascii_case(b"x-accel-buffering") => value.eq_ignore_ascii_case(b"no"),
            _ => false,
        };
    }

    /// `true` when the content is to stay as it is.
    pub(crate) fn is_set(self) -> bool {
        self.0
    }
}

fn has_no_transform(cache_control: &[u8]) -> bool {
    hop::members(cache_control).any(|member| member.eq_ignore_ascii_case(b"no-transform"))
}

/// What a head says of its content, after all header rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Facts<'a> {
    /// Without parameters.
    pub(super) media_type: Option<&'a [u8]>,
    pub(super) untouchable: Untouchable,
    pub(super) vary: Vary,
}

/// What `Vary` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Vary {
    /// It is not there.
    Absent,
    /// It names other fields.
    Others,
    /// It names `Accept-Encoding`, or everything.
    Enough,
}

/// Reads the lines of a head.
pub(super) fn facts(lines: &[u8]) -> Facts<'_> {
    let mut facts = Facts { media_type: None, untouchable: Untouchable::default(), vary: Vary::Absent };
    for (name, value) in split_lines(lines) {
        match name.len() {
            4 if name.eq_ignore_ascii_case(VARY) => {
                let is_enough = hop::members(value).any(|member| member == b"*" || member.eq_ignore_ascii_case(ACCEPT_ENCODING));
                facts.vary = if is_enough || facts.vary == Vary::Enough { Vary::Enough } else { Vary::Others };
            }
            // Two of them contradict each other: the type is not known.
            12 if name.eq_ignore_ascii_case(b"content-type") => {
                facts.media_type = if facts.media_type.is_some() { Some(b"") } else { Some(essence(value)) };
            }
            _ => facts.untouchable.note(name, value),
        }
    }
    facts
}

/// Says that the response depends on `Accept-Encoding`, in a `Vary` that is there or in a new one.
pub(super) fn add_vary(lines: &mut Vec<u8>, vary: Vary) {
    match vary {
        Vary::Enough => {}
        Vary::Absent => push_line(lines, VARY, ACCEPT_ENCODING),
        Vary::Others => merge_vary(lines),
    }
}

fn merge_vary(lines: &mut Vec<u8>) {
    let mut rest = Vec::with_capacity(lines.len() + ACCEPT_ENCODING.len() + 2);
    let mut is_added = false;
    for (name, value) in split_lines(lines) {
        if name.eq_ignore_ascii_case(VARY) && !is_added {
            is_added = true;
            let comma: &[u8] = if value.is_empty() { b"" } else { b", " };
            push_line(&mut rest, name, &[value, comma, ACCEPT_ENCODING].concat());
        } else {
            push_line(&mut rest, name, value);
        }
    }
    *lines = rest;
}

/// Makes strong entity tags weak: two forms of one thing are not the same bytes (RFC 9110 §8.8.1).
pub(super) fn weaken_etag(lines: &mut Vec<u8>) {
    rewrite(lines, |_| true);
}

/// Makes the head one of compressed content: says how, and takes back what was said of the bytes before.
pub(super) fn dress(lines: &mut Vec<u8>, coding: &str) {
    // Of the content: its digests (RFC 9530 has Content-Digest and Repr-Digest, RFC 3230 Digest, RFC 1864 Content-MD5), ranges of it that nobody could
    // serve, and `Content-Encoding: identity`.
    const GONE: [&[u8]; 6] = [b"accept-ranges", b"content-encoding", b"content-digest", b"content-md5", b"digest", b"repr-digest"];
    rewrite(lines, |name| !GONE.iter().any(|gone| gone.eq_ignore_ascii_case(name)));
    push_line(lines, b"content-encoding", coding.as_bytes());
}

fn rewrite(lines: &mut Vec<u8>, keeps: impl Fn(&[u8]) -> bool) {
    let mut rest = Vec::with_capacity(lines.len() + 64);
    for (name, value) in split_lines(lines).filter(|(name, _)| keeps(name)) {
        if name.eq_ignore_ascii_case(b"etag") && value.starts_with(b"\"") {
            push_line(&mut rest, name, &[b"W/", value].concat());
        } else {
            push_line(&mut rest, name, value);
        }
    }
    *lines = rest;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn after(lines: &str, change: impl Fn(&mut Vec<u8>)) -> String {
        let mut lines = lines.replace('\n', "\r\n").into_bytes();
        change(&mut lines);
        String::from_utf8(lines).expect("text").replace("\r\n", "\n")
    }

    fn vary(lines: &mut Vec<u8>) {
        let found = facts(lines).vary;
        add_vary(lines, found);
    }

    #[test]
    fn vary_is_added_once_and_merged_with_what_is_there() {
        for (before, expected) in [
            ("", "vary: Accept-Encoding\n"),
            ("X-A: 1\nVary: Origin\n", "X-A: 1\nVary: Origin, Accept-Encoding\n"),
            ("Vary: Origin\nVary: Cookie\n", "Vary: Origin, Accept-Encoding\nVary: Cookie\n"),
            ("Vary: Origin\nvary: accept-encoding\n", "Vary: Origin\nvary: accept-encoding\n"),
            ("Vary: origin,ACCEPT-ENCODING\n", "Vary: origin,ACCEPT-ENCODING\n"),
            ("Vary: *\n", "Vary: *\n"),
            ("Vary: \n", "Vary: Accept-Encoding\n"),
            ("Vary: X-Accept-Encoding\n", "Vary: X-Accept-Encoding, Accept-Encoding\n"),
        ] {
            assert_eq!(after(before, vary), expected, "{before}");
        }
    }

    #[test]
    fn a_compressed_head_says_nothing_of_the_bytes_before() {
        let before = "ETag: \"a\"\nContent-MD5: x\nDigest: x\nContent-Digest: x\nREPR-DIGEST: x\nAccept-Ranges: bytes\nContent-Encoding: identity\nX-A: 1\n";
        assert_eq!(after(before, |lines| dress(lines, "br")), "ETag: W/\"a\"\nX-A: 1\ncontent-encoding: br\n");
        assert_eq!(after("ETag: W/\"a\"\n", weaken_etag), "ETag: W/\"a\"\n");
        assert_eq!(after("etag: \"a\"\nDigest: x\n", weaken_etag), "etag: W/\"a\"\nDigest: x\n");
    }

    #[test]
    fn what_the_sender_says_decides_whether_content_may_change() {
        for (line, untouchable) in [
            ("Cache-Control: public, No-Transform", true),
            ("Cache-Control: public, max-age=1", false),
            ("Cache-Control: x-no-transform", false),
            ("Content-Encoding: gzip", true),
            ("Content-Encoding: identity", false),
            ("Content-Range: bytes 0-1/2", true),
            ("X-Accel-Buffering: no", true),
            ("X-Accel-Buffering: yes", false),
            ("Content-Type: application/json", false),
        ] {
            assert_eq!(facts(format!("{line}\r\n").as_bytes()).untouchable.is_set(), untouchable, "{line}");
        }
    }

    #[test]
    fn what_is_read_message_by_message_stays_so_under_another_name() {
        let mut untouchable = Untouchable::default();
        untouchable.note(b"Content-Type", b"text/html");
        assert!(!untouchable.is_set());
        untouchable.note(b"Content-Type", b"Text/Event-Stream; charset=utf-8");
        assert!(untouchable.is_set());
    }

    #[test]
    fn two_types_are_none() {
        assert_eq!(facts(b"content-type: text/html; charset=utf-8\r\n").media_type, Some(&b"text/html"[..]));
        assert_eq!(facts(b"content-type: text/html\r\nContent-Type: image/png\r\n").media_type, Some(&b""[..]));
        assert_eq!(facts(b"x-a: 1\r\n").media_type, None);
    }

    proptest! {
        #[test]
        fn any_lines_vary_once_afterwards(values in prop::collection::vec("(Vary: |X-A: )[a-zA-Z,*-]{0,20}", 0..5)) {
            let mut lines = values.iter().flat_map(|line| format!("{line}\r\n").into_bytes()).collect();
            vary(&mut lines);
            let once = lines.clone();
            prop_assert!(facts(&lines).vary == Vary::Enough);
            vary(&mut lines);
            prop_assert_eq!(lines, once);
        }

        #[test]
        fn any_bytes_are_read_and_dressed_without_a_panic(lines: Vec<u8>) {
            let mut lines = lines;
            let _ = facts(&lines);
            dress(&mut lines, "gzip");
            vary(&mut lines);
        }
    }
}
