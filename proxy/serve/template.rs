//! Filling in the values of headers that have variables.
//!
//! What a request fills in came from the network. It was checked when it was read; all the same no byte that could end a line leaves this place.

use http::HeaderName;

use super::client::Client;
use super::nonce::Nonces;
use super::request_id::RequestId;
use crate::config::{Piece, Template, Variable};
use crate::http::request::RequestHead;
use crate::tls::ProtocolVersion;

/// What values are filled in from.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    pub(crate) request: &'a RequestHead,
    pub(crate) client: &'a Client,
    pub(crate) id: &'a RequestId,
    pub(crate) nonces: &'a Nonces,
}

/// Appends a field line for each template. One whose value comes out empty is left out: there is nothing to say.
pub(crate) fn push_filled(lines: &mut Vec<u8>, templates: &[(HeaderName, Template)], facts: Facts<'_>) {
    for (name, template) in templates {
        let before = lines.len();
        lines.extend_from_slice(name.as_str().as_bytes());
        lines.extend_from_slice(b": ");
        let start = lines.len();
        fill(lines, template, facts);
        if lines.get(start..).unwrap_or_default().trim_ascii().is_empty() {
            lines.truncate(before);
        } else {
            lines.extend_from_slice(b"\r\n");
        }
    }
}

fn fill(out: &mut Vec<u8>, template: &Template, facts: Facts<'_>) {
    let Facts { request, client, id, nonces } = facts;
    for piece in &template.pieces {
        let variable = match piece {
            Piece::Text(text) => {
                out.extend_from_slice(text.as_bytes());
                continue;
            }
            Piece::Variable(variable) => variable,
        };
        match variable {
            Variable::RequestId => push_safe(out, id.get(request, client, nonces)),
            Variable::RemoteAddr => {
                if let Some(address) = client.address {
                    out.extend_from_slice(address.ip().to_canonical().to_string().as_bytes());
                }
            }
            Variable::Host => push_safe(out, client.host.as_deref().or_else(|| request.authority()).unwrap_or_default()),
            Variable::Scheme => out.extend_from_slice(client.scheme_name().as_bytes()),
            Variable::Method => push_safe(out, request.method_token()),
            Variable::Path => push_safe(out, request.path()),
            Variable::Query => push_safe(out, request.query().unwrap_or_default()),
            Variable::TlsVersion => out.extend_from_slice(client.tls_version.map(ProtocolVersion::name).unwrap_or_default().as_bytes()),
            Variable::Field(name) => push_safe(out, request.field(name.as_str()).unwrap_or_default()),
        }
    }
}

/// Appends what may stand in a value (RFC 9110 §5.5) of these bytes.
fn push_safe(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend(bytes.iter().filter(|&&byte| byte == b'\t' || !byte.is_ascii_control()));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ParsedTemplate;
    use crate::http::request::Version;
    use crate::units::Scheme;
    use proptest::prelude::*;

    fn filled(text: &str, target: &[u8], fields: &[(&str, &[u8])]) -> String {
        let Ok(ParsedTemplate::Filled(template)) = Template::parse(text) else { panic!("{text}") };
        let mut request = RequestHead::default();
        request.start(Version::Http11, b"GET", target);
        fields.iter().for_each(|(name, value)| request.push(name.as_bytes(), value));
        let mut client = Client::new(Some(([192, 0, 2, 7], 5000).into()), Scheme::Https);
        client.tls_version = Some(ProtocolVersion::Tls13);
        let facts = Facts { request: &request, client: &client, id: &RequestId::default(), nonces: &Nonces::default() };
        let mut lines = Vec::new();
        push_filled(&mut lines, &[(HeaderName::from_static("x-a"), template)], facts);
        String::from_utf8_lossy(&lines).into_owned()
    }

    #[test]
    fn every_variable_is_filled_in() {
        let fields: [(&str, &[u8]); 2] = [("Host", b"shop.test:8443"), ("X-User", b"anna")];
        for (text, value) in [
            ("{remote_addr}", "192.0.2.7"),
            ("{scheme}://{host}{path}?{query}", "https://shop.test:8443/a%20b?c=d"),
            ("{method} by {http.x-user}", "GET by anna"),
            ("{tls_version}", "TLSv1.3"),
        ] {
            assert_eq!(filled(text, b"/a%20b?c=d", &fields), format!("x-a: {value}\r\n"), "{text}");
        }
        assert_eq!(filled("{request_id}", b"/", &fields).len(), "x-a: \r\n".len() + 32);
    }

    #[test]
    fn a_value_that_comes_out_empty_is_no_field() {
        assert_eq!(filled("{query}", b"/", &[]), "");
        assert_eq!(filled("{http.x-user} ", b"/", &[("X-User", b"")]), "");
    }

    proptest! {
        #[test]
        fn nothing_from_the_network_ends_a_line(target: Vec<u8>, value: Vec<u8>) {
            let line = filled("{path}|{query}|{host}|{http.x-user}|{method}", &target, &[("Host", &value), ("X-User", &value)]);
            prop_assert_eq!(line.matches(['\r', '\n', '\0']).count(), 2);
            prop_assert!(line.ends_with("\r\n"));
        }
    }
}
