//! Where contents are kept: how much memory and how many descriptors they may take, and how they will be sent.

/// Contents from this size on are worth a `sendfile`: below it two system calls cost more than one copy.
pub(super) const SENDFILE_BYTES_MIN: u64 = 64 * 1024;

/// See [`Storage::spools_max`].
const SPOOLS_MAX: usize = 64;
/// Files that have to be sent from disk need their descriptors more.
const OPEN_FILES_PER_SPOOL: usize = 8;

/// Bounds on what the contents of a folder take, and what decides their form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    /// Bytes of memory that the contents, and what is kept about them, may take together. When a folder has more, its largest files stay on disk.
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

/// What a loaded folder takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Files on disk that are kept open.
    pub open_files: usize,
}

impl Storage {
    /// The same with room for contents alone, when so much is kept about them.
    pub(super) fn beside(self, bookkeeping_bytes: u64) -> Self {
        Self { memory_bytes_max: self.memory_bytes_max.saturating_sub(bookkeeping_bytes), ..self }
    }

    /// Leaves what is left once this much is taken.
    pub fn take(&mut self, taken: Taken) {
        self.memory_bytes_max = self.memory_bytes_max.saturating_sub(taken.memory_bytes);
        self.open_files_max = self.open_files_max.saturating_sub(taken.open_files);
    }

    /// Contents in memory that may each take a descriptor to be sent faster.
    pub(super) fn spools_max(&self) -> usize {
        (self.open_files_max / OPEN_FILES_PER_SPOOL).min(SPOOLS_MAX)
    }

    /// What a content of `length` bytes takes in memory.
    pub(super) fn cost(&self, length: u64) -> u64 {
        let copies = if self.delivery == Delivery::Both && length >= SENDFILE_BYTES_MIN { 2 } else { 1 };
        length.saturating_mul(copies)
    }

    /// The home of each of some files of these lengths. None over `file_bytes_max` has its home in memory, and all that do keep the limit
    /// together: the largest are the first to go. Equal contents are not known yet and count each.
    pub(super) fn homes(&self, lengths: &[u64], file_bytes_max: u64) -> Vec<Home> {
        let mut by_length: Vec<(u64, usize)> = lengths.iter().copied().zip(0..).filter(|&(length, _)| length <= file_bytes_max).collect();
        // Stable, whatever thread looked at which file: by length, then by place.
        by_length.sort_unstable();
        let mut homes = vec![Home::Disk; lengths.len()];
        let mut taken = 0_u64;
        for (length, index) in by_length {
            taken = taken.saturating_add(self.cost(length));
            match homes.get_mut(index) {
                Some(home) if taken <= self.memory_bytes_max => *home = Home::Memory,
                Some(_) | None => break,
            }
        }
        homes
    }
}

/// Where the content of a file is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// In memory.
    Memory,
    /// On disk.
    Disk,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each file: `m` or `d`.
    fn homes(memory_bytes_max: u64, delivery: Delivery, lengths: &[u64]) -> String {
        let homes = Storage { memory_bytes_max, open_files_max: 0, delivery }.homes(lengths, 1 << 20);
        homes.into_iter().map(|home| if home == Home::Memory { 'm' } else { 'd' }).collect()
    }

    #[test]
    fn the_largest_files_are_the_first_that_stay_on_disk() {
        assert_eq!(homes(100, Delivery::Plain, &[50, 10, 40]), "mmm");
        assert_eq!(homes(99, Delivery::Plain, &[50, 10, 40]), "dmm");
        assert_eq!(homes(49, Delivery::Plain, &[50, 10, 40]), "dmd");
        assert_eq!(homes(41, Delivery::Plain, &[20, 20, 20, 1]), "mmdm");
        assert_eq!(homes(5, Delivery::Plain, &[50, 0]), "dm");
        assert_eq!(homes(0, Delivery::Plain, &[]), "");
    }

    #[test]
    fn files_over_the_limit_of_one_file_do_not_count() {
        assert_eq!(homes(100, Delivery::Plain, &[2 << 20, 100]), "dm");
    }

    #[test]
    fn what_is_kept_in_two_places_counts_twice() {
        let lengths = [SENDFILE_BYTES_MIN, SENDFILE_BYTES_MIN - 1];
        let both = 3 * SENDFILE_BYTES_MIN - 1;
        assert_eq!(homes(both, Delivery::Both, &lengths), "mm");
        assert_eq!(homes(both - 1, Delivery::Both, &lengths), "dm");
        assert_eq!(homes(both - 1, Delivery::Encrypted, &lengths), "mm");
    }
}
