//! The frames of HTTP/2 (RFC 9113 §4, §6) as bytes: their heads are read and written, their payloads taken apart. What they mean for a stream is not
//! known here.

/// What a client sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The head of a frame.
pub const HEAD_BYTES: usize = 9;
/// The payload that we take, and send: the least that everybody can (`SETTINGS_MAX_FRAME_SIZE`), and a TLS record's worth.
pub const PAYLOAD_BYTES_MAX: usize = 16_384;
/// A flow-control window is never larger (RFC 9113 §6.9.1).
pub const WINDOW_BYTES_MAX: i64 = (1 << 31) - 1;

/// Flags of frames.
pub mod flag {
    /// SETTINGS and PING: it was heard.
    pub const ACK: u8 = 0x1;
    /// DATA and HEADERS: the sender has said all on this stream.
    pub const END_STREAM: u8 = 0x1;
    /// HEADERS and CONTINUATION: the block is whole.
    pub const END_HEADERS: u8 = 0x4;
    /// DATA and HEADERS.
    pub const PADDED: u8 = 0x8;
    /// HEADERS: five bytes of priority, which we do not look at.
    pub const PRIORITY: u8 = 0x20;
}

/// The kinds of frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Kind {
    Data,
    Headers,
    Priority,
    RstStream,
    Settings,
    PushPromise,
    Ping,
    GoAway,
    WindowUpdate,
    Continuation,
    /// Of an extension: ignored (RFC 9113 §5.5).
    Unknown,
}

impl Kind {
    const ALL: [Self; 10] = [
        Self::Data,
        Self::Headers,
        Self::Priority,
        Self::RstStream,
        Self::Settings,
        Self::PushPromise,
        Self::Ping,
        Self::GoAway,
        Self::WindowUpdate,
        Self::Continuation,
    ];

    fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Unknown)
    }

    fn code(self) -> u8 {
        Self::ALL.iter().position(|kind| *kind == self).map_or(u8::MAX, |at| at as u8)
    }
}

/// Why a stream or a connection ends (RFC 9113 §7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
#[allow(missing_docs, reason = "the names of the RFC")]
pub enum Code {
    NoError = 0x0,
    Protocol = 0x1,
    Internal = 0x2,
    FlowControl = 0x3,
    StreamClosed = 0x5,
    FrameSize = 0x6,
    RefusedStream = 0x7,
    Cancel = 0x8,
    Compression = 0x9,
    EnhanceYourCalm = 0xb,
}

/// The head of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Bytes of the payload.
    pub length: usize,
    /// What it is.
    pub kind: Kind,
    /// See [`flag`].
    pub flags: u8,
    /// The stream; 0 is the connection.
    pub stream: u32,
}

impl Head {
    /// Reads the head at the beginning of `bytes`; `None` when it is not whole.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, w, x, y, z] = *bytes.first_chunk::<HEAD_BYTES>()?;
        Some(Self {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind: Kind::from_code(kind),
            flags,
            // The first bit is reserved (§4.1).
            stream: u32::from_be_bytes([w, x, y, z]) & 0x7FFF_FFFF,
        })
    }

    /// Its bytes.
    pub fn bytes(self) -> [u8; HEAD_BYTES] {
        let [_, a, b, c] = (self.length as u32).to_be_bytes();
        let [w, x, y, z] = self.stream.to_be_bytes();
        [a, b, c, self.kind.code(), self.flags, w, x, y, z]
    }

    /// `true` when this flag is set.
    pub fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends a frame with a small payload.
pub fn write(out: &mut Vec<u8>, kind: Kind, flags: u8, stream: u32, payload: &[u8]) {
    out.extend_from_slice(&Head { length: payload.len(), kind, flags, stream }.bytes());
    out.extend_from_slice(payload);
}

/// Takes the padding (and of HEADERS the priority) off a payload; `None` when there is more of it than there is payload (RFC 9113 §6.1, §6.2).
pub fn content(head: Head, payload: &[u8]) -> Option<&[u8]> {
    let (padding, rest) = if head.has(flag::PADDED) {
        let (&padding, rest) = payload.split_first()?;
        (usize::from(padding), rest)
    } else {
        (0, payload)
    };
    let rest = if head.kind == Kind::Headers && head.has(flag::PRIORITY) { rest.get(5..)? } else { rest };
    rest.get(..rest.len().checked_sub(padding)?)
}

/// The number of four bytes at the beginning of a payload, without its reserved bit.
pub fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes) & 0x7FFF_FFFF)
}

/// Identifiers and values of a SETTINGS payload (RFC 9113 §6.5.1).
pub fn settings(payload: &[u8]) -> impl Iterator<Item = (u16, u32)> {
    payload.chunks_exact(6).filter_map(|entry| {
        let [a, b, w, x, y, z] = *entry.first_chunk::<6>()?;
        Some((u16::from_be_bytes([a, b]), u32::from_be_bytes([w, x, y, z])))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn padding_and_priority_are_taken_off() {
        let head = |kind, flags| Head { length: 0, kind, flags, stream: 1 };
        let data = head(Kind::Data, flag::PADDED);
        assert_eq!(content(data, b"\x02ab\0\0"), Some(&b"ab"[..]));
        assert_eq!(content(data, b"\x00"), Some(&b""[..]));
        assert_eq!(content(data, b"\x01"), None);
        assert_eq!(content(data, b""), None);
        assert_eq!(content(head(Kind::Headers, flag::PADDED | flag::PRIORITY), b"\x01\0\0\0\0\x10hd\0"), Some(&b"hd"[..]));
        assert_eq!(content(head(Kind::Headers, flag::PRIORITY), b"\0\0\0"), None);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(length in 0_usize..1 << 24, kind in 0_u8..10, flags: u8, stream in 0_u32..1 << 31) {
            let head = Head { length, kind: Kind::from_code(kind), flags, stream };
            prop_assert_eq!(Head::read(&head.bytes()), Some(head));
        }
    }
}
