//! Path → route: exact paths before prefixes, longer prefixes before shorter ones, whole segments only. Order never matters.

use std::collections::HashMap;

use crate::http::path;

/// Finds the route of a normalised path; always finds one.
#[derive(Debug, Default)]
pub struct Router {
    exact: HashMap<Box<[u8]>, usize>,
    /// Longest first, so that the first that matches is the one.
    prefixes: Vec<(Box<[u8]>, usize)>,
    fallback: usize,
}

/// A route and what of the path it stood for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RouteMatch {
    /// Index into the plan's routes.
    pub route: usize,
    /// Bytes of the path that the pattern covers: a prefix without its final slash (so 0 for `/`), or for an exact path all before its
    /// last segment. What follows begins with a slash, or is empty.
    pub covered_bytes: usize,
}

impl Router {
    /// A router that knows no path yet and sends all to `fallback`.
    pub fn new(fallback: usize) -> Self {
        Self { fallback, ..Self::default() }
    }

    /// Adds an exact path. Returns the route that had it already, if any.
    pub fn add_exact(&mut self, path: &str, route: usize) -> Option<usize> {
        if let Some(&taken) = self.exact.get(path.as_bytes()) {
            return Some(taken);
        }
        self.exact.insert(path.as_bytes().into(), route);
        None
    }

    /// Adds a prefix (no final slash, but for `/`). Returns the route that had it already, if any.
    pub fn add_prefix(&mut self, prefix: &str, route: usize) -> Option<usize> {
        if let Some((_, taken)) = self.prefixes.iter().find(|(known, _)| **known == *prefix.as_bytes()) {
            return Some(*taken);
        }
        let at = self.prefixes.partition_point(|(known, _)| known.len() >= prefix.len());
        self.prefixes.insert(at, (prefix.as_bytes().into(), route));
        None
    }

    /// The route of a normalised path.
    pub fn route(&self, normal_path: &[u8]) -> RouteMatch {
        if !self.exact.is_empty()
            && let Some(&route) = self.exact.get(normal_path)
        {
            let covered_bytes = memchr::memrchr(b'/', normal_path).unwrap_or(0);
            return RouteMatch { route, covered_bytes };
        }
        for (prefix, route) in &self.prefixes {
            if path::is_below(normal_path, prefix) {
                let covered_bytes = if prefix.len() == 1 { 0 } else { prefix.len() };
                return RouteMatch { route: *route, covered_bytes };
            }
        }
        RouteMatch { route: self.fallback, covered_bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router() -> Router {
        let mut router = Router::new(9);
        assert_eq!(router.add_prefix("/api", 1), None);
        assert_eq!(router.add_prefix("/", 0), None);
        assert_eq!(router.add_prefix("/api/admin", 2), None);
        assert_eq!(router.add_exact("/api/health", 3), None);
        router
    }

    #[test]
    fn the_longest_prefix_wins_whatever_the_order() {
        let router = router();
        for (path, route) in [("/", 0), ("/x", 0), ("/api", 1), ("/api/", 1), ("/api/x", 1), ("/api/admin/y", 2)] {
            assert_eq!(router.route(path.as_bytes()).route, route, "{path}");
        }
    }

    #[test]
    fn a_prefix_matches_whole_segments_only() {
        assert_eq!(router().route(b"/apix").route, 0);
        assert_eq!(router().route(b"/api/administrator").route, 1);
    }

    #[test]
    fn an_exact_path_beats_every_prefix_and_matches_nothing_below_it() {
        assert_eq!(router().route(b"/api/health").route, 3);
        assert_eq!(router().route(b"/api/health/x").route, 1);
        assert_eq!(router().route(b"/api/health/").route, 1);
    }

    #[test]
    fn what_no_route_matches_goes_to_the_fallback() {
        let router = Router::new(4);
        assert_eq!(router.route(b"/anything"), RouteMatch { route: 4, covered_bytes: 0 });
    }

    #[test]
    fn the_covered_part_never_takes_the_slash_that_follows_it() {
        let router = router();
        assert_eq!(router.route(b"/api/x").covered_bytes, 4);
        assert_eq!(router.route(b"/x").covered_bytes, 0);
        assert_eq!(router.route(b"/api/health").covered_bytes, 4);
    }

    #[test]
    fn the_same_pattern_twice_is_told() {
        let mut router = router();
        assert_eq!(router.add_prefix("/api", 7), Some(1));
        assert_eq!(router.add_exact("/api/health", 7), Some(3));
    }
}
