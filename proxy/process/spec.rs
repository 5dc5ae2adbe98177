//! What is to be started: a process of the config with its complete environment.
//!
//! Pure: our own environment comes in as an argument. Starting is `spawn.rs`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

use crate::config;
use crate::units::ServerAddress;

/// What of our environment every process gets, as `env_pass` writes it: where programs, the home and temporary files are, who
/// runs, and in which language and time zone. No program works well without; none of it is a secret.
const ENVIRONMENT_BASIC: [&str; 9] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LC_*", "TZ", "TMPDIR"];

/// One process to keep running.
#[derive(Clone, PartialEq, Eq)]
pub struct Spec {
    /// Its name in the config and in the log.
    pub name: String,
    /// The program and its arguments. A program without a slash is looked up in the `PATH` of `environment`.
    pub command: Vec<String>,
    /// The folder that it starts in; ours unless given.
    pub cwd: Option<PathBuf>,
    /// Its whole environment.
    pub environment: BTreeMap<OsString, OsString>,
    /// What has to accept connections for it to be ready; without, it is ready once it runs.
    pub ready: Option<ServerAddress>,
}

impl Spec {
    /// From a process of the config; `ours` is our own environment, and `ready` is where [`config::Ready`] leads.
    pub fn new(process: &config::Process, ready: Option<ServerAddress>, ours: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let passed = |name: &OsString| {
            let patterns = ENVIRONMENT_BASIC.into_iter().chain(process.env_pass.iter().map(String::as_str));
            patterns.into_iter().any(|pattern| matches(pattern, name))
        };
        let mut environment: BTreeMap<_, _> = ours.into_iter().filter(|(name, _)| passed(name)).collect();
        environment.extend(process.env.iter().map(|(name, value)| (name.into(), value.into())));
        Self {
            name: process.name.value.clone(),
            command: process.command.value.clone(),
            cwd: process.cwd.as_ref().map(|cwd| cwd.value.clone()),
            environment,
            ready,
        }
    }
}

/// Names of the environment are shown, values are not: they may be secrets.
impl fmt::Debug for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Spec")
            .field("name", &self.name)
            .field("command", &self.command)
            .field("cwd", &self.cwd)
            .field("environment", &self.environment.keys())
            .field("ready", &self.ready)
            .finish()
    }
}

/// Whether a name is meant by `NAME` or `PREFIX*`.
fn matches(pattern: &str, name: &OsString) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => name.as_encoded_bytes().starts_with(prefix.as_bytes()),
        None => name == pattern,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Span, Spanned};

    fn environment(env: &[(&str, &str)], env_pass: &[&str], ours: &[(&str, &str)]) -> Vec<String> {
        let process = config::Process {
            name: Spanned::new("api".to_owned(), Span::default()),
            command: Spanned::new(vec!["/bin/true".to_owned()], Span::default()),
            cwd: None,
            env: env.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect(),
            env_pass: env_pass.iter().map(|&name| name.to_owned()).collect(),
            ready: None,
        };
        let spec = Spec::new(&process, None, ours.iter().map(|&(name, value)| (name.into(), value.into())));
        let shown = |(name, value): (&OsString, &OsString)| format!("{}={}", name.display(), value.display());
        spec.environment.iter().map(shown).collect()
    }

    #[test]
    fn a_secret_of_ours_is_not_passed_on() {
        let ours = [("PATH", "/bin"), ("LC_ALL", "C"), ("AWS_SECRET_ACCESS_KEY", "s3"), ("PATHS", "x"), ("LC", "x")];
        assert_eq!(environment(&[], &[], &ours), ["LC_ALL=C", "PATH=/bin"]);
    }

    #[test]
    fn names_and_prefixes_that_are_asked_for_are_passed_on() {
        let ours = [("DATABASE_URL", "d"), ("APP_A", "a"), ("APP_B", "b"), ("DATABASE_URLS", "x")];
        assert_eq!(environment(&[], &["DATABASE_URL", "APP_*"], &ours), ["APP_A=a", "APP_B=b", "DATABASE_URL=d"]);
    }

    #[test]
    fn what_the_config_sets_wins() {
        assert_eq!(environment(&[("PATH", "/app/bin"), ("X", "")], &[], &[("PATH", "/bin")]), ["PATH=/app/bin", "X="]);
    }

    #[test]
    fn no_value_of_the_environment_is_shown_in_debug_output() {
        let environment = BTreeMap::from([("TOKEN".into(), "hunter2".into())]);
        let spec = Spec { name: "api".into(), command: vec![], cwd: None, environment, ready: None };
        assert!(format!("{spec:?}").contains("TOKEN") && !format!("{spec:?}").contains("hunter2"));
    }
}
