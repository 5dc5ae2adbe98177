//! `tls` of an upstream: whom we trust, and what we show.

use super::item::Item;
use super::keys;
use super::reader::Table;
use crate::config::{Diagnostic, UpstreamServer, UpstreamTls};
use crate::units::{Scheme, UnitError};

/// Reads it.
pub(super) fn read(item: &Item<'_>) -> UpstreamTls {
    let Some(entries) = item.entries() else { return UpstreamTls::default() };
    let mut table = Table::new(item.reader, &keys::UPSTREAM_TLS, "tls", Some((entries, item.span)));
    let (ca_item, cert_item, key_item) = (table.item("ca"), table.item("cert"), table.item("key"));
    let sni = table.item("sni").and_then(|item| item.parse(name)).map(|name| name.value);
    let verify_item = table.item("verify");
    table.finish();
    let unverified = verify_item.as_ref().and_then(Item::boolean) == Some(false);
    if let (Some(ca), Some(verify), true) = (&ca_item, &verify_item, unverified) {
        let mistake = Diagnostic::new(ca.key_span, "`ca` says whom to trust, and verify = false trusts anybody");
        item.reader.report(mistake.related(verify.key_span, "nothing is verified").help("take `verify` out"));
    }
    let client = match (&cert_item, &key_item) {
        (Some(cert), Some(key)) => cert.path().zip(key.path()),
        (Some(one), None) | (None, Some(one)) => {
            let other = if cert_item.is_some() { "key" } else { "cert" };
            let mistake = Diagnostic::new(one.key_span, format!("`{}` needs a `{other}`", one.name));
            item.reader.report(mistake.help(format!("add {other} = \"/run/secrets/client.pem\"")));
            None
        }
        (None, None) => None,
    };
    UpstreamTls { ca: ca_item.and_then(|item| item.path()), client, sni, unverified, span: item.span }
}

/// Reports that none of the servers speaks TLS.
pub(super) fn check(item: Option<&Item<'_>>, to: &[UpstreamServer]) {
    if let Some(item) = item
        && to.iter().all(|server| server.url.value.scheme == Scheme::Http)
    {
        let mistake = Diagnostic::new(item.key_span, "`tls` is for servers with `https://` or `h2://`, and `to` has none");
        item.reader.report(mistake.help("write to = \"https://api:443\", or take `tls` out"));
    }
}

/// A name as it stands in certificates.
fn name(text: &str) -> Result<String, UnitError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    if text.is_empty() || !text.bytes().all(allowed) {
        return Err(UnitError {
            message: format!("\"{text}\" is not a name that a certificate could have"),
            help: "write it without scheme and port: sni = \"api.internal\"".into(),
        });
    }
    Ok(text.to_ascii_lowercase())
}
