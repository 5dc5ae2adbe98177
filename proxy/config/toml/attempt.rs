//! One entry of `try`: a form of the path, the page that stands at the end, or `=404`.

use super::folder::relative_path;
use crate::config::Attempt;
use crate::units::UnitError;

/// What an entry can be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// `{path}`, `{path}.html`, `{path}/`.
    Attempt(Attempt),
    /// `/app.html`: as `spa`, a page of the root. Here without its slash.
    Page(String),
    /// `=404`.
    NotFound,
}

/// The forms, for whoever wrote another.
const FORMS: &str = "write \"{path}\", \"{path}.html\", \"{path}/\", and last perhaps a page such as \"/app.html\", or \"=404\"";

/// Reads one entry. What people write who come from nginx is told the form here.
pub(super) fn parse(text: &str) -> Result<Entry, UnitError> {
    let error = |message: String, help: String| Err(UnitError { message, help });
    if let Some(status) = text.strip_prefix('=') {
        if status == "404" {
            return Ok(Entry::NotFound);
        }
        return error(format!("`try` ends with 404 or a page, not with \"{text}\""), "write \"=404\"".into());
    }
    if let Some(ending) = text.strip_prefix("{path}") {
        return match ending {
            "" => Ok(Entry::Attempt(Attempt::File)),
            "/" => Ok(Entry::Attempt(Attempt::Folder)),
            _ if is_ending(ending) => Ok(Entry::Attempt(Attempt::Ending(ending.to_owned()))),
            _ => error(format!("\"{text}\" is not a form of a path"), FORMS.into()),
        };
    }
    if let Some(rest) = text.strip_prefix("$uri") {
        return error(format!("\"{text}\" is nginx's"), format!("write \"{{path}}{rest}\""));
    }
    if text.starts_with('@') {
        return error(format!("\"{text}\" names no file"), "send other paths on with a [[route]] of their own and `proxy`".into());
    }
    let Some(page) = text.strip_prefix('/') else { return error(format!("\"{text}\" is not a form of a path"), FORMS.into()) };
    let page = relative_path(page)?;
    let is_page = [".html", ".htm", ".xhtml"].iter().any(|ending| page.len() > ending.len() && page.ends_with(ending));
    if !is_page {
        return error(format!("\"{text}\" is not a page, and another file in the place of a missing one would break it"), FORMS.into());
    }
    Ok(Entry::Page(page))
}

/// `.html`: a dot, and what a name may have.
fn is_ending(text: &str) -> bool {
    text.len() > 1 && text.starts_with('.') && !text.ends_with('.') && !text.contains(['/', '\\', '{', '}', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_of_a_path_a_page_and_a_404_are_read() {
        for (text, entry) in [
            ("{path}", Entry::Attempt(Attempt::File)),
            ("{path}/", Entry::Attempt(Attempt::Folder)),
            ("{path}.html", Entry::Attempt(Attempt::Ending(".html".into()))),
            ("{path}.min.js", Entry::Attempt(Attempt::Ending(".min.js".into()))),
            ("/app.html", Entry::Page("app.html".into())),
            ("/sub/app.htm", Entry::Page("sub/app.htm".into())),
            ("=404", Entry::NotFound),
        ] {
            assert_eq!(parse(text).unwrap(), entry, "{text}");
        }
    }

    #[test]
    fn everything_else_is_told_what_to_write() {
        for (text, help) in [
            ("$uri", "\"{path}\""),
            ("$uri/", "\"{path}/\""),
            ("$uri.html", "\"{path}.html\""),
            ("@app", "[[route]]"),
            ("=200", "\"=404\""),
            ("=500", "\"=404\""),
            ("app.html", "\"/app.html\""),
            ("/app.js", "\"/app.html\""),
            ("/../app.html", "\"index.html\""),
            ("{path}/index.html", "\"{path}/\""),
            ("{path}..", "\"{path}\""),
            ("{path}.", "\"{path}\""),
            ("{uri}", "\"{path}\""),
            ("", "\"{path}\""),
        ] {
            let error = parse(text).expect_err(text);
            assert!(error.help.contains(help), "{text}: {}", error.help);
        }
    }
}
