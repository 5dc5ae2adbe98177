//! What is in a folder that has no index file, as a page and as JSON (in the shape of nginx's `autoindex_format json`).
//!
//! Both are made at load, from the files that are served, so that a list never names what a request cannot get: no hidden names, no coded siblings,
//! and no folder without a file. A folder's time is that of the newest file below it.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::asset::Asset;
use crate::http::accept;
use crate::http::date;
use crate::http::request::{Known, RequestHead};

/// The list of one folder, ready to be answered.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) page: Arc<Asset>,
    pub(super) json: Arc<Asset>,
}

impl Listing {
    /// The form that `Accept` asks for.
    pub(super) fn select(&self, head: &RequestHead) -> &Asset {
        if head.joined(Known::Accept).is_some_and(|value| accept::prefers_json(&value)) { &self.json } else { &self.page }
    }
}

/// What is in every folder, while the files are loaded.
#[derive(Debug)]
pub(super) struct Contents {
    /// By path without the slash at its end; the root is empty.
    folders: BTreeMap<Vec<u8>, Folder>,
}

/// What is in one folder.
#[derive(Debug, Default)]
pub(super) struct Folder {
    folders: BTreeMap<Vec<u8>, Modified>,
    files: BTreeMap<Vec<u8>, (u64, Modified)>,
}

/// Seconds since the epoch; `None` for a time that says nothing.
type Modified = Option<u64>;

impl Contents {
    /// The root alone.
    pub(super) fn new() -> Self {
        Self { folders: BTreeMap::from([(Vec::new(), Folder::default())]) }
    }

    /// Takes in a file of this length, and the folders that it lies in.
    pub(super) fn note(&mut self, key: &[u8], bytes: u64, modified: Modified) {
        if key.split(|&byte| byte == b'/').any(|segment| segment.starts_with(b".")) {
            return;
        }
        let Some((mut folder, name)) = split(key) else { return };
        self.folder(folder).files.insert(name.to_vec(), (bytes, modified));
        while let Some((parent, name)) = split(folder) {
            let newest = self.folder(parent).folders.entry(name.to_vec()).or_default();
            *newest = (*newest).max(modified);
            folder = parent;
        }
    }

    fn folder(&mut self, key: &[u8]) -> &mut Folder {
        self.folders.entry(key.to_vec()).or_default()
    }

    /// Every folder with its path (without the slash at its end).
    pub(super) fn into_folders(self) -> impl Iterator<Item = (Vec<u8>, Folder)> {
        self.folders.into_iter()
    }
}

/// A path's folder and its last segment.
fn split(key: &[u8]) -> Option<(&[u8], &[u8])> {
    let slash = memchr::memrchr(b'/', key)?;
    Some((key.get(..slash)?, key.get(slash + 1..)?))
}

impl Folder {
    /// The list as a page. Without style, which a `Content-Security-Policy` may well forbid.
    pub(super) fn page(&self, key: &[u8]) -> String {
        let title = format!("Index of {}/", escaped(key));
        let mut page = format!(
            "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title></head><body><h1>{title}</h1>\n\
             <table><thead><tr><th align=\"left\">Name</th><th align=\"left\">Last change</th><th align=\"right\">Bytes</th></tr></thead><tbody>\n"
        );
        if !key.is_empty() {
            page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
        }
        let mut row = |name: &[u8], slash: &str, modified: Modified, bytes: &str| {
            let date = modified.map(http_date).unwrap_or_default();
            // The dot keeps a name with a colon from being read as a scheme, `bdi` one with right-to-left marks from changing the row.
            page.push_str(&format!(
                "<tr><td><a href=\"./{}{slash}\"><bdi>{}{slash}</bdi></a></td><td>{date}</td><td align=\"right\">{bytes}</td></tr>\n",
                percent_encoded(name),
                escaped(name)
            ));
        };
        for (name, modified) in &self.folders {
            row(name, "/", *modified, "");
        }
        for (name, (bytes, modified)) in &self.files {
            row(name, "", *modified, &bytes.to_string());
        }
        page.push_str("</tbody></table></body></html>\n");
        page
    }

    /// The list as JSON: `name`, `type`, `mtime` where it says something, and `size` of files in bytes.
    pub(super) fn json(&self) -> String {
        let mtime = |modified: Modified| modified.map_or(String::new(), |modified| format!(",\"mtime\":\"{}\"", http_date(modified)));
        let folders = self
            .folders
            .iter()
            .map(|(name, modified)| format!("{{\"name\":{},\"type\":\"directory\"{}}}", json_string(name), mtime(*modified)));
        let files = self.files.iter().map(|(name, (bytes, modified))| {
            format!("{{\"name\":{},\"type\":\"file\"{},\"size\":{bytes}}}", json_string(name), mtime(*modified))
        });
        format!("[\n{}\n]\n", folders.chain(files).collect::<Vec<_>>().join(",\n"))
    }
}

fn http_date(seconds: u64) -> String {
    String::from_utf8_lossy(&date::format(seconds)).into_owned()
}

/// A name as text of HTML.
fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            other => text.push(other),
        }
    }
    text
}

/// A name as one segment of a path: all but the unreserved characters (RFC 3986 §2.3) are escaped.
fn percent_encoded(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for &byte in name {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// A name as a string of JSON (RFC 8259 §7). What is not UTF-8 has no form there, and is replaced.
fn json_string(name: &[u8]) -> String {
    let mut text = String::from("\"");
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            control if control.is_control() => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::http::path;

    fn root(files: &[(&str, u64, Modified)]) -> Folder {
        let mut contents = Contents::new();
        files.iter().for_each(|(key, bytes, modified)| contents.note(key.as_bytes(), *bytes, *modified));
        contents.into_folders().next().unwrap().1
    }

    #[test]
    fn folders_come_before_files_and_have_the_time_of_the_newest_file_below_them() {
        let newest = Some(1_445_412_480);
        let folder =
            root(&[("/b.txt", 7, None), ("/A.txt", 0, newest), ("/sub/x", 1, None), ("/sub/deep/y", 1, newest), ("/z/x", 1, None)]);
        let expected = "[\n{\"name\":\"sub\",\"type\":\"directory\",\"mtime\":\"Wed, 21 Oct 2015 07:28:00 GMT\"},\n\
                        {\"name\":\"z\",\"type\":\"directory\"},\n\
                        {\"name\":\"A.txt\",\"type\":\"file\",\"mtime\":\"Wed, 21 Oct 2015 07:28:00 GMT\",\"size\":0},\n\
                        {\"name\":\"b.txt\",\"type\":\"file\",\"size\":7}\n]\n";
        assert_eq!(folder.json(), expected);
        let page = folder.page(b"");
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text} in {page}"));
        assert!(at("./sub/") < at("./z/") && at("./z/") < at("./A.txt") && at("./A.txt") < at("./b.txt"), "{page}");
        assert!(!page.contains("../") && folder.page(b"/sub").contains("../"), "only the root has no way up");
    }

    #[test]
    fn a_name_is_text_and_never_markup_a_scheme_or_another_row() {
        let folder = root(&[("/<script>alert('1')&\"", 1, None), ("/javascript:alert(1)", 1, None), ("/a b%\\?#", 1, None)]);
        let page = folder.page(b"/<i>");
        assert!(
            !page.contains("<script>") && !page.contains("<i>") && page.contains("<bdi>&lt;script&gt;alert(&#39;1&#39;)&amp;&quot;</bdi>")
        );
        assert!(page.contains("href=\"./javascript%3Aalert%281%29\"") && page.contains("href=\"./a%20b%25%5C%3F%23\""), "{page}");
        assert!(folder.json().contains(r#""a b%\\?#""#) && folder.json().contains(r#"&\"""#), "{}", folder.json());
    }

    #[test]
    fn names_that_are_not_utf8_are_asked_for_by_their_bytes() {
        let mut contents = Contents::new();
        contents.note(b"/caf\xe9", 1, None);
        let (_, folder) = contents.into_folders().next().unwrap();
        assert!(folder.page(b"").contains("href=\"./caf%E9\"") && folder.json().contains("caf\u{fffd}"));
    }

    #[test]
    fn hidden_names_are_in_no_list() {
        let mut contents = Contents::new();
        contents.note(b"/.well-known/security.txt", 1, None);
        contents.note(b"/a/.b/c", 1, None);
        assert_eq!(contents.into_folders().map(|(key, _)| key).collect::<Vec<_>>(), [b""]);
    }

    proptest! {
        #[test]
        fn a_link_leads_to_its_file_whatever_the_name(name in "[^/\\\\\\p{Cc}]{1,20}") {
            prop_assume!(name != "." && name != "..");
            let asked = format!("/{}", percent_encoded(name.as_bytes()));
            prop_assert_eq!(path::normalize(asked.as_bytes()).unwrap().into_owned(), format!("/{name}").into_bytes());
            let text = escaped(name.as_bytes());
            prop_assert!(!text.contains(['<', '>', '"', '\'']));
        }
    }
}
