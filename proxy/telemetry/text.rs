//! Values as text in a log line: numbers, and strings of which no byte can end the line or the quotes around it.
//!
//! What comes in may be any bytes from the network. Nothing here may allocate but the line itself.

#![allow(clippy::indexing_slicing, reason = "tables of 16 by four bits, and an array counted down from its length")]

/// Bytes of one value that are shown; what is longer is cut and ends in `…` (JSON) or `...` (combined).
pub(super) const VALUE_BYTES_MAX: usize = 16 * 1024;

/// Appends a number.
pub(super) fn decimal(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends a duration as milliseconds with three digits behind the point: `12.345`.
pub(super) fn milliseconds(out: &mut Vec<u8>, duration: std::time::Duration) {
    let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
    decimal(out, micros / 1000);
    let rest = micros % 1000;
    out.extend_from_slice(&[b'.', b'0' + (rest / 100) as u8, b'0' + (rest / 10 % 10) as u8, b'0' + (rest % 10) as u8]);
}

/// Appends the bytes as a JSON string with its quotes (RFC 8259 §7).
///
/// Bytes that are not UTF-8 become U+FFFD. Beside what JSON asks for, DEL, the C1 controls and the Unicode line ends are
/// escaped: terminals obey the first two, and some readers end a line at the last.
pub(super) fn json(out: &mut Vec<u8>, value: &[u8]) {
    out.push(b'"');
    let (value, cut) = bounded(value);
    let plain = value.iter().position(|&byte| !matches!(byte, 0x20..=0x7e) || byte == b'"' || byte == b'\\');
    let (plain, special) = value.split_at(plain.unwrap_or(value.len()));
    out.extend_from_slice(plain);
    for chunk in special.utf8_chunks() {
        for character in chunk.valid().chars() {
            json_character(out, character);
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice(b"\\ufffd");
        }
    }
    if cut {
        out.extend_from_slice("…".as_bytes());
    }
    out.push(b'"');
}

/// Appends the text for a person at a terminal: as it is, but for what would end the line or command the terminal.
pub(super) fn plain(out: &mut Vec<u8>, value: &str) {
    for character in value.chars() {
        match character {
            '\t' | '"' | '\\' => out.push(character as u8),
            _ => json_character(out, character),
        }
    }
}

fn json_character(out: &mut Vec<u8>, character: char) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\x1f' | '\x7f'..='\u{9f}' | '\u{2028}' | '\u{2029}' => {
            let code = u32::from(character);
            out.extend_from_slice(b"\\u");
            out.extend([12, 8, 4, 0].map(|shift| b"0123456789abcdef"[(code >> shift & 0xf) as usize]));
        }
        _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
    }
}

/// Appends the bytes as nginx does in its `combined` format: `"`, `\`, controls and all above 126 as `\xNN`.
pub(super) fn combined(out: &mut Vec<u8>, value: &[u8]) {
    let (value, cut) = bounded(value);
    for &byte in value {
        if matches!(byte, 0x20..=0x7e) && byte != b'"' && byte != b'\\' {
            out.push(byte);
        } else {
            const HEX: &[u8; 16] = b"0123456789ABCDEF";
            out.extend_from_slice(&[b'\\', b'x', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 0xf)]]);
        }
    }
    if cut {
        out.extend_from_slice(b"...");
    }
}

/// The part of a value that is shown, and whether there is more.
fn bounded(value: &[u8]) -> (&[u8], bool) {
    match value.split_at_checked(VALUE_BYTES_MAX) {
        Some((shown, rest)) => (shown, !rest.is_empty()),
        None => (value, false),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn text(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_durations_are_exact() {
        assert_eq!(text(|out| decimal(out, 0)), "0");
        assert_eq!(text(|out| decimal(out, u64::MAX)), "18446744073709551615");
        assert_eq!(text(|out| milliseconds(out, Duration::from_nanos(12_345_678))), "12.345");
        assert_eq!(text(|out| milliseconds(out, Duration::ZERO)), "0.000");
        assert_eq!(text(|out| milliseconds(out, Duration::from_micros(90_007))), "90.007");
    }

    #[test]
    fn no_byte_can_leave_a_json_string() {
        assert_eq!(text(|out| json(out, b"a\"b\\c\r\n\t\x00\x1b[31m\x7f")), r#""a\"b\\c\r\n\t\u0000\u001b[31m\u007f""#);
        assert_eq!(text(|out| json(out, "gr\u{fc}n \u{2028}\u{9b}".as_bytes())), "\"gr\u{fc}n \\u2028\\u009b\"");
        assert_eq!(text(|out| json(out, b"a\xff\xfeb\xc3")), r#""a\ufffd\ufffdb\ufffd""#);
    }

    #[test]
    fn a_plain_text_keeps_its_line_and_cannot_command_the_terminal() {
        assert_eq!(text(|out| plain(out, "a\t\"b\" c:\\d\n\x1b[2J gr\u{fc}n")), "a\t\"b\" c:\\d\\n\\u001b[2J gr\u{fc}n");
    }

    #[test]
    fn no_byte_can_leave_a_combined_field() {
        assert_eq!(text(|out| combined(out, b"a\"b\\c\n\x00\x7f\xc3\xbc~")), r"a\x22b\x5Cc\x0A\x00\x7F\xC3\xBC~");
    }

    #[test]
    fn a_value_is_cut_at_its_limit_and_shows_that_it_was() {
        let long = vec![b'a'; VALUE_BYTES_MAX + 1];
        assert_eq!(text(|out| json(out, &long)), format!("\"{}…\"", "a".repeat(VALUE_BYTES_MAX)));
        assert_eq!(text(|out| combined(out, &long)), format!("{}...", "a".repeat(VALUE_BYTES_MAX)));
        assert_eq!(text(|out| json(out, &long[1..])), format!("\"{}\"", "a".repeat(VALUE_BYTES_MAX)));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_make_one_json_string_on_one_line(value in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            let line = text(|out| json(out, &value));
            proptest::prop_assert!(!line.bytes().any(|byte| byte < 0x20));
            let parsed: String = serde_json::from_str(&line).unwrap();
            if let Ok(valid) = std::str::from_utf8(&value) {
                proptest::prop_assert_eq!(parsed, valid);
            }
        }
    }
}
