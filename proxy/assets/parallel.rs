//! One piece of work for each of many things, on all cores that we may use.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Threads that work at once, with the caller's; more would only wait for the disk together.
const THREADS_MAX: usize = 8;
/// Things that a thread takes at once: enough that taking them costs nothing.
const BATCH: usize = 32;

/// What `work` gives for each of `items`, in their order. Every thread has a `Scratch` of its own.
pub(super) fn map<Item: Sync, Out: Send, Scratch: Default>(items: &[Item], work: impl Fn(&mut Scratch, &Item) -> Out + Sync) -> Vec<Out> {
    let batches: Vec<&[Item]> = items.chunks(BATCH).collect();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(THREADS_MAX).min(batches.len());
    let next = AtomicUsize::new(0);
    let run = || {
        let mut scratch = Scratch::default();
        let mut done: Vec<(usize, Vec<Out>)> = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(batch) = batches.get(index) else { return done };
            done.push((index, batch.iter().map(|item| work(&mut scratch, item)).collect()));
        }
    };
    let mut done = thread::scope(|scope| {
        // A thread that cannot be had leaves its share to the others.
        let others: Vec<_> =
            (1..threads).filter_map(|_| thread::Builder::new().name("loader".into()).spawn_scoped(scope, run).ok()).collect();
        let mut done = run();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().flat_map(|(_, outs)| outs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_done_once_and_comes_back_in_its_order() {
        for count in [0, 1, BATCH - 1, BATCH, 10 * BATCH + 1] {
            let items: Vec<usize> = (0..count).collect();
            let doubled = map(&items, |_: &mut (), item| item * 2);
            assert_eq!(doubled, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        }
    }
}
