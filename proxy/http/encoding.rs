//! Choosing a content coding by `Accept-Encoding` (RFC 9110 §12.5.3).
//!
//! It only chooses; which codings a representation has, and that its answer varies, is for `assets` and `serve` to say.

use super::hop;
use super::list;
use super::weight::{self, Weight};

/// A content coding that Transom knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Coding {
    /// `br`.
    Brotli,
    /// `zstd`.
    Zstd,
    /// `gzip` (`x-gzip` is the same, §8.4.1.3).
    Gzip,
}

impl Coding {
    /// The name in `Content-Encoding`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstd => "zstd",
            Self::Gzip => "gzip",
        }
    }
}

/// The best of `available` (in the server's order of preference) for this `Accept-Encoding` value (list lines joined with `, `);
/// `None` is identity. The highest weight wins, the server's order breaks ties; `q=0` forbids; `*` stands for what is not named;
/// identity wins only when it is named with a higher weight. A malformed member is ignored; of a coding that is named twice, the
/// lower weight counts. Without the field it is identity, which is right for clients that decode nothing.
pub fn choose(accept_encoding: Option<&[u8]>, available: &[Coding]) -> Option<Coding> {
    let wishes = Wishes::read(accept_encoding?);
    let mut best: Option<(Coding, Weight)> = None;
    for &coding in available {
        let weight = wishes.weight(coding);
        // Weight 0 is "not acceptable" (§12.4.2).
        if weight > best.map_or(0, |(_, best)| best) {
            best = Some((coding, weight));
        }
    }
    let (coding, weight) = best?;
    (weight >= wishes.identity.unwrap_or(0)).then_some(coding)
}

/// `true` when the client takes no body as it is: `identity;q=0`, or `*;q=0` where identity is not named (RFC 9110 §12.5.3).
pub fn forbids_identity(accept_encoding: Option<&[u8]>) -> bool {
    let Some(value) = accept_encoding else { return false };
    let wishes = Wishes::read(value);
    wishes.identity.or(wishes.any) == Some(0)
}

/// The weights that a value gives; `None` for what it does not name.
#[derive(Debug, Default)]
struct Wishes {
    brotli: Option<Weight>,
    zstd: Option<Weight>,
    gzip: Option<Weight>,
    identity: Option<Weight>,
    any: Option<Weight>,
}

impl Wishes {
    fn read(value: &[u8]) -> Self {
        let mut wishes = Self::default();
        for member in hop::members(value) {
            let name_end = memchr::memchr(b';', member).unwrap_or(member.len());
            let (name, parameter) = member.split_at_checked(name_end).unwrap_or((member, b""));
            let Some(wish) = wishes.named(list::trim(name)) else { continue };
            let weight = match parameter {
                [b';', text @ ..] => weight::parameter(list::trim(text)).flatten(),
                _ => Some(weight::FULL),
            };
            if let Some(weight) = weight {
                *wish = Some(wish.map_or(weight, |earlier| earlier.min(weight)));
            }
        }
        wishes
    }

    /// Names of codings are case-insensitive (§8.4.1).
    fn named(&mut self, name: &[u8]) -> Option<&mut Option<Weight>> {
        match name.len() {
            1 if name == b"*" => Some(&mut self.any),
            2 if name.eq_ignore_ascii_case(b"br") => Some(&mut self.brotli),
            4 if name.eq_ignore_ascii_case(b"gzip") => Some(&mut self.gzip),
            4 if name.eq_ignore_ascii_case(b"zstd") => Some(&mut self.zstd),
            6 if name.eq_ignore_ascii_case(b"x-gzip") => Some(&mut self.gzip),
            8 if name.eq_ignore_ascii_case(b"identity") => Some(&mut self.identity),
            _ => None,
        }
    }

    fn weight(&self, coding: Coding) -> Weight {
        let named = match coding {
            Coding::Brotli => self.brotli,
            Coding::Zstd => self.zstd,
            Coding::Gzip => self.gzip,
        };
        named.or(self.any).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::Coding::{Brotli, Gzip, Zstd};
    use super::*;
    use crate::http::promises;
    use proptest::prelude::*;

    const ALL: &[Coding] = &[Brotli, Zstd, Gzip];

    fn check(cases: &[(&str, Option<Coding>)]) {
        for (value, coding) in cases {
            assert_eq!(choose(Some(value.as_bytes()), ALL), *coding, "{value:?}");
        }
    }

    #[test]
    fn the_highest_weight_wins_and_the_servers_order_breaks_ties() {
        check(&[
            ("gzip, deflate, br, zstd", Some(Brotli)),
            ("gzip, deflate", Some(Gzip)),
            ("gzip;q=1.0, br;q=0.5", Some(Gzip)),
            ("zstd;q=0.9, br;q=0.9, gzip;q=0.8", Some(Brotli)),
            ("br;q=0.001, gzip;q=0.002", Some(Gzip)),
            ("GZIP ;\tQ=1", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("compress, gzip", Some(Gzip)),
        ]);
        assert_eq!(choose(Some(b"br, zstd, gzip"), &[Gzip, Zstd]), Some(Gzip));
        assert_eq!(choose(Some(b"br"), &[Gzip, Zstd]), None);
        assert_eq!(choose(Some(b"br"), &[]), None);
    }

    #[test]
    fn without_a_wish_it_is_identity() {
        assert_eq!(choose(None, ALL), None);
        check(&[("", None), (" , ", None), ("deflate", None), ("identity", None), ("gzipx, b, xgzip", None)]);
    }

    #[test]
    fn a_weight_of_zero_forbids() {
        check(&[
            ("gzip;q=0", None),
            ("br;q=0, gzip", Some(Gzip)),
            ("br;q=0.000, *", Some(Zstd)),
            ("*;q=0", None),
            ("*;q=0, gzip;q=0.1", Some(Gzip)),
            ("gzip;q=0, gzip", None),
            ("gzip, x-gzip;q=0", None),
            ("identity;q=0", None),
        ]);
    }

    #[test]
    fn a_star_stands_for_what_is_not_named() {
        check(&[
            ("*", Some(Brotli)),
            ("br;q=0.5, *", Some(Zstd)),
            ("gzip;q=0.5, *;q=0.1", Some(Gzip)),
            ("gzip;q=1.0, identity; q=0.5, *;q=0", Some(Gzip)),
        ]);
    }

    #[test]
    fn identity_wins_only_when_named_with_a_higher_weight() {
        check(&[
            ("identity, gzip", Some(Gzip)),
            ("identity, gzip;q=0.5", None),
            ("identity;q=0.5, gzip;q=0.501", Some(Gzip)),
            ("gzip;q=0.1", Some(Gzip)),
        ]);
    }

    #[test]
    fn identity_is_forbidden_only_in_words() {
        for value in ["identity;q=0", "gzip, identity;q=0", "*;q=0", "gzip, *;q=0", "Identity;Q=0.000"] {
            assert!(forbids_identity(Some(value.as_bytes())), "{value}");
        }
        for value in ["", "gzip", "*", "gzip;q=0", "identity;q=0.001", "identity, *;q=0", "identity;q=x"] {
            assert!(!forbids_identity(Some(value.as_bytes())), "{value}");
        }
        assert!(!forbids_identity(None));
    }

    #[test]
    fn a_malformed_member_is_ignored() {
        check(&[
            ("br;q=0.0001, gzip", Some(Gzip)),
            ("br;q=1.001, gzip", Some(Gzip)),
            ("br;q=-1, gzip", Some(Gzip)),
            ("br;q, gzip", Some(Gzip)),
            ("br;, gzip", Some(Gzip)),
            ("br;q=1;q=1, gzip", Some(Gzip)),
            ("br;level=1, gzip", Some(Gzip)),
            ("br;q = 1, gzip", Some(Gzip)),
            ("b r, gzip", Some(Gzip)),
            ("br gzip", None),
            ("\"br\", gzip", Some(Gzip)),
            (";q=1", None),
        ]);
    }

    #[test]
    fn a_megabyte_of_members_is_read() {
        let value = b"gzip;q=0.5,".repeat(1 << 17);
        assert_eq!(choose(Some(&value), ALL), Some(Gzip));
        assert_eq!(choose(Some(&b";".repeat(1 << 20)), ALL), None);
    }

    proptest! {
        #[test]
        fn any_bytes_keep_the_promises(value: Vec<u8>) {
            promises::encoding::check(&value);
        }

        #[test]
        fn members_of_the_right_shape_keep_the_promises(
            members in prop::collection::vec(
                "(br|zstd|gzip|x-gzip|identity|\\*|deflate|BR|)([ \t]?;[ \t]?([qQ]=(0|1)(\\.[0-9]{0,4})?|q|level=1))?",
                0..8,
            ),
            separator in " ?,[ \t]?",
        ) {
            promises::encoding::check(members.join(&separator).as_bytes());
        }
    }
}
