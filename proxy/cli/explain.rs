//! The arguments of `transom explain`.

use clap::Args;

use super::FileArgument;
use crate::run::Question;

/// A request, as a person types it.
#[derive(Debug, Args)]
#[command(override_usage = "transom explain [OPTIONS] [METHOD] <URL>")]
pub(super) struct ExplainArguments {
    /// What is asked: `GET https://example.com/path`, or the URL alone, or a path.
    #[arg(required = true, num_args = 1..=2, value_name = "URL")]
    request: Vec<String>,
    /// A header of the request, such as 'Accept: text/html'; may come several times.
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE")]
    headers: Vec<String>,
    #[command(flatten)]
    pub(super) file: FileArgument,
}

impl ExplainArguments {
    /// The request.
    pub(super) fn question(&self) -> Result<Question, String> {
        match self.request.as_slice() {
            [method, url] => Question::parse(method, url, &self.headers),
            [url] => Question::parse("GET", url, &self.headers),
            _ => Err("name one URL".to_owned()),
        }
    }
}
