//! Header rules: how `[headers]` and a route's own rules become what is done to a request or a response.
//!
//! They merge by name (a route's rule replaces the global one of that name and no other), and every status has them.

use http::header::{self, HeaderName, HeaderValue};

use crate::config::{ContentSecurityPolicy, GlobalHeaders, HeaderPreset, HeaderRules, PolicyText, Span, Spanned, Template};
use crate::http::fields::FieldBlock;

/// What is changed on every response of a route.
#[derive(Debug, Clone, Default)]
pub struct ResponsePolicy {
    /// Set where the response does not have the name: the preset's. An application that knows better is believed.
    pub defaults: Vec<(HeaderName, HeaderValue)>,
    /// Set in any case: the operator's word.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// The same, with values that each request fills in.
    pub templates: Vec<(HeaderName, Template)>,
    /// Taken away.
    pub remove: Vec<HeaderName>,
    /// `true` when HSTS goes out on TLS connections with a public name.
    pub hsts: bool,
    /// A field with a nonce, set where the response does not have the name: an application that sends its own policy has its own nonces in its pages.
    pub nonced: Option<NoncedField>,
    /// Where what is set or removed was written, to explain it.
    pub places: Vec<(HeaderName, Span)>,
    /// The preset that the defaults are from, to explain them.
    pub preset: Option<Spanned<HeaderPreset>>,
}

/// A field whose value has the nonce of the response in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoncedField {
    /// Its name.
    pub name: HeaderName,
    /// What stands between the nonces.
    parts: Vec<Vec<u8>>,
}

impl NoncedField {
    /// The value with this nonce.
    pub fn value(&self, nonce: &[u8]) -> Vec<u8> {
        self.parts.join(nonce)
    }
}

/// What is changed on requests on their way to an upstream.
#[derive(Debug, Clone, Default)]
pub struct RequestRules {
    /// Set in any case.
    pub set: Vec<(HeaderName, HeaderValue)>,
    /// The same, with values that each request fills in.
    pub templates: Vec<(HeaderName, Template)>,
    /// Taken away.
    pub remove: Vec<HeaderName>,
    /// Where what is set or removed was written, to explain it.
    pub places: Vec<(HeaderName, Span)>,
}

impl ResponsePolicy {
    /// Merges the preset, the global rules and a route's rules.
    pub fn merge(global: &GlobalHeaders, route: &HeaderRules) -> Self {
        let preset = global.preset.value;
        let mut policy = Self {
            defaults: preset_fields(preset),
            hsts: preset != HeaderPreset::None,
            preset: Some(global.preset.clone()),
            ..Self::default()
        };
        if let Some(csp) = &global.csp {
            policy.take_csp(csp);
        }
        policy.apply(&global.rules);
        policy.apply(route);
        if policy.mentions(&header::STRICT_TRANSPORT_SECURITY) {
            // The operator decides about HSTS by hand, and by hand alone.
            policy.hsts = false;
        }
        policy
    }

    /// Takes the place of the preset's policy.
    fn take_csp(&mut self, csp: &ContentSecurityPolicy) {
        let name = csp.header_name();
        self.forget(&name);
        self.places.push((name.clone(), csp.span));
        match &csp.policy {
            PolicyText::Fixed(value) => self.defaults.push((name, value.clone())),
            PolicyText::Nonced(parts) => {
                self.nonced = Some(NoncedField { name, parts: parts.iter().map(|part| part.as_bytes().to_vec()).collect() });
            }
        }
    }

    fn apply(&mut self, rules: &HeaderRules) {
        for name in &rules.remove {
            self.forget(name);
            self.remove.push(name.clone());
        }
        for (name, value) in &rules.set {
            self.forget(name);
            self.set.push((name.clone(), value.clone()));
        }
        for (name, template) in &rules.templates {
            self.forget(name);
            self.templates.push((name.clone(), template.clone()));
        }
        self.places.extend(rules.places.iter().cloned());
    }

    fn forget(&mut self, name: &HeaderName) {
        self.defaults.retain(|(known, _)| known != name);
        self.set.retain(|(known, _)| known != name);
        self.templates.retain(|(known, _)| known != name);
        self.remove.retain(|known| known != name);
        self.nonced.take_if(|field| field.name == *name);
        self.places.retain(|(known, _)| known != name);
    }

    /// `true` when a field of this name is replaced or removed, whatever the response says.
    pub fn overrides(&self, name: &[u8]) -> bool {
        let same = |known: &HeaderName| known.as_str().as_bytes().eq_ignore_ascii_case(name);
        self.set.iter().any(|(known, _)| same(known)) || self.templates.iter().any(|(known, _)| same(known)) || self.remove.iter().any(same)
    }

    fn mentions(&self, name: &HeaderName) -> bool {
        self.overrides(name.as_str().as_bytes())
    }

    /// The fields of a response of our own with this policy applied.
    pub fn decorate(&self, fields: Vec<(HeaderName, HeaderValue)>) -> Vec<(HeaderName, HeaderValue)> {
        let mut out: Vec<_> = fields.into_iter().filter(|(name, _)| !self.mentions(name)).collect();
        for (name, value) in &self.defaults {
            if !out.iter().any(|(known, _)| known == name) {
                out.push((name.clone(), value.clone()));
            }
        }
        out.extend(self.set.iter().cloned());
        out
    }

    /// [`decorate`](Self::decorate), serialised.
    pub fn block(&self, fields: Vec<(HeaderName, HeaderValue)>) -> FieldBlock {
        FieldBlock::new(self.decorate(fields))
    }
}

impl RequestRules {
    /// Takes a route's rules for requests.
    pub fn new(rules: &HeaderRules) -> Self {
        Self { set: rules.set.clone(), templates: rules.templates.clone(), remove: rules.remove.clone(), places: rules.places.clone() }
    }

    /// `true` when a field of this name is replaced or removed.
    pub fn overrides(&self, name: &[u8]) -> bool {
        let same = |known: &HeaderName| known.as_str().as_bytes().eq_ignore_ascii_case(name);
        self.set.iter().any(|(known, _)| same(known)) || self.templates.iter().any(|(known, _)| same(known)) || self.remove.iter().any(same)
    }
}

/// The fields of a preset. Each is safe for an app that knows nothing of it; what can break one (a CSP for scripts, say) is the operator's.
fn preset_fields(preset: HeaderPreset) -> Vec<(HeaderName, HeaderValue)> {
    let common = [
        // Types are right, so guessing them only helps an attacker.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // The browsers' own default since 2021, said aloud for the older ones.
        (header::REFERRER_POLICY, "strict-origin-when-cross-origin"),
    ];
    let framing: &[(HeaderName, &'static str)] = match preset {
        HeaderPreset::None => return Vec::new(),
        HeaderPreset::Spa => &[
            // Clickjacking: no other site frames this one.
            (header::X_FRAME_OPTIONS, "SAMEORIGIN"),
        ],
        HeaderPreset::Strict => &[
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::CONTENT_SECURITY_POLICY, "default-src 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'none'"),
            (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
            (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
            (HeaderName::from_static("permissions-policy"), "camera=(), microphone=(), geolocation=()"),
        ],
    };
    common.iter().chain(framing).map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(set: &[(&'static str, &'static str)], remove: &[&'static str]) -> HeaderRules {
        HeaderRules {
            set: set.iter().map(|(n, v)| (HeaderName::from_static(n), HeaderValue::from_static(v))).collect(),
            templates: Vec::new(),
            remove: remove.iter().map(|n| HeaderName::from_static(n)).collect(),
            places: set
                .iter()
                .map(|(n, _)| n)
                .chain(remove)
                .map(|n| (HeaderName::from_static(n), Span { start: n.len(), end: 99 }))
                .collect(),
        }
    }

    fn spa() -> Spanned<HeaderPreset> {
        Spanned::new(HeaderPreset::Spa, Span::default())
    }

    fn value<'a>(fields: &'a [(HeaderName, HeaderValue)], name: &str) -> Option<&'a str> {
        fields.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.to_str().ok())
    }

    #[test]
    fn a_header_of_a_route_replaces_that_name_and_drops_no_other() {
        let global = GlobalHeaders { preset: spa(), rules: rules(&[("x-team", "edge"), ("x-a", "1")], &[]), csp: None };
        let fields = ResponsePolicy::merge(&global, &rules(&[("x-a", "2")], &[])).decorate(Vec::new());
        assert_eq!(value(&fields, "x-a"), Some("2"));
        assert_eq!(value(&fields, "x-team"), Some("edge"));
        assert_eq!(value(&fields, "x-content-type-options"), Some("nosniff"));
        assert_eq!(fields.iter().filter(|(name, _)| name == "x-a").count(), 1);
    }

    #[test]
    fn the_place_of_a_header_is_that_of_the_rule_that_won() {
        let mut global = GlobalHeaders { preset: spa(), rules: rules(&[("x-team", "edge"), ("x-a", "1")], &[]), csp: None };
        global.rules.places.iter_mut().for_each(|(_, span)| span.end = 1);
        let policy = ResponsePolicy::merge(&global, &rules(&[("x-a", "2")], &[]));
        let ends: Vec<_> = policy.places.iter().map(|(name, span)| (name.as_str(), span.end)).collect();
        assert_eq!(ends, [("x-team", 1), ("x-a", 99)]);
    }

    #[test]
    fn a_removed_header_is_gone_and_a_route_may_bring_it_back() {
        let global = GlobalHeaders { preset: spa(), rules: rules(&[], &["x-frame-options"]), csp: None };
        assert_eq!(value(&ResponsePolicy::merge(&global, &rules(&[], &[])).decorate(Vec::new()), "x-frame-options"), None);
        let back = ResponsePolicy::merge(&global, &rules(&[("x-frame-options", "DENY")], &[])).decorate(Vec::new());
        assert_eq!(value(&back, "x-frame-options"), Some("DENY"));
    }

    #[test]
    fn a_response_that_has_a_preset_name_keeps_its_own_value_and_a_set_one_replaces_it() {
        let global = GlobalHeaders { preset: spa(), rules: rules(&[("x-a", "edge")], &[]), csp: None };
        let own = vec![
            (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
            (HeaderName::from_static("x-a"), HeaderValue::from_static("app")),
        ];
        let fields = ResponsePolicy::merge(&global, &rules(&[], &[])).decorate(own);
        assert_eq!(value(&fields, "x-frame-options"), Some("DENY"));
        assert_eq!(value(&fields, "x-a"), Some("edge"));
    }

    #[test]
    fn an_operator_who_sets_hsts_by_hand_turns_ours_off() {
        let global = GlobalHeaders { preset: spa(), rules: rules(&[("strict-transport-security", "max-age=60")], &[]), csp: None };
        assert!(!ResponsePolicy::merge(&global, &rules(&[], &[])).hsts);
        let silent = GlobalHeaders { preset: spa(), rules: rules(&[], &[]), csp: None };
        assert!(ResponsePolicy::merge(&silent, &rules(&[], &[])).hsts);
    }
}
