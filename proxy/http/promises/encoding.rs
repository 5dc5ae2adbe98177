//! `Accept-Encoding`: the coding that is chosen is the best of those that the client takes.

use crate::http::encoding::{Coding, choose};

/// Orders of preference, complete and not.
const AVAILABLE: [&[Coding]; 5] = [
    &[],
    &[Coding::Gzip],
    &[Coding::Brotli, Coding::Gzip],
    &[Coding::Zstd, Coding::Brotli, Coding::Gzip],
    &[Coding::Gzip, Coding::Zstd, Coding::Brotli],
];

/// Whether the promises hold for this value.
///
/// # Panics
/// When one is broken.
pub fn check(value: &[u8]) {
    assert!(AVAILABLE.iter().all(|available| choose(None, available).is_none()), "without the field nothing is coded");
    let members = members(value);
    for available in AVAILABLE {
        let chosen = choose(Some(value), available);
        assert_eq!(chosen, model(&members, available), "{:?} of {available:?}", value.escape_ascii().to_string());
        assert!(chosen.is_none_or(|coding| available.contains(&coding)));
    }
}

/// The names in lower case and their weights in thousandths, malformed members left out.
fn members(value: &[u8]) -> Vec<(String, u32)> {
    // Bytes above 0x7F are in no name and in no weight; Latin-1 keeps them apart.
    let text: String = value.iter().map(|&byte| char::from(byte)).collect();
    let member = |member: &str| {
        let (name, weight) = match member.split_once(';') {
            None => (member, 1000),
            Some((name, parameter)) => (name, weight(trimmed(parameter))?),
        };
        let name = trimmed(name).to_ascii_lowercase();
        Some((if name == "x-gzip" { "gzip".to_owned() } else { name }, weight))
    };
    text.split(',').filter_map(member).collect()
}

fn trimmed(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

/// `q=0.125` (RFC 9110 §12.4.2), by its text: at most three decimals, at most 1.
fn weight(parameter: &str) -> Option<u32> {
    let number = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if !matches!(whole, "0" | "1") || decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u32 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (thousandths <= 1000).then_some(thousandths)
}

/// All that is acceptable, sorted: by weight, and where they are equal by the order of the server.
fn model(members: &[(String, u32)], available: &[Coding]) -> Option<Coding> {
    let named = |name: &str| members.iter().filter(|member| member.0 == name).map(|member| member.1).min();
    let mut acceptable: Vec<(Coding, u32)> = available
        .iter()
        .map(|&coding| (coding, named(coding.name()).or(named("*")).unwrap_or(0)))
        .filter(|&(_, weight)| weight > 0)
        .collect();
    acceptable.sort_by_key(|&(_, weight)| std::cmp::Reverse(weight));
    let &(coding, weight) = acceptable.first()?;
    (named("identity").unwrap_or(0) <= weight).then_some(coding)
}
