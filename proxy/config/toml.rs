//! The front end for proxy.toml.

use super::{Config, Diagnostics, Environment, Source};

/// Reads a proxy.toml into a [`Config`], or says everything that is wrong with it.
pub fn read(source: &Source, environment: &Environment) -> Result<Config, Diagnostics> {
    let _ = (source, environment);
    todo!()
}
