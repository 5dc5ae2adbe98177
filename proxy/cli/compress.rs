//! `transom compress DIR`: a bar while it works, on a terminal, and one line at the end.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use indicatif::{HumanBytes, ProgressBar, ProgressStyle};

use crate::assets::Made;
use crate::run::{self, Fatal};

/// What `transom compress` is told.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// The folder of the built site.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// How many files to compress at once [default: one for each core].
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// What was done.
#[derive(Debug, Default)]
struct Tally {
    written: usize,
    up_to_date: usize,
    not_worth: usize,
    failed: usize,
    /// Of the files whose siblings were written, and of these.
    bytes: (u64, u64),
}

/// Makes the siblings.
pub(super) fn run(arguments: &Arguments) -> Result<(), Fatal> {
    let threads = arguments.jobs.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN);
    // Drawn on stderr, and only where that is a terminal.
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:32} {pos}/{len} {wide_msg}") {
        bar.set_style(style);
    }
    let mut tally = Tally::default();
    run::compress(&arguments.folder, threads, |compressed| {
        bar.set_length(compressed.total as u64);
        bar.inc(1);
        bar.set_message(compressed.path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        match compressed.made {
            Ok(Made::Written { length, coded_length }) => {
                tally.written += 1;
                tally.bytes.0 += length;
                tally.bytes.1 += coded_length;
            }
            Ok(Made::UpToDate) => tally.up_to_date += 1,
            Ok(Made::NotWorth) => tally.not_worth += 1,
            Err(error) => {
                tally.failed += 1;
                bar.suspend(|| eprintln!("error: cannot write {}: {error}", compressed.path.display()));
            }
        }
    })?;
    bar.finish_and_clear();
    println!("{}: {}", arguments.folder.display(), tally.summary());
    if tally.failed == 0 { Ok(()) } else { Err(Fatal::Incomplete { failed: tally.failed }) }
}

impl Tally {
    fn summary(&self) -> String {
        let (before, after) = self.bytes;
        let percent = (before.saturating_sub(after).saturating_mul(100)).checked_div(before).unwrap_or_default();
        let mut text = match self.written {
            0 => "nothing to write".to_owned(),
            1 => format!("1 file written, {} for {} ({percent} % saved)", HumanBytes(after), HumanBytes(before)),
            written => format!("{written} files written, {} for {} ({percent} % saved)", HumanBytes(after), HumanBytes(before)),
        };
        for (count, what) in [(self.up_to_date, "up to date"), (self.not_worth, "would save less than 5 %"), (self.failed, "failed")] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_what_was_saved_and_what_was_left() {
        let tally = Tally { written: 3, up_to_date: 2, not_worth: 1, failed: 0, bytes: (4096, 1024) };
        assert_eq!(tally.summary(), "3 files written, 1.00 KiB for 4.00 KiB (75 % saved), 2 up to date, 1 would save less than 5 %");
        assert_eq!(Tally::default().summary(), "nothing to write");
    }
}
