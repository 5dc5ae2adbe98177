//! What is bound, and which of the listeners speak TLS.

use crate::config::{Config, Diagnostic, Diagnostics, Span};
use crate::units::{Listen, ListenAddress, Scheme};

/// One listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listener {
    /// What it binds.
    pub address: ListenAddress,
    /// What it speaks.
    pub scheme: Scheme,
    /// Where it was written.
    pub span: Span,
}

/// Decides the scheme of every listener: what was written before it, else its port (80 and 8080 plain, 443 and 8443 TLS),
/// else TLS when there is a certificate.
pub(super) fn compile(config: &Config, diagnostics: &mut Diagnostics) -> Vec<Listener> {
    let mut listeners: Vec<Listener> = Vec::new();
    for listen in &config.server.listen {
        let scheme = scheme(&listen.value, config.tls.is_some());
        if scheme == Scheme::Https && config.tls.is_none() {
            diagnostics.push(
                Diagnostic::new(listen.span, "this listener speaks TLS, but there is no certificate")
                    .label("TLS by its port or scheme")
                    .help("add a `[tls]` table with `cert` and `key` (or `dev = true`), or write \"http://…\" before the address"),
            );
        }
        if let Some(first) = at(&listeners, &listen.value.address) {
            diagnostics.push(
                Diagnostic::new(listen.span, "this address is listened on twice")
                    .related(first.span, "first here")
                    .help("remove one of them"),
            );
            continue;
        }
        listeners.push(Listener { address: listen.value.address.clone(), scheme, span: listen.span });
    }
    if let Some(tls) = &config.tls
        && !listeners.iter().any(|listener| listener.scheme == Scheme::Https)
    {
        diagnostics.push(
            Diagnostic::new(tls.span, "there is a certificate, but no listener speaks TLS")
                .help("add \":443\" (or \"https://…\") to `listen` in `[server]`, or remove `[tls]`"),
        );
    }
    listeners
}

/// The listener that this address is taken by. (Port 0 is another one each time.)
pub(super) fn at<'a>(listeners: &'a [Listener], address: &ListenAddress) -> Option<&'a Listener> {
    let is_any_port = matches!(address, ListenAddress::Tcp { port: 0, .. });
    listeners.iter().find(|listener| listener.address == *address && !is_any_port)
}

fn scheme(listen: &Listen, has_certificate: bool) -> Scheme {
    if let Some(scheme) = listen.scheme {
        return scheme;
    }
    match listen.address {
        ListenAddress::Tcp { port: 80 | 8080, .. } => Scheme::Http,
        ListenAddress::Tcp { port: 443 | 8443, .. } => Scheme::Https,
        ListenAddress::Tcp { .. } | ListenAddress::Unix(_) | ListenAddress::Fd(_) => {
            if has_certificate {
                Scheme::Https
            } else {
                Scheme::Http
            }
        }
    }
}
