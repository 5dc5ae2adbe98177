//! What a page asks for as soon as it is read: its scripts and styles. A build whose page names files that are not there yet is half written.
//!
//! No HTML parser: what bundlers write into `index.html` is found, and what is not found only makes a deploy a little less careful.

/// The most references of one page; no page needs as many.
const REFERENCES_MAX: usize = 256;

/// Kinds of `<link>` that a page does not work without.
const NEEDED: [&[u8]; 2] = [b"stylesheet", b"modulepreload"];

/// The paths of the scripts and styles of a page at the root of its route, as they are asked for: beginning with a slash, without query. Those of other
/// sites, and those relative to something else than the page, are left out.
pub(super) fn of(html: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = html;
    while found.len() < REFERENCES_MAX
        && let Some(tag) = memchr::memchr(b'<', rest).and_then(|at| rest.get(at + 1..))
    {
        rest = tag;
        if let Some(comment) = tag.strip_prefix(b"!--") {
            rest = after(comment, b"-->");
            continue;
        }
        let length = tag.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let Some((name, attributes)) = tag.split_at_checked(length) else { break };
        let reference = if name.eq_ignore_ascii_case(b"script") {
            let reference = attribute(attributes, b"src");
            rest = after(attributes, b"</");
            reference
        } else if name.eq_ignore_ascii_case(b"link") && is_needed(attributes) {
            attribute(attributes, b"href")
        } else {
            None
        };
        found.extend(reference.and_then(local_path));
    }
    found
}

fn after<'a>(text: &'a [u8], end: &[u8]) -> &'a [u8] {
    memchr::memmem::find(text, end).and_then(|at| text.get(at + end.len()..)).unwrap_or_default()
}

fn is_needed(attributes: &[u8]) -> bool {
    let kinds = attribute(attributes, b"rel").unwrap_or_default();
    kinds.split(u8::is_ascii_whitespace).any(|kind| NEEDED.iter().any(|needed| needed.eq_ignore_ascii_case(kind)))
}

/// The value of an attribute in the rest of a tag.
fn attribute<'a>(mut rest: &'a [u8], wanted: &[u8]) -> Option<&'a [u8]> {
    loop {
        rest = rest.trim_ascii_start();
        let length = rest.iter().take_while(|byte| !byte.is_ascii_whitespace() && !matches!(byte, b'=' | b'>')).count();
        let (name, behind) = rest.split_at_checked(length)?;
        let Some(value) = behind.trim_ascii_start().strip_prefix(b"=") else {
            if name.is_empty() {
                return None;
            }
            rest = behind;
            continue;
        };
        let (value, behind) = value_of(value.trim_ascii_start())?;
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = behind;
    }
}

fn value_of(text: &[u8]) -> Option<(&[u8], &[u8])> {
    match text.split_first()? {
        (quote @ (b'"' | b'\''), inner) => {
            let end = memchr::memchr(*quote, inner)?;
            Some((inner.get(..end)?, inner.get(end + 1..)?))
        }
        _ => text.split_at_checked(text.iter().take_while(|byte| !byte.is_ascii_whitespace() && **byte != b'>').count()),
    }
}

fn local_path(reference: &[u8]) -> Option<String> {
    let reference = std::str::from_utf8(reference.trim_ascii()).ok()?;
    let path = reference.split(['?', '#']).next()?;
    // `//host/…` and `https:…` are elsewhere; what is relative depends on where the page is shown, and on `<base>`.
    let is_local = path.starts_with('/') && !path.starts_with("//");
    is_local.then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_and_styles_of_this_site_are_found() {
        let html = br#"<!doctype html><html><head><meta charset=utf-8>
            <!-- <script src="/commented.js"></script> -->
            <link rel="icon" href="/icon.svg"><link rel=canonical href="/page">
            <LINK href='/assets/a.css?v=1' REL='stylesheet'>
            <link crossorigin rel="modulepreload" href="/assets/b.js">
            <script>const text = '<link rel="stylesheet" href="/text.css">';</script>
            <script type="module" crossorigin src=/assets/c.js></script>
            <script src="https://other.example/d.js"></script><script src="//other.example/e.js"></script>
            <script src="relative.js"></script><a href="/about">about</a><script src="/last.js"#;
        assert_eq!(of(html), ["/assets/a.css", "/assets/b.js", "/assets/c.js"]);
    }

    #[test]
    fn torn_and_hostile_pages_end() {
        for html in [&b"<"[..], b"<script", b"<script src", b"<script src=", b"<script src=\"/a", b"<!--", b"<link =\"=\" =>", b"<<<<"] {
            assert_eq!(of(html), Vec::<String>::new(), "{}", String::from_utf8_lossy(html));
        }
        assert_eq!(of("<script src=/a.js></script>".repeat(1000).as_bytes()).len(), REFERENCES_MAX);
    }
}
