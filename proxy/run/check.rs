//! `transom check`: everything that a start would find wrong, without starting.

use std::path::Path;
use std::time::SystemTime;

use super::fatal::Fatal;
use super::load::Loaded;
use super::prepare::{Purpose, prepare};
use super::status;
use crate::config::{AccessTarget, Diagnostic, Diagnostics, Span};
use crate::plan::Plan;
use crate::serve::LoadReport;
use crate::units::{ListenAddress, ServerAddress};

/// Opens what a loaded config names: folders, certificates, the places of sockets and logs.
///
/// # Errors
/// Everything that is wrong.
pub fn check(loaded: Loaded, now: SystemTime) -> Result<LoadReport, Fatal> {
    let Loaded { source, plan } = loaded;
    let mut diagnostics = Diagnostics::default();
    check_places(&plan, &mut diagnostics);
    let exposed = plan.metrics.as_deref().and_then(status::exposed);
    match prepare(plan, Purpose::Check, now) {
        Ok((_, mut report)) if diagnostics.is_empty() => {
            report.warnings.extend(exposed);
            Ok(report)
        }
        Ok(_) => Err(Fatal::diagnostics(&diagnostics, &source)),
        Err(more) => {
            more.0.into_iter().for_each(|diagnostic| diagnostics.push(diagnostic));
            Err(Fatal::diagnostics(&diagnostics, &source))
        }
    }
}

fn check_places(plan: &Plan, diagnostics: &mut Diagnostics) {
    for server in plan.upstreams.iter().flat_map(|upstream| &upstream.servers) {
        if let ServerAddress::Unix(path) = &server.url.address {
            check_parent(path, server.span, "socket", diagnostics);
        }
    }
    let own = plan.metrics.iter().flat_map(|own| &own.listeners);
    for listener in plan.listeners.iter().chain(own) {
        if let ListenAddress::Unix(path) = &listener.address {
            check_parent(path, listener.span, "socket", diagnostics);
        }
    }
    if let Some(AccessTarget::File(path)) = plan.access_log.as_ref().map(|log| &log.to) {
        check_parent(&path.value, path.span, "log", diagnostics);
    }
    for process in &plan.processes {
        if let Some(cwd) = &process.process.cwd
            && !cwd.value.is_dir()
        {
            let message = format!("there is no folder {}", cwd.value.display());
            diagnostics.push(Diagnostic::new(cwd.span, message).help("create it, or correct `cwd`"));
        }
    }
}

/// The folder in which a socket or a log will stand must be there: it is nothing that Transom makes.
fn check_parent(path: &Path, span: Span, what: &str, diagnostics: &mut Diagnostics) {
    let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) else { return };
    if !folder.is_dir() {
        let message = format!("the {what} cannot be at {}: there is no folder {}", path.display(), folder.display());
        diagnostics.push(Diagnostic::new(span, message).help(format!("create it (`mkdir -p {}`), or correct the path", folder.display())));
    }
}
