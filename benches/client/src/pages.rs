//! The list of what a page load asks for: first the page, then what it loads.

use std::convert::Infallible;
use std::io;
use std::path::PathBuf;
use std::str::FromStr;

use http::Uri;

/// The file with the list, not read yet.
#[derive(Clone)]
pub struct PagesFile(PathBuf);

/// What a visitor asks for.
#[derive(Debug, PartialEq, Eq)]
pub struct Pages {
    /// The page itself.
    pub page: Uri,
    /// What it loads, at once.
    pub assets: Vec<Uri>,
}

impl FromStr for PagesFile {
    type Err = Infallible;

    fn from_str(path: &str) -> Result<Self, Infallible> {
        Ok(Self(PathBuf::from(path)))
    }
}

impl PagesFile {
    /// Reads the list.
    ///
    /// # Errors
    /// The file cannot be read, has no path, or a line is none.
    pub fn read(&self) -> io::Result<Pages> {
        let because = |reason: String| io::Error::other(format!("{}: {reason}", self.0.display()));
        let text = std::fs::read_to_string(&self.0).map_err(|error| because(error.to_string()))?;
        Pages::parse(&text).map_err(because)
    }
}

impl Pages {
    /// One path a line; empty lines are passed over.
    fn parse(text: &str) -> Result<Self, String> {
        let paths = text.lines().map(str::trim).filter(|line| !line.is_empty());
        let mut uris = paths.map(uri).collect::<Result<Vec<_>, _>>()?.into_iter();
        let page = uris.next().ok_or("no page in it")?;
        Ok(Self { page, assets: uris.collect() })
    }
}

/// A path as HTTP/2 asks for it.
pub fn uri(path: &str) -> Result<Uri, String> {
    if !path.starts_with('/') {
        return Err(format!("`{path}` is no path"));
    }
    format!("https://localhost{path}").parse().map_err(|error| format!("`{path}`: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_page() {
        let pages = Pages::parse("/\n/assets/index-1.js\r\n\n/assets/index-2.css\n").unwrap();
        assert_eq!(pages.page, "https://localhost/");
        assert_eq!(pages.assets, ["https://localhost/assets/index-1.js", "https://localhost/assets/index-2.css"]);
    }

    #[test]
    fn a_list_without_a_page_is_refused() {
        assert_eq!(Pages::parse("\n \n"), Err("no page in it".to_owned()));
        assert_eq!(Pages::parse("index.html"), Err("`index.html` is no path".to_owned()));
        assert!(Pages::parse("/a b").is_err());
    }
}
