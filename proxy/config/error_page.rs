//! `errors` of a route, as the operator wrote it: which file of the root answers which status.

use http::StatusCode;

use super::Spanned;

/// One entry of `errors`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorPage {
    /// What it answers.
    pub statuses: Statuses,
    /// The file, relative to the root.
    pub file: Spanned<String>,
}

/// The statuses that an error page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Statuses {
    /// `404`.
    One(StatusCode),
    /// `4xx`.
    ClientErrors,
    /// `5xx`.
    ServerErrors,
}

impl Statuses {
    /// `true` when the page is for this status.
    pub fn cover(self, status: StatusCode) -> bool {
        match self {
            Self::One(one) => one == status,
            Self::ClientErrors => status.is_client_error(),
            Self::ServerErrors => status.is_server_error(),
        }
    }
}
