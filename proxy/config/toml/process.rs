//! `[process.NAME]`.

use ::toml::de::DeValue;

use super::item::Item;
use super::keys;
use super::reader::Table;
use super::upstream::named_tables;
use crate::config::{Process, Ready, Spanned};
use crate::units::ServerUrl;

/// Reads every `[process.NAME]`.
pub(super) fn read(item: Option<Item<'_>>) -> Vec<Process> {
    named_tables(item, "process", &keys::PROCESS).into_iter().filter_map(|(name, table)| read_one(name, table)).collect()
}

fn read_one(name: Spanned<String>, mut table: Table<'_>) -> Option<Process> {
    let command = table.required("command").and_then(|item| read_command(&item));
    let cwd = table.item("cwd").and_then(|item| item.path());
    let env = table.item("env").map(|item| read_env(&item)).unwrap_or_default();
    let env_pass = table.item("env_pass").map(|item| read_env_pass(&item)).unwrap_or_default();
    let ready = table.item("ready").and_then(|item| read_ready(&item));
    table.finish();
    Some(Process { name, command: command?, cwd, env, env_pass, ready })
}

fn read_command(item: &Item<'_>) -> Option<Spanned<Vec<String>>> {
    if let DeValue::String(line) = item.value {
        let words = line.split_whitespace().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ");
        let mistake = item.mistake("`command` must be a list, not a string").label("no shell reads this");
        item.reader.report(mistake.help(format!("write command = [{words}]")));
        return None;
    }
    let DeValue::Array(_) = item.value else {
        item.wrong_type("a list");
        return None;
    };
    let entries = item.list();
    let words: Vec<_> = entries.iter().filter_map(Item::text).collect();
    if words.len() < entries.len() {
        return None;
    }
    if let Some(word) = words.iter().find(|word| word.value.contains('\0')) {
        item.reader
            .report(crate::config::Diagnostic::new(word.span, "an argument has a NUL").help("take it out; no program can be given one"));
        return None;
    }
    if words.first().is_none_or(|program| program.value.is_empty()) {
        item.reader.report(item.mistake("`command` names no program").help(format!("write command = {}", item.example)));
        return None;
    }
    Some(Spanned::new(words.into_iter().map(|word| word.value).collect(), item.span))
}

fn is_name(text: &str) -> bool {
    let word = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    word && !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit())
}

fn read_env(item: &Item<'_>) -> Vec<(String, String)> {
    let mut env = Vec::new();
    for (name, value) in item.named() {
        let text = value.text();
        if !is_name(&name.value) {
            let mistake = crate::config::Diagnostic::new(name.span, format!("\"{}\" is not the name of a variable", name.value));
            item.reader.report(mistake.help("use letters, digits and underscores: NODE_ENV"));
        } else if let Some(text) = text {
            if text.value.contains('\0') {
                item.reader.report(value.mistake(format!("the value of `{}` has a NUL", name.value)).help("take it out"));
            }
            env.push((name.value, text.value));
        }
    }
    env
}

fn read_env_pass(item: &Item<'_>) -> Vec<String> {
    let mut names = Vec::new();
    for name in item.texts() {
        let prefix = name.value.strip_suffix('*').unwrap_or(&name.value);
        if name.value == "*" || is_name(prefix) {
            names.push(name.value);
        } else {
            let mistake = crate::config::Diagnostic::new(name.span, format!("\"{}\" is not the name of a variable", name.value));
            item.reader.report(mistake.help("write \"DATABASE_URL\", or a prefix such as \"APP_*\"; a value is set in `env`"));
        }
    }
    names
}

fn read_ready(item: &Item<'_>) -> Option<Spanned<Ready>> {
    let entries = item.entries()?;
    let mut table = Table::new(item.reader, &keys::READY, "ready", Some((entries, item.span)));
    let (upstream, socket) = (table.item("upstream"), table.item("socket"));
    let misspelt = table.misspells("upstream")
        || table.misspells("socket")
        || entries.iter().any(|(key, _)| keys::READY.find(key.get_ref()).is_some());
    table.finish();
    let ready = match (upstream, socket) {
        (Some(upstream), Some(socket)) => {
            let mistake = crate::config::Diagnostic::new(socket.key_span, "`ready` waits for one thing: `upstream` or `socket`");
            item.reader.report(mistake.related(upstream.key_span, "first here").help("take one of them out"));
            return None;
        }
        (Some(upstream), None) => Ready::Upstream(upstream.text_not_empty()?.value),
        (None, Some(socket)) => Ready::Socket(socket.parse(ServerUrl::parse)?.value),
        (None, None) => {
            if !misspelt {
                item.reader
                    .report_absent(item.mistake("`ready` says not what to wait for").help(format!("write ready = {}", item.example)));
            }
            return None;
        }
    };
    Some(Spanned::new(ready, item.span))
}
