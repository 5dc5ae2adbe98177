//! The servers that were asked for one request: those that are not to be asked again for now, and all of them in their order, for the log.

use super::group::ServerIndex;

/// Servers that the log names. Who is held asks the same ones again and again.
const TRAIL_MAX: usize = 16;

/// The servers that were asked for one request.
#[derive(Debug, Default)]
pub struct Tried {
    /// In vain, since the choice began anew.
    now: Vec<ServerIndex>,
    /// All, one that was asked twice in a row once.
    trail: Vec<ServerIndex>,
    /// Since it was last asked, there was none to be had at all.
    had_none: bool,
}

impl Tried {
    /// Those that are not to be asked.
    pub fn as_slice(&self) -> &[ServerIndex] {
        &self.now
    }

    /// This one was asked in vain.
    pub fn push(&mut self, server: ServerIndex) {
        self.now.push(server);
        self.note(server);
    }

    /// This one is asked.
    pub fn note(&mut self, server: ServerIndex) {
        if self.trail.last() != Some(&server) && self.trail.len() < TRAIL_MAX {
            self.trail.push(server);
        }
    }

    /// Any may be asked again.
    pub fn clear(&mut self) {
        self.now.clear();
    }

    /// No server of the group can be had for now.
    pub(super) fn note_none(&mut self) {
        self.had_none = true;
    }

    /// `true` when there was a time, since this was last asked, in which no server could be had.
    pub fn take_had_none(&mut self) -> bool {
        std::mem::take(&mut self.had_none)
    }

    /// All that were asked, in their order; nothing where that was one alone.
    pub fn into_trail(self) -> Vec<ServerIndex> {
        if self.trail.len() > 1 { self.trail } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trail_names_each_change_and_is_bounded() {
        let mut tried = Tried::default();
        let index = ServerIndex::new;
        for _ in 0..3 {
            tried.push(index(0));
            tried.clear();
        }
        tried.note(index(1));
        assert!(tried.as_slice().is_empty());
        for turn in 0..100 {
            tried.push(index(turn % 2));
        }
        let trail = tried.into_trail();
        assert_eq!(trail.get(..3), Some(&[index(0), index(1), index(0)][..]));
        assert_eq!(trail.len(), TRAIL_MAX);
    }

    #[test]
    fn one_server_is_no_trail() {
        let mut tried = Tried::default();
        tried.push(ServerIndex::new(0));
        tried.note(ServerIndex::new(0));
        assert!(tried.into_trail().is_empty());
    }
}
