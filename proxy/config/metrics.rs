//! `[metrics]` as the operator wrote it: where Transom tells of itself.

use super::Spanned;
use crate::units::Listen;

/// `[metrics]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    /// `listen`: addresses of their own, in plain HTTP; at least one.
    pub listen: Vec<Spanned<Listen>>,
}
