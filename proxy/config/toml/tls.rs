//! `[tls]`.

use super::reader::Table;
use crate::config::{Diagnostic, Spanned, Tls};

/// Reads `[tls]`: `dev`, or `cert` and `key`.
pub(super) fn read(mut table: Table<'_>) -> Option<Spanned<Tls>> {
    let (reader, span, is_there) = (table.reader, table.span, table.is_there());
    let (dev_item, cert_item, key_item) = (table.item("dev"), table.item("cert"), table.item("key"));
    let misspelt = table.misspells("dev") || table.misspells("cert") || table.misspells("key");
    table.finish();
    let dev = dev_item.as_ref().and_then(|item| item.boolean());
    let (cert, key) = (cert_item.as_ref().and_then(|item| item.path()), key_item.as_ref().and_then(|item| item.path()));
    if let (Some(dev_item), Some(true)) = (&dev_item, dev) {
        if let Some(other) = cert_item.as_ref().or(key_item.as_ref()) {
            reader.report(
                Diagnostic::new(other.key_span, format!("`{}` and `dev = true` exclude each other", other.name))
                    .related(dev_item.key_span, "makes a certificate of its own")
                    .help("take `dev` out to use your certificate, or `cert` and `key` to use the one made for localhost"),
            );
        }
        return Some(Spanned::new(Tls::Dev, span));
    }
    match (&cert_item, &key_item) {
        (Some(_), Some(_)) => Some(Spanned::new(Tls::Files { cert: cert?, key: key? }, span)),
        (None, None) => {
            let dev_is_unclear = dev_item.is_some() && dev.is_none();
            if is_there && !misspelt && !dev_is_unclear {
                reader.report_absent(
                    Diagnostic::new(span, "`[tls]` has no certificate")
                        .help("add the files:\ncert = \"certs/tls.crt\"\nkey = \"certs/tls.key\"\nor, for localhost only:\ndev = true"),
                );
            }
            None
        }
        (Some(one), None) | (None, Some(one)) => {
            let (other, example) = if cert_item.is_some() { ("key", "certs/tls.key") } else { ("cert", "certs/tls.crt") };
            if !misspelt {
                let mistake =
                    Diagnostic::new(one.key_span, format!("`{}` needs a `{other}`", one.name)).help(format!("add {other} = \"{example}\""));
                reader.report_absent(mistake);
            }
            None
        }
    }
}
