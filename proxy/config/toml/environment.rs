//! `env` of a route with `root`: which variables go into which script.

use super::folder::relative_path;
use super::item::Item;
use super::keys;
use super::reader::Table;
use crate::config::{Diagnostic, Environment, PublicEnvironment, Spanned, defaults};
use crate::units::UnitError;

/// Properties of `window` that cannot be written, or lead away from the page when they are (HTML: `[LegacyUnforgeable]`).
const UNFORGEABLE: [&str; 4] = ["window", "document", "location", "top"];

/// Reads `env`; `None` when it is wrong, which is then reported.
pub(super) fn read(item: &Item<'_>) -> Option<PublicEnvironment> {
    let entries = item.entries()?;
    let mut table = Table::new(item.reader, &keys::ENV, "env", Some((entries, item.span)));
    let file =
        table.item("file").map_or_else(|| Some(Spanned::new(defaults::ENV_FILE.to_owned(), item.span)), |item| item.parse(script_path));
    let global =
        table.item("global").map_or_else(|| Some(defaults::ENV_GLOBAL.to_owned()), |item| item.parse(identifier).map(|name| name.value));
    let keys = table.required("keys");
    table.finish();
    let patterns = read_keys(&keys?);
    let mut env = PublicEnvironment { file: file?, global: global?, values: Environment::new(), unset: Vec::new() };
    for pattern in patterns {
        match pattern {
            Pattern::Prefix(prefix) => {
                let chosen = item.reader.environment.iter().filter(|(name, _)| name.starts_with(&prefix));
                env.values.extend(chosen.map(|(name, value)| (name.clone(), value.clone())));
            }
            Pattern::Name(name) => match item.reader.environment.get(&name) {
                Some(value) => drop(env.values.insert(name, value.clone())),
                None => env.unset.push(name),
            },
        }
    }
    Some(env)
}

/// An entry of `keys`.
enum Pattern {
    /// `"API_URL"`.
    Name(String),
    /// `"PUBLIC_*"`.
    Prefix(String),
}

fn read_keys(item: &Item<'_>) -> Vec<Pattern> {
    let names = item.texts();
    if item.list().is_empty() {
        item.reader.report(item.mistake("`keys` is empty, so nothing is published").help(format!("write keys = {}", item.example)));
    }
    names.into_iter().filter_map(|name| pattern(item, name)).collect()
}

fn pattern(item: &Item<'_>, name: Spanned<String>) -> Option<Pattern> {
    let is_name = |text: &str| {
        let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        word && !text.is_empty() && !text.starts_with(|first: char| first.is_ascii_digit())
    };
    match name.value.strip_suffix('*') {
        Some(prefix) if is_name(prefix) => return Some(Pattern::Prefix(prefix.to_owned())),
        Some("") => item.reader.report(
            Diagnostic::new(name.span, "`*` would publish the whole environment")
                .label("passwords and tokens too")
                .help("name the variables, or give those that pages may read a prefix: keys = [\"PUBLIC_*\"]"),
        ),
        None if is_name(&name.value) => return Some(Pattern::Name(name.value)),
        Some(_) | None => item.reader.report(
            Diagnostic::new(name.span, format!("\"{}\" is not the name of a variable", name.value))
                .help("write \"API_URL\", or a prefix with one `*` at its end: \"PUBLIC_*\""),
        ),
    }
    None
}

/// The path of a script below its route.
fn script_path(text: &str) -> Result<String, UnitError> {
    let error = |help: String| UnitError { message: format!("\"{text}\" is not the path of a script"), help };
    let Some(relative) = text.strip_prefix('/') else {
        return Err(error(format!("begin with a slash: \"/{text}\"")));
    };
    let is_script = relative.ends_with(".js") || relative.ends_with(".mjs");
    let is_plain = relative.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'#'));
    if relative_path(relative).is_err() || !is_script || !is_plain || relative.split('/').any(|segment| segment.starts_with('.')) {
        return Err(error("write a path such as \"/env.js\"".into()));
    }
    Ok(text.into())
}

/// An identifier of JavaScript in ASCII, which `window` does not need itself.
fn identifier(text: &str) -> Result<String, UnitError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$');
    if text.is_empty() || !text.bytes().all(allowed) || text.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(UnitError {
            message: format!("\"{text}\" is not an identifier of JavaScript"),
            help: "use letters, digits, `_` and `$`, and no digit at first: \"__ENV__\"".into(),
        });
    }
    if UNFORGEABLE.contains(&text) {
        return Err(UnitError {
            message: format!("`window.{text}` belongs to the browser"),
            help: "choose a name that is yours: \"__ENV__\"".into(),
        });
    }
    Ok(text.into())
}

#[cfg(test)]
mod tests {
    use crate::config::{Action, Environment, PublicEnvironment, Source, read};

    fn env(text: &str) -> PublicEnvironment {
        let text = format!("[[route]]\npath = \"/\"\nroot = \"dist\"\nenv = {text}\n");
        let set = ["API_URL", "API_URL_OLD", "PUBLIC_", "PUBLIC_A", "NOT_PUBLIC_A"].map(|name| (name.to_owned(), name.to_lowercase()));
        let config = read(&Source { name: "proxy.toml".into(), text }, &Environment::from(set)).expect("a good config");
        match config.routes.into_iter().next().map(|route| route.action.value) {
            Some(Action::Root(folder)) => folder.env.expect("an environment"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_are_whole_and_prefixes_stand_at_the_begin() {
        let env = env("{ keys = [\"PUBLIC_*\", \"API_URL\", \"PUBLIC_A\", \"GONE\", \"NONE_*\"] }");
        let names: Vec<&str> = env.values.keys().map(String::as_str).collect();
        assert_eq!(names, ["API_URL", "PUBLIC_", "PUBLIC_A"]);
        assert_eq!(env.values.get("API_URL").map(String::as_str), Some("api_url"));
        assert_eq!(env.unset, ["GONE"]);
    }

    #[test]
    fn file_and_global_have_defaults() {
        let env = env("{ keys = \"API_URL\" }");
        assert_eq!((env.file.value.as_str(), env.global.as_str()), ("/env.js", "__ENV__"));
    }
}
