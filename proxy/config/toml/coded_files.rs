//! The keys of `[compression]` that are about files.

use super::reader::Table;
use crate::config::{CodedFiles, defaults};

/// Reads `precompressed` and `static`. The rest of the table is others' to read and to finish.
pub(super) fn read(table: &mut Table<'_>) -> CodedFiles {
    let mut switch = |name, default| table.item(name).and_then(|item| item.boolean()).unwrap_or(default);
    CodedFiles {
        precompressed: switch("precompressed", defaults::CODED_FILES.precompressed),
        compress: switch("static", defaults::CODED_FILES.compress),
    }
}
