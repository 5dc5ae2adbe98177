//! `errors = { 404 = "/404.html", 5xx = "/50x.html" }`: the pages of a folder that answer in the place of Transom's own.

use http::StatusCode;

use super::folder::relative_path;
use super::item::Item;
use crate::config::{Diagnostic, ErrorPage, Statuses};

/// Reads every entry; those that are wrong are reported and left out.
pub(super) fn read(item: &Item<'_>) -> Vec<ErrorPage> {
    item.named()
        .into_iter()
        .filter_map(|(name, file)| {
            let statuses = match statuses(&name.value) {
                Ok(statuses) => Some(statuses),
                Err((message, help)) => {
                    item.reader.report(Diagnostic::new(name.span, message).help(help));
                    None
                }
            };
            // A path of the site, as nginx has it, or a path from the root on: both name the same file.
            let file = file.parse(|text| relative_path(text.strip_prefix('/').unwrap_or(text)));
            Some(ErrorPage { statuses: statuses?, file: file? })
        })
        .collect()
}

fn statuses(name: &str) -> Result<Statuses, (String, String)> {
    let class = |digit: char| name.starts_with(digit) && name.len() == 3 && name.contains(['x', 'X']);
    match (name, name.parse::<u16>()) {
        ("4xx", _) => Ok(Statuses::ClientErrors),
        ("5xx", _) => Ok(Statuses::ServerErrors),
        // They answer what the client itself made a condition or a range of (RFC 9110 §15.5.13, §15.5.17), which is not a person's to read.
        (_, Ok(412 | 416)) => {
            Err((format!("{name} has no page: only programs ask for conditions and ranges"), format!("take `{name}` out")))
        }
        (_, Ok(status @ 400..=599)) => {
            StatusCode::from_u16(status).map(Statuses::One).map_err(|_| (format!("`{name}` is not a status"), String::new()))
        }
        _ if class('4') || class('5') => {
            let class = name.get(..1).unwrap_or_default();
            Err((format!("`{name}` is not a class of statuses"), format!("write {class}xx for {class}00 to {class}99")))
        }
        _ => Err((format!("`{name}` is not the status of an error"), "name one from 400 to 599, or all of a class: 4xx, 5xx".to_owned())),
    }
}
