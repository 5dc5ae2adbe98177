//! `[headers.csp]`: the Content-Security-Policy of all responses, fixed or with a nonce that each response has anew.

use http::{HeaderName, HeaderValue, header};

use super::Span;

/// `[headers.csp]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentSecurityPolicy {
    /// `policy`.
    pub policy: PolicyText,
    /// `report_only`: browsers tell what they would block, and block nothing.
    pub report_only: bool,
    /// Where `policy` was written.
    pub span: Span,
}

/// `policy`, as `nonce` says to read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PolicyText {
    /// `nonce = false`: the value.
    Fixed(HeaderValue),
    /// `nonce = true`: the texts between which nonces stand; two at least, and each may stand in a header.
    Nonced(Vec<String>),
}

impl ContentSecurityPolicy {
    /// What stands for the nonce, in the policy and in pages.
    pub const PLACEHOLDER: &str = "{nonce}";

    /// The header that the policy goes into.
    pub fn header_name(&self) -> HeaderName {
        if self.report_only { header::CONTENT_SECURITY_POLICY_REPORT_ONLY } else { header::CONTENT_SECURITY_POLICY }
    }
}
