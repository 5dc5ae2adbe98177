//! Writing header blocks without a dynamic table: each field is the same bytes on every connection.

use super::{huffman, integer, static_table};

/// A literal without indexing (RFC 7541 §6.2.2).
const WITHOUT_INDEXING: u8 = 0x00;
/// A literal that nobody on the way may put into a table (RFC 7541 §6.2.3).
const NEVER_INDEXED: u8 = 0x10;
/// `content-length` (index 28) as a literal without indexing.
const CONTENT_LENGTH: [u8; 2] = [0x0F, 28 - 15];

/// Appends that the dynamic table has no room (RFC 7541 §6.3); goes before all fields.
pub fn table_of_zero(out: &mut Vec<u8>) {
    out.push(0x20);
}

/// Appends `:status`.
pub fn status(out: &mut Vec<u8>, code: u16) {
    // The statuses of the static table (RFC 7541 Appendix A).
    let indexed = match code {
        200 => 8,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => {
            let digits = [code / 100, code / 10 % 10, code % 10].map(|digit| b'0' + digit as u8);
            out.extend_from_slice(&[8, 3]);
            out.extend_from_slice(&digits);
            return;
        }
    };
    out.push(0x80 | indexed);
}

/// Appends `content-length`.
pub fn content_length(out: &mut Vec<u8>, mut length: u64) {
    let mut digits = [0_u8; 20];
    let mut count = 0;
    for slot in digits.iter_mut().rev() {
        *slot = b'0' + (length % 10) as u8;
        count += 1;
        length /= 10;
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(&CONTENT_LENGTH);
    out.push(count as u8);
    out.extend_from_slice(digits.get(digits.len() - count..).unwrap_or_default());
}

/// Appends a field of one response; the name is put into lower case.
pub fn field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    name_of(out, name);
    integer::write(out, 0, 7, value.len());
    out.extend_from_slice(value);
}

/// Appends a field that is encoded once and sent often: as short as it can be.
pub fn constant_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    name_of(out, name);
    let coded_bytes = huffman::coded_bytes(value);
    if coded_bytes < value.len() {
        integer::write(out, 0x80, 7, coded_bytes);
        huffman::encode(value, out);
    } else {
        integer::write(out, 0, 7, value.len());
        out.extend_from_slice(value);
    }
}

fn name_of(out: &mut Vec<u8>, name: &[u8]) {
    if name.iter().any(u8::is_ascii_uppercase) {
        return name_of(out, &name.to_ascii_lowercase());
    }
    // A session must not be found out by what it does to the size of a table (RFC 7541 §7.1.3).
    let form = if name == b"set-cookie" { NEVER_INDEXED } else { WITHOUT_INDEXING };
    match static_table::index_of(name) {
        Some(index) => integer::write(out, form, 4, index),
        None => {
            out.push(form);
            integer::write(out, 0, 7, name.len());
            out.extend_from_slice(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Decoder;
    use super::*;

    #[test]
    fn statuses_and_lengths_are_read_as_they_were_meant() {
        for (code, length) in [(200, 0), (204, 9), (404, 10), (418, 65_535), (999, u64::MAX)] {
            let mut block = Vec::new();
            status(&mut block, code);
            content_length(&mut block, length);
            let mut values = Vec::new();
            Decoder::default()
                .decode(&block, &mut Vec::new(), |name, value| values.push((name.to_vec(), String::from_utf8_lossy(value).into_owned())))
                .expect("a block");
            assert_eq!(values, [(b":status".to_vec(), code.to_string()), (b"content-length".to_vec(), length.to_string())]);
        }
    }

    #[test]
    fn a_cookie_is_put_into_no_table_on_its_way() {
        let mut block = Vec::new();
        field(&mut block, b"Set-Cookie", b"a=b");
        assert_eq!(block, b"\x1f\x28\x03a=b");
    }
}
