//! Media types that are read message by message: each must arrive at once, and not all who read them decode.

/// `true` for an event stream or gRPC (a media type without parameters, in any case).
pub(super) fn is_messages(media_type: &[u8]) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    media_type.eq_ignore_ascii_case(b"text/event-stream")
        || media_type.get(..GRPC.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(GRPC))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_streams_and_every_form_of_grpc_are_messages() {
        for media_type in
            ["text/event-stream", "Text/Event-Stream", "application/grpc", "application/gRPC+json", "application/grpc-web-text"]
        {
            assert!(is_messages(media_type.as_bytes()), "{media_type}");
        }
        for media_type in ["text/html", "application/json", "application/x-ndjson", "application/grp", ""] {
            assert!(!is_messages(media_type.as_bytes()), "{media_type}");
        }
    }
}
