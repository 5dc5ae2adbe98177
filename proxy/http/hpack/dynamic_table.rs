//! The fields that a client has sent before and names by their index (RFC 7541 §2.3.2).

use std::collections::VecDeque;

/// What an entry counts beside its bytes (RFC 7541 §4.1).
const ENTRY_OVERHEAD_BYTES: usize = 32;

/// The table, newest entry first.
#[derive(Debug)]
pub(super) struct DynamicTable {
    entries: VecDeque<Entry>,
    size_bytes: usize,
    size_bytes_max: usize,
}

#[derive(Debug)]
struct Entry {
    bytes: Box<[u8]>,
    name_bytes: usize,
}

impl Entry {
    fn size_bytes(&self) -> usize {
        self.bytes.len() + ENTRY_OVERHEAD_BYTES
    }
}

impl DynamicTable {
    pub(super) fn new(size_bytes_max: usize) -> Self {
        Self { entries: VecDeque::new(), size_bytes: 0, size_bytes_max }
    }

    /// The entry with this index; the newest has 0.
    pub(super) fn get(&self, index: usize) -> Option<(&[u8], &[u8])> {
        let entry = self.entries.get(index)?;
        entry.bytes.split_at_checked(entry.name_bytes)
    }

    /// Adds an entry. One that is larger than the table empties it (RFC 7541 §4.4).
    pub(super) fn insert(&mut self, name_and_value: Box<[u8]>, name_bytes: usize) {
        let entry = Entry { bytes: name_and_value, name_bytes };
        let size = entry.size_bytes();
        self.evict_to(self.size_bytes_max.saturating_sub(size));
        if size <= self.size_bytes_max {
            self.size_bytes += size;
            self.entries.push_front(entry);
        }
    }

    pub(super) fn resize(&mut self, size_bytes_max: usize) {
        self.size_bytes_max = size_bytes_max;
        self.evict_to(size_bytes_max);
    }

    fn evict_to(&mut self, size_bytes: usize) {
        while self.size_bytes > size_bytes
            && let Some(entry) = self.entries.pop_back()
        {
            self.size_bytes -= entry.size_bytes();
        }
    }
}
