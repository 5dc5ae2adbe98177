//! The keys of proxy.toml, as data: reading, "did you mean", "belongs in" and "not yet" all come from these tables.
//!
//! A new setting gets a line here, a field in the model, and one read in the file of its table. A `Table` refuses to read a key
//! that has no line here and to finish before every built key was read, so the two cannot drift apart.

mod route;
mod tables;

pub(super) use route::*;
pub(super) use tables::*;

/// One key of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Key {
    /// As it is written.
    pub name: &'static str,
    /// A value that is right, as it is written; for a key that is not built, what this version does instead, or nothing.
    pub text: &'static str,
    /// Whether this version has it.
    pub built: bool,
}

/// The keys of one table.
#[derive(Debug)]
pub(super) struct Keys {
    /// How the table is written.
    pub title: &'static str,
    /// Its keys.
    pub keys: &'static [Key],
    /// What people write who come from other servers, and the key here.
    pub near: &'static [(&'static str, &'static str)],
}

impl Keys {
    /// The key of this name, built or not.
    pub fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The keys that this version has.
    pub fn built(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().filter(|key| key.built)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_is_toml_and_every_near_name_leads_to_a_built_key() {
        for table in TABLES.iter().chain([&&ROOT, &&ROUTE_HEADERS, &&HEADER_RULES, &&METRICS]) {
            for key in table.built() {
                let (_, errors) = ::toml::de::DeValue::parse_recoverable(key.text);
                assert!(errors.is_empty(), "{} in {}: {}", key.name, table.title, key.text);
            }
            for (near, name) in table.near {
                assert!(table.find(near).is_none(), "{near} in {} is a key itself", table.title);
                let name = name.split('.').next().unwrap_or_default();
                assert!(table.find(name).is_some_and(|key| key.built), "{name} in {}", table.title);
            }
        }
    }
}
