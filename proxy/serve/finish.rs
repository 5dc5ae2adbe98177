//! The one place that every response passes, once, whatever made it: what all responses have is put on here.

use tokio_util::sync::CancellationToken;

use super::client::Client;
use super::clock::Clock;
use super::exchange::{ResponseHead, split_lines};
use super::live::Live;
use super::nonce::{Nonce, Nonces};
use super::request_id::RequestId;
use super::template::{Facts, push_filled};
use crate::http::host;
use crate::http::request::RequestHead;
use crate::plan::ResponsePolicy;

/// One year, as the preload lists ask; without subdomains and without preload, which an operator cannot take back.
const HSTS: &[u8] = b"max-age=31536000";

/// Puts `Date`, the policy with a nonce and, on TLS connections with a public name, HSTS on a response.
pub(crate) fn finish(head: &mut ResponseHead<'_>, policy: &ResponsePolicy, context: &FinishContext<'_>) {
    if !head.present.date {
        head.push("date", &context.clock.http_date());
    }
    // A client that is not told would send its next request into a connection that is about to be closed.
    head.close |= context.draining.is_cancelled();
    if policy.hsts
        && !head.present.hsts
        && context.client.is_secure()
        && context.live.has_real_certificate()
        && has_public_host(context.request)
    {
        head.push("strict-transport-security", HSTS);
    }
    put_nonced(head, policy, context.nonces);
    for template in &policy.templates {
        // What a response of our own says of itself (where a redirect goes, that an error is not kept) is not the operator's to change.
        let name = template.0.as_str().as_bytes();
        if !split_lines(&head.lines).any(|(known, _)| known.eq_ignore_ascii_case(name)) {
            push_filled(&mut head.lines, std::slice::from_ref(template), context.facts());
        }
    }
}

/// Puts on the policy that has a nonce. Without one (the system has no randomness) it lets no script run that needs it.
fn put_nonced(head: &mut ResponseHead<'_>, policy: &ResponsePolicy, nonces: &Nonces) {
    if let Some(field) = &policy.nonced
        && !head.present.nonced
    {
        let nonce = head.nonce.or_else(|| nonces.fresh());
        head.push(field.name.as_str(), &field.value(nonce.as_ref().map_or(b"", Nonce::as_bytes)));
    }
}

/// What [`finish`] looks at.
pub(crate) struct FinishContext<'a> {
    pub(crate) live: &'a Live,
    pub(crate) client: &'a Client,
    pub(crate) draining: &'a CancellationToken,
    pub(crate) request: &'a RequestHead,
    pub(crate) clock: &'a Clock,
    pub(crate) nonces: &'a Nonces,
    pub(crate) id: &'a RequestId,
}

impl FinishContext<'_> {
    /// What values with variables are filled in from.
    fn facts(&self) -> Facts<'_> {
        Facts { request: self.request, client: self.client, id: self.id, nonces: self.nonces }
    }
}

fn has_public_host(request: &RequestHead) -> bool {
    request.authority().and_then(host::parse).is_some_and(|host| host::is_public_name(host.name))
}
