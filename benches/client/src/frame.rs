//! One WebSocket message, made once: what is sent, and the echo that must come (RFC 6455, section 5.2).
//!
//! It must not do I/O; see [`crate::socket`]. Messages are short and whole, so a frame is all there is.

/// The payload, in bytes.
pub const PAYLOAD_BYTES: usize = 32;
const ECHO_BYTES: usize = 2 + PAYLOAD_BYTES;
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
/// FIN, and the opcode of text.
const TEXT: u8 = 0x81;
/// FIN, and the opcode of a close.
pub const CLOSE: u8 = 0x88;
const MASKED: u8 = 0x80;

/// A text message of its own for each connection, so that an echo on the wrong one is seen.
pub struct Message {
    sent: Vec<u8>,
    echo: [u8; ECHO_BYTES],
}

impl Message {
    /// The message of a connection.
    pub fn numbered(number: u64) -> Self {
        let payload = format!("{number:0PAYLOAD_BYTES$x}");
        let mut sent = vec![TEXT, MASKED | PAYLOAD_BYTES as u8];
        sent.extend(MASK);
        // Section 5.3: a client masks, always.
        sent.extend(payload.bytes().zip(MASK.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        let mut echo = [0; ECHO_BYTES];
        let bytes = [TEXT, PAYLOAD_BYTES as u8].into_iter().chain(payload.bytes());
        for (place, byte) in echo.iter_mut().zip(bytes) {
            *place = byte;
        }
        Self { sent, echo }
    }

    /// The masked frame.
    pub fn sent(&self) -> &[u8] {
        &self.sent
    }

    /// The frame that must come back.
    pub fn echo(&self) -> &[u8; ECHO_BYTES] {
        &self.echo
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_unmasks_to_its_echo() {
        let message = Message::numbered(0xbeef);
        assert_eq!(message.sent().len(), 38);
        assert_eq!(message.sent()[..6], [0x81, 0xa0, 0x37, 0xfa, 0x21, 0x3d]);
        let payload: Vec<u8> = message.sent()[6..].iter().enumerate().map(|(at, byte)| byte ^ MASK[at % 4]).collect();
        assert_eq!(payload, message.echo()[2..]);
        assert_eq!(payload, b"0000000000000000000000000000beef");
        assert_eq!(message.echo()[..2], [0x81, 32]);
    }

    #[test]
    fn each_connection_says_something_else() {
        assert_ne!(Message::numbered(1).echo(), Message::numbered(2).echo());
    }
}
