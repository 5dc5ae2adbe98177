//! Frames: what is taken out of a payload lies within it, and a head is the same when it is written and read again.

use crate::http::frame::{self, HEAD_BYTES, Head};

/// Whether the promises hold for these bytes; gives the blocks of fields among them.
///
/// # Panics
/// When one is broken.
pub fn check(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    while let Some(head) = Head::read(bytes) {
        let rest = bytes.get(HEAD_BYTES..).unwrap_or_default();
        let Some((payload, behind)) = rest.split_at_checked(head.length) else { break };
        if head.kind != frame::Kind::Unknown {
            assert_eq!(Head::read(&head.bytes()), Some(head));
        }
        if let Some(content) = frame::content(head, payload) {
            assert!(content.len() <= payload.len());
            if matches!(head.kind, frame::Kind::Headers | frame::Kind::Continuation) {
                blocks.push(content);
            }
        }
        assert!(frame::settings(payload).count() == payload.len() / 6);
        assert!(frame::number(payload).is_none_or(|number| number >> 31 == 0));
        bytes = behind;
    }
    blocks
}
