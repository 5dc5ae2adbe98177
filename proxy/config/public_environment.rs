//! `env` of a route with `root`: variables of the environment that the pages of a site may read, in a script made at load.
//!
//! An allow-list chooses them, and whoever opens the page can read them; so what is chosen is looked at once more ([`PublicEnvironment::warnings`]).

use std::collections::BTreeMap;

use super::Spanned;

/// What the name of a secret has in it, as a word or a part of one.
const SECRET_PARTS: [&str; 6] = ["SECRET", "PASSWORD", "PASSWD", "TOKEN", "PRIVATE", "CREDENTIAL"];
/// How the names of keys end that are made to be published.
const PUBLIC_KEYS: [&str; 3] = ["PUBLIC_KEY", "PUBLISHABLE_KEY", "SITE_KEY"];

/// `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicEnvironment {
    /// `file`: the path of the script below the route, with its slash.
    pub file: Spanned<String>,
    /// `global`: the property of `window` that gets the variables; a JavaScript identifier.
    pub global: String,
    /// The variables that `keys` chose, with their values.
    pub values: BTreeMap<String, String>,
    /// Names in `keys` that are not set.
    pub unset: Vec<String>,
}

impl PublicEnvironment {
    /// What the operator should look at: names that look like secrets, and names that have no value.
    pub fn warnings(&self) -> Vec<String> {
        let file = &self.file.value;
        let secrets = self.values.keys().filter(|name| looks_secret(name));
        let secrets = secrets.map(|name| format!("{file} publishes {name} to everybody, and its name is that of a secret; see `env.keys`"));
        let unset = self.unset.iter().map(|name| format!("{file} does not have {name}: it is not set (or not in UTF-8)"));
        secrets.chain(unset).collect()
    }
}

fn looks_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    // As a word: MONKEY and KEYBOARD are none.
    let has_key =
        name.split('_').any(|word| matches!(word, "KEY" | "KEYS" | "APIKEY")) && !PUBLIC_KEYS.iter().any(|end| name.ends_with(end));
    has_key || SECRET_PARTS.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_told_from_others() {
        for name in
            ["PUBLIC_API_KEY", "public_db_password", "PUBLIC_TOKENS", "CLIENT_SECRET", "SSH_PRIVATE", "PUBLIC_KEYS", "X_CREDENTIALS"]
        {
            assert!(looks_secret(name), "{name}");
        }
        for name in ["PUBLIC_API_URL", "PUBLIC_STRIPE_PUBLISHABLE_KEY", "PUBLIC_SITE_KEY", "MONKEY", "KEYBOARD_LAYOUT", "PUBLIC_PASS"] {
            assert!(!looks_secret(name), "{name}");
        }
    }
}
