//! Where contents are kept: how much memory and how many descriptors they may take, and how they will be sent.

/// Contents from this size on are worth a `sendfile`: below it two system calls cost more than one copy.
pub(super) const SENDFILE_BYTES_MIN: u64 = 64 * 1024;

/// Bounds on what the contents of a folder take, and what decides their form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Bytes of memory that the contents may take together. When a folder has more, its largest files stay on disk.
    pub memory_bytes_max: u64,
    /// Files on disk that are kept open; further ones are opened when they are asked for.
    pub open_files_max: usize,
    /// How they will be sent.
    pub delivery: Delivery,
}

/// Over which connections contents go out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Plain ones: large contents are kept where the kernel can send them from, and nowhere else.
    Plain,
    /// Encrypted ones: all are kept where they can be encrypted from.
    Encrypted,
    /// Both: large contents are kept in both places.
    Both,
}

impl Storage {
    /// What a content of `length` bytes takes in memory.
    pub(super) fn cost(&self, length: u64) -> u64 {
        let copies = if self.delivery == Delivery::Both && length >= SENDFILE_BYTES_MIN { 2 } else { 1 };
        length.saturating_mul(copies)
    }

    /// The size up to which files stay in memory, for files of these sizes: no more than `file_bytes_max`, and so that all of them
    /// together keep the limit. Equal contents are not known yet and count each; what is refused for it is the largest.
    pub(super) fn memory_file_bytes_max(&self, lengths: impl Iterator<Item = u64>, file_bytes_max: u64) -> u64 {
        let mut lengths: Vec<u64> = lengths.filter(|&length| length <= file_bytes_max).collect();
        let all = lengths.iter().fold(0_u64, |sum, &length| sum.saturating_add(self.cost(length)));
        if all <= self.memory_bytes_max {
            return file_bytes_max;
        }
        lengths.sort_unstable();
        let mut taken = 0_u64;
        for length in lengths {
            taken = taken.saturating_add(self.cost(length));
            if taken > self.memory_bytes_max {
                // Files of one size stay together, whichever way: the choice must not depend on the order of the folder.
                return length.saturating_sub(1);
            }
        }
        file_bytes_max
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(memory_bytes_max: u64, delivery: Delivery, lengths: &[u64]) -> u64 {
        Storage { memory_bytes_max, open_files_max: 0, delivery }.memory_file_bytes_max(lengths.iter().copied(), 1 << 20)
    }

    #[test]
    fn the_largest_files_are_the_first_that_stay_on_disk() {
        assert_eq!(limit(100, Delivery::Plain, &[50, 10, 40]), 1 << 20);
        assert_eq!(limit(99, Delivery::Plain, &[50, 10, 40]), 49);
        assert_eq!(limit(30, Delivery::Plain, &[20, 20, 1]), 19);
        assert_eq!(limit(5, Delivery::Plain, &[50, 0]), 49);
        assert_eq!(limit(0, Delivery::Plain, &[]), 1 << 20);
    }

    #[test]
    fn files_over_the_limit_of_one_file_do_not_count() {
        assert_eq!(limit(100, Delivery::Plain, &[100, 2 << 20]), 1 << 20);
    }

    #[test]
    fn what_is_kept_in_two_places_counts_twice() {
        let lengths = [SENDFILE_BYTES_MIN, SENDFILE_BYTES_MIN - 1];
        let both = 3 * SENDFILE_BYTES_MIN - 1;
        assert_eq!(limit(both, Delivery::Both, &lengths), 1 << 20);
        assert_eq!(limit(both - 1, Delivery::Both, &lengths), SENDFILE_BYTES_MIN - 1);
        assert_eq!(limit(both - 1, Delivery::Encrypted, &lengths), 1 << 20);
    }
}
