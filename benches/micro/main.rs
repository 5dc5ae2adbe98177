//! Micro benchmarks (`make micro`): what single steps of a request cost, in nanoseconds.
//!
//! They find the step that got slower; they do not say what a request costs, for most of that is the kernel (`make bench` measures it, against nginx).
//! What is not public in the library is not here: writing heads and dressing responses (`serve`) shows in the profiles.
//! One file a step, in the order in which a request meets them: `head`, `host`, `path`, `route`, `conditional`, `range`, `encoding`, `answer`,
//! `template`, `response`, `gzip`.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the inputs are fixed: one that is refused is a mistake in the benchmark, and has to stop it"
)]

use std::time::Duration;

mod answer;
mod conditional;
mod encoding;
mod gzip;
mod head;
mod host;
mod path;
mod range;
mod request;
mod response;
mod route;
mod template;

/// As the edge has it: some steps allocate.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Long enough for a median that the next run repeats, short enough for all of them in half a minute.
const MEASURING_TIME: Duration = Duration::from_millis(150);

fn main() {
    divan::Divan::default().min_time(MEASURING_TIME).config_with_args().main();
}
