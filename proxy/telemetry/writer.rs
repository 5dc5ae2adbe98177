//! The access log: a recorder for each worker, which formats into its own buffer, and one thread that writes.
//!
//! Serving never waits for the log. Lines show up at once on a terminal, else within [`FLUSH_TICK`] twice over; when the
//! target is too slow they are dropped and counted. What a line looks like is `access.rs`; the thread is `background.rs`.

use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::access::Record;
use super::background::{Background, Chunk, Feed, Report};
use super::timestamp::Timestamps;
use crate::config::{self, AccessFormat, AccessTarget};

/// How often each worker is to call [`Recorder::flush_if_due`]. A line is written within twice this: one second.
pub const FLUSH_TICK: Duration = Duration::from_millis(500);
/// Bytes of lines that a worker gathers before it hands them over: a few hundred lines for one system call.
const BUFFER_BYTES: usize = 64 * 1024;
/// Below this, a chunk is copied out and the buffer stays: quiet times must not cost a new buffer each tick.
const COPY_BYTES_MAX: usize = BUFFER_BYTES / 8;
/// Room for one more line behind a buffer that is almost full.
const LINE_BYTES_USUAL: usize = 4 * 1024;
/// Bytes that wait for the writer thread, from all workers together.
const QUEUE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The open access log.
pub struct AccessLog {
    background: Background,
    layout: Arc<Layout>,
}

/// Where one worker records its requests. Not shared: each worker asks for its own.
pub struct Recorder {
    feed: Feed,
    layout: Arc<Layout>,
    pending: RefCell<Pending>,
}

/// What all recorders of a log have in common.
#[derive(Debug)]
struct Layout {
    format: AccessFormat,
    pace: Pace,
    skip: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pace {
    /// Somebody is watching.
    EveryLine,
    Buffered,
}

#[derive(Default)]
struct Pending {
    text: Vec<u8>,
    lines: u64,
    /// When the first line of `text` came.
    since: Option<Instant>,
    times: Timestamps,
}

impl AccessLog {
    /// Opens the target and starts the writer thread.
    ///
    /// # Errors
    /// The file cannot be opened for appending, or no thread can be started.
    pub fn open(config: &config::AccessLog) -> io::Result<Self> {
        let target = match &config.to {
            AccessTarget::Stdout => duplicate(io::stdout().as_fd())?,
            AccessTarget::Stderr => duplicate(io::stderr().as_fd())?,
            AccessTarget::File(path) => OpenOptions::new().append(true).create(true).open(&path.value)?,
        };
        Self::to(target, config)
    }

    fn to(target: File, config: &config::AccessLog) -> io::Result<Self> {
        let pace = if target.is_terminal() { Pace::EveryLine } else { Pace::Buffered };
        let layout = Arc::new(Layout { format: config.format, pace, skip: config.skip.clone() });
        let background = Background::start("access-log", target, QUEUE_BYTES_MAX, |report| match report {
            Report::Lost(lines) => tracing::warn!(lines, "access log: lines were dropped, its target was too slow"),
            Report::Failing(error) => tracing::warn!(error, "access log: cannot write"),
        })?;
        Ok(Self { background, layout })
    }

    /// A recorder for one worker.
    pub fn handle(&self) -> Recorder {
        Recorder { feed: self.background.feed(), layout: Arc::clone(&self.layout), pending: RefCell::default() }
    }

    /// Lines that were dropped since the start.
    pub fn lost(&self) -> u64 {
        self.background.feed().lost()
    }

    /// Writes what is queued and ends the writer thread, waiting for a slow target no longer than `patience`. To be called when
    /// the recorders are dropped: what one of them still holds is lost. Gives the lines that were lost since the start.
    pub fn close(self, patience: Duration) -> u64 {
        self.background.close(patience)
    }
}

impl Recorder {
    /// Records a request, unless its path is one of those that are not logged.
    pub fn record(&self, record: &Record<'_>) {
        if !self.layout.skip.is_empty() && self.layout.skip.iter().any(|path| path.as_bytes() == record.path()) {
            return;
        }
        let mut pending = self.pending.borrow_mut();
        if pending.text.len() >= BUFFER_BYTES {
            self.hand_over(&mut pending);
            if !pending.text.is_empty() {
                return self.feed.lose(1);
            }
        }
        let Pending { text, lines, since, times } = &mut *pending;
        if text.is_empty() {
            *since = Some(Instant::now());
            text.reserve(BUFFER_BYTES + LINE_BYTES_USUAL);
        }
        record.write(text, self.layout.format, times);
        *lines += 1;
        if text.len() >= BUFFER_BYTES || self.layout.pace == Pace::EveryLine {
            self.hand_over(&mut pending);
        }
    }

    /// Hands over what has waited for [`FLUSH_TICK`] or longer; a timer of the worker calls this at that interval.
    pub fn flush_if_due(&self, now: Instant) {
        let mut pending = self.pending.borrow_mut();
        if pending.since.is_some_and(|since| now.saturating_duration_since(since) >= FLUSH_TICK) {
            self.hand_over(&mut pending);
        }
    }

    /// Hands over all that was recorded.
    pub fn flush(&self) {
        self.hand_over(&mut self.pending.borrow_mut());
    }

    /// Leaves the lines where they are when the queue is full.
    fn hand_over(&self, pending: &mut Pending) {
        if pending.text.is_empty() {
            return;
        }
        let text = match pending.text.len() {
            ..COPY_BYTES_MAX => pending.text.clone(),
            _ => std::mem::take(&mut pending.text),
        };
        match self.feed.offer(Chunk { text, lines: pending.lines }) {
            Ok(()) => {
                pending.text.clear();
                pending.lines = 0;
                pending.since = None;
            }
            Err(chunk) if pending.text.is_empty() => pending.text = chunk.text,
            Err(_) => {}
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        let pending = self.pending.get_mut();
        if pending.lines > 0 {
            self.feed.offer_last(Chunk { text: std::mem::take(&mut pending.text), lines: pending.lines });
        }
    }
}

/// A second handle to a standard stream, past the line buffer that the standard library keeps before it.
fn duplicate(stream: BorrowedFd<'_>) -> io::Result<File> {
    Ok(File::from(stream.try_clone_to_owned()?))
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, PipeReader, Read};
    use std::os::fd::OwnedFd;

    use super::super::access::tests::record;
    use super::super::text::VALUE_BYTES_MAX;
    use super::*;
    use crate::config::{Span, Spanned};

    const PATIENCE: Duration = Duration::from_secs(20);

    fn config(to: AccessTarget) -> config::AccessLog {
        config::AccessLog { format: AccessFormat::Json, to, skip: vec!["/livez".to_owned()] }
    }

    fn piped() -> (PipeReader, AccessLog) {
        let (reader, writer) = io::pipe().unwrap();
        (reader, AccessLog::to(File::from(OwnedFd::from(writer)), &config(AccessTarget::Stdout)).unwrap())
    }

    #[test]
    fn nothing_is_lost_on_close() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        let log = AccessLog::open(&config(AccessTarget::File(Spanned::new(path.clone(), Span::default())))).unwrap();
        let workers = [1u16, 2, 3].map(|worker| {
            let recorder = log.handle();
            std::thread::spawn(move || {
                (0..2000).for_each(|number| recorder.record(&Record { status: worker, body_bytes: number, ..record() }));
            })
        });
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(log.close(PATIENCE), 0);
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), 6000);
        for worker in [1u16, 2, 3] {
            let of_worker = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
            let bytes: Vec<u64> = of_worker.filter(|line| line["status"] == worker).map(|line| line["bytes"].as_u64().unwrap()).collect();
            assert!(bytes.into_iter().eq(0..2000), "each worker's lines are whole and in order");
        }
    }

    #[test]
    fn a_file_is_appended_to_and_a_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("access.log");
        std::fs::write(&path, "before\n").unwrap();
        let log = AccessLog::open(&config(AccessTarget::File(Spanned::new(path.clone(), Span::default())))).unwrap();
        log.handle().record(&record());
        log.close(PATIENCE);
        assert!(std::fs::read_to_string(&path).unwrap().starts_with("before\n{\"ts\""));
        assert!(AccessLog::open(&config(AccessTarget::File(Spanned::new(folder.path().to_owned(), Span::default())))).is_err());
    }

    #[test]
    fn a_blocked_reader_costs_lines_that_are_counted_and_never_time_or_memory() {
        let (mut reader, log) = piped();
        let recorder = log.handle();
        let long = vec![b'a'; VALUE_BYTES_MAX];
        let mut recorded = 0u64;
        // The pipe and the queue fill up; recording goes on all the time.
        while log.lost() < 100 {
            recorder.record(&Record { target: &long, ..record() });
            recorded += 1;
            assert!(recorded < 10_000, "nothing was ever dropped");
        }
        let kept_bytes = (recorded - log.lost()) * VALUE_BYTES_MAX as u64;
        assert!(kept_bytes < 2 * QUEUE_BYTES_MAX as u64, "{kept_bytes} bytes are kept");

        // The reader comes back: whole lines come out, and new ones are taken again.
        let lost = log.lost();
        let lines = std::thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            text
        });
        drop(recorder);
        assert_eq!(log.close(PATIENCE), lost);
        let text = lines.join().unwrap();
        assert_eq!(text.lines().count() as u64 + lost, recorded);
        assert!(text.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()));
    }

    #[test]
    fn closing_does_not_wait_for_ever_for_a_blocked_reader() {
        let (reader, log) = piped();
        let recorder = log.handle();
        (0..2000).for_each(|_| recorder.record(&record()));
        drop(recorder);
        assert!(log.close(Duration::from_millis(20)) > 0);
        drop(reader);
    }

    #[test]
    fn a_reader_that_is_gone_is_counted() {
        let (reader, log) = piped();
        drop(reader);
        log.handle().record(&record());
        assert_eq!(log.close(PATIENCE), 1);
    }

    #[test]
    fn a_line_shows_up_when_it_is_due_and_not_before() {
        let (reader, log) = piped();
        let recorder = log.handle();
        let before = Instant::now();
        recorder.record(&record());
        recorder.flush_if_due(before);
        assert!(recorder.pending.borrow().since.is_some(), "it was written before its time");
        recorder.flush_if_due(Instant::now() + FLUSH_TICK);
        assert!(recorder.pending.borrow().text.is_empty());
        let mut line = String::new();
        BufReader::new(reader).read_line(&mut line).unwrap(); // while the log is open
        assert!(line.starts_with("{\"ts\""));
    }

    #[test]
    fn paths_that_are_skipped_are_not_logged_whatever_their_query() {
        let (mut reader, log) = piped();
        let recorder = log.handle();
        for target in [&b"/livez"[..], b"/livez?probe=1", b"/livez/x"] {
            recorder.record(&Record { target, ..record() });
        }
        drop(recorder);
        log.close(PATIENCE);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert!(text.contains("/livez/x"));
    }
}
