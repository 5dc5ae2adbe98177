//! Slow start: who of those that came back gets this request. The share of such a server grows with the time since (`state`); here it is drawn.

use std::cell::Cell;
use std::sync::atomic::{AtomicU32, Ordering};

use super::state::{SHARE_WHOLE, ServerState};

/// The draws of a group, which spread evenly over the shares: each is a golden section behind the one before, so that of ten draws a server with a
/// tenth of its share gets one, and not by chance two.
#[derive(Debug, Default)]
pub(super) struct Warmth(AtomicU32);

/// One draw, made when it is first asked for, and the same for all servers.
pub(super) struct Draw<'a> {
    warmth: &'a Warmth,
    drawn: Cell<Option<u32>>,
}

impl Warmth {
    /// The draw of one choice.
    pub(super) fn draw(&self) -> Draw<'_> {
        Draw { warmth: self, drawn: Cell::new(None) }
    }

    fn next(&self) -> u32 {
        const GOLDEN_SECTION: u32 = 0x9e37_79b9;
        let step = self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(GOLDEN_SECTION);
        u32::try_from((u64::from(step) * u64::from(SHARE_WHOLE)) >> 32).unwrap_or_default()
    }
}

impl Draw<'_> {
    /// `true` for a server whose turn this may be.
    pub(super) fn lets(&self, state: &ServerState) -> bool {
        let Some(share) = state.share() else { return true };
        let drawn = self.drawn.get().unwrap_or_else(|| self.warmth.next());
        self.drawn.set(Some(drawn));
        drawn < share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_spread_evenly() {
        let warmth = Warmth::default();
        for share in [100, 250, 500, 900] {
            let lower = (0..1000).filter(|_| warmth.next() < share).count();
            assert!(lower.abs_diff(share as usize) <= 4, "{share}: {lower}");
        }
    }
}
