//! From which length on files are compressed, and when the result is worth keeping. Of which types they are is for `http::compressible`.

/// Shorter files fit into one packet with their head as they are.
pub(super) const LENGTH_BYTES_MIN: u64 = 1024;

/// The most bytes that a coded form of a file may have to be kept: it saves at least 5 %, for less does not pay for its memory and for
/// decoding it.
pub(super) const fn worth_bytes_max(length: u64) -> u64 {
    length - length / 20
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_percent_is_the_least() {
        assert_eq!([0, 1000, 1019, u64::MAX].map(worth_bytes_max), [0, 950, 969, u64::MAX - u64::MAX / 20]);
    }
}
