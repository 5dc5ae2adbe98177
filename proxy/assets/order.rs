//! Under which paths a file answers, and which of them it is asked before another.
//!
//! `try` is worked off while loading: every file and every index file is entered under the paths that each attempt finds it
//! by, in the order of the attempts, and the first entry stays. A request is one look-up, whatever the order.

use std::sync::Arc;

use super::asset::Asset;
use super::lookup::{Lookup, Place};
use crate::config::Attempt;

/// Enters the files of one root, and the index files of its folders (by the path of the folder, without its slash). Roots are
/// entered in their order, so that a path is answered by the first that has it, by whatever attempt.
pub(super) fn enter(lookup: &mut Lookup, order: &[Attempt], files: &[Arc<Asset>], indexes: &[(&[u8], Arc<Asset>)]) {
    for attempt in order {
        match attempt {
            Attempt::File => {
                for file in files {
                    lookup.insert(file.key(), || Place::File(Arc::clone(file)));
                }
            }
            Attempt::Ending(ending) => {
                for file in files {
                    if let Some(path) = file.key().strip_suffix(ending.as_bytes()) {
                        lookup.insert(path, || Place::File(Arc::clone(file)));
                    }
                }
            }
            Attempt::Folder => {
                for (folder, file) in indexes {
                    lookup.insert(&[folder, b"/".as_slice()].concat(), || Place::File(Arc::clone(file)));
                    lookup.insert(folder, || Place::Folder);
                }
            }
        }
    }
}
