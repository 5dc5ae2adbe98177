//! What a process writes, cut into lines and handed on. Memory is one buffer a stream, whatever is written.
//!
//! The process is read as fast as it writes: where its lines go (`LineSink`) must not wait, and the event log does not.

#![allow(clippy::indexing_slicing, reason = "offsets were found in the buffer that they index")]

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::telemetry::OUTPUT_TARGET;

/// Bytes of a line; a longer one is shown as several.
pub(super) const LINE_BYTES_MAX: usize = 16 * 1024;

/// Where a line was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names say it")]
pub enum Stream {
    Stdout,
    Stderr,
}

/// A line that a process wrote, without its line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The name of the process.
    pub process: &'a str,
    /// Where it wrote.
    pub stream: Stream,
    /// What it wrote; bytes that are not UTF-8 are U+FFFD. May hold control characters.
    pub text: &'a str,
}

/// Where lines go. It is called on the runtime of the supervisor and must not wait.
pub type LineSink = Arc<dyn Fn(Line<'_>) + Send + Sync>;

impl Stream {
    /// `stdout` or `stderr`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// The sink that writes lines to the event log.
pub(super) fn to_event_log() -> LineSink {
    Arc::new(|line| {
        tracing::info!(target: OUTPUT_TARGET, process = line.process, stream = line.stream.name(), "{}", line.text);
    })
}

/// The tasks that read both streams of one life of a process.
pub(super) struct Readers(Vec<JoinHandle<()>>);

impl Readers {
    pub(super) fn start<O, E>(process: &str, stdout: Option<O>, stderr: Option<E>, sink: &LineSink) -> Self
    where
        O: AsyncRead + Unpin + Send + 'static,
        E: AsyncRead + Unpin + Send + 'static,
    {
        let stdout = stdout.map(|stream| tokio::spawn(forward(stream, process.to_owned(), Stream::Stdout, Arc::clone(sink))));
        let stderr = stderr.map(|stream| tokio::spawn(forward(stream, process.to_owned(), Stream::Stderr, Arc::clone(sink))));
        Self(stdout.into_iter().chain(stderr).collect())
    }

    /// Waits until both streams have ended, no longer than `patience`: a daemon that the process left may hold them open.
    pub(super) async fn drain(&mut self, patience: Duration) {
        let all = async {
            while let Some(reader) = self.0.last_mut() {
                // It fails only when the sink panicked, which the panic itself has told.
                drop(reader.await);
                self.0.pop();
            }
        };
        drop(timeout(patience, all).await);
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}

async fn forward(mut stream: impl AsyncRead + Unpin, process: String, origin: Stream, sink: LineSink) {
    let mut buffer = Vec::with_capacity(LINE_BYTES_MAX);
    let emit = |text: &[u8]| {
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        sink(Line { process: &process, stream: origin, text: &String::from_utf8_lossy(text) });
    };
    loop {
        // The buffer is never full here: room is made below.
        let room = LINE_BYTES_MAX - buffer.len();
        match (&mut stream).take(room as u64).read_buf(&mut buffer).await {
            Ok(1..) => {}
            // A pipe that cannot be read has nothing more to say.
            Ok(0) | Err(_) => break,
        }
        let whole = memchr::memrchr(b'\n', &buffer).map_or(0, |end| end + 1);
        buffer[..whole].split_inclusive(|&byte| byte == b'\n').for_each(|line| emit(&line[..line.len() - 1]));
        buffer.drain(..whole);
        if buffer.len() == LINE_BYTES_MAX {
            let cut = character_end(&buffer);
            emit(&buffer[..cut]);
            buffer.drain(..cut);
        }
    }
    if !buffer.is_empty() {
        emit(&buffer);
    }
}

/// Where to cut a full buffer so that no UTF-8 character is cut in two.
fn character_end(bytes: &[u8]) -> usize {
    let last_start = bytes.iter().rposition(|&byte| byte & 0b1100_0000 != 0b1000_0000).unwrap_or_default();
    match std::str::from_utf8(bytes.get(last_start..).unwrap_or_default()) {
        // It needs more bytes than there are. A piece is never empty, or nothing would get on.
        Err(error) if error.error_len().is_none() && last_start > 0 => last_start,
        _ => bytes.len(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::io::AsyncWriteExt;

    use super::*;

    /// The lines that come of these bytes, written in pieces of this size.
    async fn lines(bytes: &[u8], piece: usize) -> Vec<String> {
        let (mut writer, reader) = tokio::io::duplex(64);
        let lines = Arc::new(Mutex::new(Vec::new()));
        let into = Arc::clone(&lines);
        let sink: LineSink = Arc::new(move |line| into.lock().unwrap().push(line.text.to_owned()));
        let reading = tokio::spawn(forward(reader, "api".to_owned(), Stream::Stdout, sink));
        for piece in bytes.chunks(piece) {
            writer.write_all(piece).await.unwrap();
        }
        drop(writer);
        reading.await.unwrap();
        lines.lock().unwrap().clone()
    }

    #[tokio::test]
    async fn lines_are_the_same_however_they_arrive() {
        for piece in [1, 3, 1000] {
            let written = b"one\r\n\ntwo \xff\nthree";
            assert_eq!(lines(written, piece).await, ["one", "", "two \u{fffd}", "three"]);
        }
    }

    #[tokio::test]
    async fn a_line_without_end_is_shown_in_pieces_and_no_character_is_cut() {
        let text = format!("a{}\nend", "\u{fc}".repeat(LINE_BYTES_MAX));
        let lines = lines(text.as_bytes(), 1000).await;
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LINE_BYTES_MAX - 1, LINE_BYTES_MAX, 2, 3]);
        assert_eq!(lines.concat(), text.replace('\n', ""));
    }

    #[test]
    fn bytes_that_are_no_text_are_cut_at_the_limit() {
        for byte in [0x80, 0xc3, 0xff] {
            let cut = character_end(&vec![byte; LINE_BYTES_MAX]);
            assert!((LINE_BYTES_MAX - 3..=LINE_BYTES_MAX).contains(&cut), "{cut}");
        }
    }
}
