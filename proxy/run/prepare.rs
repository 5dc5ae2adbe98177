//! Opening what a plan names: certificates and folders. Every mistake is found, not the first alone.

use std::path::Path;
use std::time::SystemTime;

use crate::config::{Diagnostic, Diagnostics, Tls};
use crate::plan::Plan;
use crate::serve::{Live, LoadReport};
use crate::tls::{Acceptor, Certificate, Settings, development};

/// Where the development authority and certificate are kept.
const DEVELOPMENT_FOLDER: &str = "certs";

/// Whether preparing may write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To serve: a development certificate is made when there is none.
    Serve,
    /// To look: nothing is written.
    Check,
}

/// Brings a plan to life.
pub(super) fn prepare(plan: Plan, purpose: Purpose, now: SystemTime) -> Result<(Live, LoadReport), Diagnostics> {
    let mut warnings = Vec::new();
    let tls = match &plan.tls {
        None => Ok(None),
        Some(Tls::Dev) if purpose == Purpose::Check => Ok(None),
        Some(Tls::Dev) => development_certificate(&plan, now).map(Some),
        Some(Tls::Files { cert, key }) => match Certificate::load(&cert.value, &key.value, now) {
            Ok(certificate) => {
                warnings.extend(certificate.warnings().iter().map(|warning| format!("{warning}; {}", warning.help())));
                Ok(Some(certificate))
            }
            Err(error) => {
                let span = if error.path() == key.value { key.span } else { cert.span };
                Err(Diagnostic::new(span, error.to_string()).help(error.help()))
            }
        },
    };
    let mut diagnostics = Diagnostics::default();
    let acceptor = match tls.map(|certificate| certificate.map(|certificate| acceptor(&plan, certificate))) {
        Ok(None) => None,
        Ok(Some(Ok(acceptor))) => Some(acceptor),
        Ok(Some(Err(diagnostic))) | Err(diagnostic) => {
            diagnostics.push(diagnostic);
            None
        }
    };
    match Live::build(plan, acceptor, now) {
        Ok((live, mut report)) if diagnostics.is_empty() => {
            warnings.append(&mut report.warnings);
            report.warnings = warnings;
            Ok((live, report))
        }
        Ok(_) => Err(diagnostics),
        Err(more) => {
            more.0.into_iter().for_each(|diagnostic| diagnostics.push(diagnostic));
            Err(diagnostics)
        }
    }
}

fn acceptor(plan: &Plan, certificate: Certificate) -> Result<Acceptor, Diagnostic> {
    let settings = Settings { certificate, names: plan.names.clone(), http: plan.http };
    Acceptor::new(settings).map_err(|error| Diagnostic::new(plan.tls_span, error.to_string()))
}

fn development_certificate(plan: &Plan, now: SystemTime) -> Result<Certificate, Diagnostic> {
    let paths = development::ensure(Path::new(DEVELOPMENT_FOLDER), &plan.names, now)
        .map_err(|error| Diagnostic::new(plan.tls_span, error.to_string()).help(error.help()))?;
    if !matches!(paths.made, development::Made::Nothing) {
        tracing::info!(authority = %paths.authority.display(), "made a development certificate for localhost; browsers trust it once they trust its authority");
    }
    Certificate::load(&paths.certificate, &paths.key, now)
        .map_err(|error| Diagnostic::new(plan.tls_span, error.to_string()).help(error.help()))
}
