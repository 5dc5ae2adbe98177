//! A folder written as one string: `//- /path` begins a file, what follows is its content.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// A folder of its own for one test.
pub struct Site {
    folder: TempDir,
}

impl Site {
    /// Writes the files. `//- /proxy.toml` is the config; every other path is below the folder too.
    pub fn new(text: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("transom-").tempdir().expect("a folder for the test");
        let site = Self { folder };
        for section in text.split("//- /").skip(1) {
            let (name, content) = section.split_once('\n').unwrap_or((section, ""));
            // The last line end belongs to the next marker, not to the file.
            site.write(name.trim(), content.strip_suffix('\n').unwrap_or(content).as_bytes());
        }
        site
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A path below it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes one file and the folders that it needs.
    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).expect("a folder");
        }
        std::fs::write(path, content).expect("a file");
    }
}
