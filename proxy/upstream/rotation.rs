//! Turns by weight: a round in which each server stands as often as its weight says, spread as evenly as can be.
//!
//! The round is made once, by the rule of smooth weighted round robin (weights 5, 1, 1 give a a b a c a a); after that a turn is one step of one atomic.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::group::ServerIndex;

/// A round, and where it stands.
#[derive(Debug)]
pub(super) struct Rotation {
    round: Box<[ServerIndex]>,
    next: AtomicUsize,
}

impl Rotation {
    /// A round of these servers with these weights.
    pub(super) fn new(servers: &[(ServerIndex, u16)]) -> Self {
        let divisor = servers.iter().fold(0, |divisor, &(_, weight)| greatest_common_divisor(divisor, weight)).max(1);
        let mut running: Vec<(ServerIndex, i64, i64)> =
            servers.iter().map(|&(index, weight)| (index, i64::from(weight / divisor), 0)).collect();
        let total: i64 = running.iter().map(|&(_, weight, _)| weight).sum();
        let mut round = Vec::with_capacity(usize::try_from(total).unwrap_or_default());
        for _ in 0..total {
            running.iter_mut().for_each(|(_, weight, current)| *current += *weight);
            // The first of the largest: `max_by_key` would give the last.
            let Some(chosen) = running.iter_mut().reduce(|best, other| if other.2 > best.2 { other } else { best }) else { break };
            chosen.2 -= total;
            round.push(chosen.0);
        }
        Self { round: round.into(), next: AtomicUsize::new(0) }
    }

    /// The next server that fits. One that does not loses its turn, so that those behind it do not get its share as well.
    pub(super) fn next(&self, fits: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        let turns = (0..self.round.len()).find_map(|_| self.turn().filter(|&index| fits(index)));
        // Other workers take turns from between ours: the one server that fits may have been among theirs.
        turns.or_else(|| self.from(self.step(), &fits))
    }

    /// The first server that fits from this place on; places are as many as there are turns in a round, and begin anew behind the last.
    pub(super) fn from(&self, place: usize, fits: impl Fn(ServerIndex) -> bool) -> Option<ServerIndex> {
        let place = place.checked_rem(self.round.len())?;
        let (before, behind) = self.round.split_at_checked(place)?;
        behind.iter().chain(before).copied().find(|&index| fits(index))
    }

    /// One step; the number of the step.
    pub(super) fn step(&self) -> usize {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn turn(&self) -> Option<ServerIndex> {
        self.round.get(self.step().checked_rem(self.round.len())?).copied()
    }
}

fn greatest_common_divisor(a: u16, b: u16) -> u16 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rotation(weights: &[u16]) -> Rotation {
        let servers: Vec<_> = weights.iter().enumerate().map(|(index, &weight)| (ServerIndex::new(index), weight)).collect();
        Rotation::new(&servers)
    }

    fn turns(rotation: &Rotation, count: usize, fits: impl Fn(usize) -> bool) -> Vec<usize> {
        (0..count).filter_map(|_| rotation.next(|index| fits(index.get())).map(ServerIndex::get)).collect()
    }

    #[test]
    fn heavy_servers_are_spread_over_the_round() {
        assert_eq!(turns(&rotation(&[5, 1, 1]), 7, |_| true), [0, 0, 1, 0, 2, 0, 0]);
        assert_eq!(turns(&rotation(&[2, 4]), 6, |_| true), [1, 0, 1, 1, 0, 1]);
    }

    #[test]
    fn the_share_of_a_server_that_is_down_goes_to_all_others() {
        let turns = turns(&rotation(&[1, 1, 1]), 300, |index| index != 0);
        let of = |server| turns.iter().filter(|&&index| index == server).count();
        assert_eq!((of(0), of(1), of(2)), (0, 150, 150));
    }

    #[test]
    fn when_none_fits_there_is_none() {
        assert!(rotation(&[3, 1]).next(|_| false).is_none());
        assert!(rotation(&[]).next(|_| true).is_none());
        assert!(rotation(&[]).from(3, |_| true).is_none());
    }

    proptest! {
        #[test]
        fn in_a_round_each_server_stands_as_often_as_its_weight_says(weights in prop::collection::vec(1_u16..20, 1..6)) {
            let rotation = rotation(&weights);
            let round = turns(&rotation, rotation.round.len(), |_| true);
            let divisor = weights.iter().fold(0, |divisor, &weight| greatest_common_divisor(divisor, weight));
            for (index, weight) in weights.iter().enumerate() {
                prop_assert_eq!(round.iter().filter(|&&turn| turn == index).count(), usize::from(weight / divisor));
            }
        }
    }
}
