//! What comes before the first byte of a connection: the PROXY header of a trusted proxy, which says whose connection it is.
//!
//! Where `server.proxy_protocol` is on, a trusted peer must send one. Others send none: what looks like one from them is a malformed request, and
//! nobody is believed to be somebody else.

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::Instant;

use super::client::Client;
use super::worker::{Tally, Worker};
use crate::http::proxy_protocol::{Said, Step, read};
use crate::http::request::RequestHead;

/// Why there is no client.
enum Problem {
    /// The peer closed before the first byte, as the health checks of some balancers do.
    Silent,
    /// What came is no header.
    Bad(&'static str),
}

/// Reads the header, within `timeouts.header`, and puts the client that it names in the place of the peer. `None` when the connection is to be
/// closed; that has its line in the log.
pub(crate) async fn take<S: AsyncRead + Unpin>(stream: &mut S, mut client: Client, worker: &Worker) -> Option<Client> {
    let started = Instant::now();
    let frame = worker.frame();
    let limit = frame.plan().timeouts.header;
    let reading = header(stream);
    let result = if limit.is_zero() { Ok(reading.await) } else { tokio::time::timeout(limit, reading).await };
    let cause = match result {
        Ok(Ok(Said::Nothing)) => {
            // The proxy speaks for nobody: what comes now is from it itself, or from somebody whom it cannot name.
            client.has_trusted_peer = false;
            return Some(client);
        }
        Ok(Ok(Said::Client { source, destination })) => {
            client.address = Some(source);
            client.local = Some(Box::new(destination));
            client.has_trusted_peer = frame.plan().trusted_proxies.includes(Some(source.ip()));
            return Some(client);
        }
        Ok(Err(Problem::Silent)) => return None,
        Ok(Err(Problem::Bad(cause))) => cause,
        Err(_) => "the PROXY header did not come within timeouts.header",
    };
    worker.record(&client, &RequestHead::default(), &Tally { cause: Some(cause.into()), ..Tally::default() }, started);
    None
}

async fn header<S: AsyncRead + Unpin>(stream: &mut S) -> Result<Said, Problem> {
    let mut bytes: Vec<u8> = Vec::with_capacity(64);
    loop {
        let more = match read(&bytes).map_err(Problem::Bad)? {
            Step::Done(said) => return Ok(said),
            Step::Needs(more) => more,
        };
        let start = bytes.len();
        bytes.resize(start + more, 0);
        // One read and another look: what is no header is known by its first bytes, and the rest is not waited for.
        let count = stream.read(bytes.get_mut(start..).unwrap_or_default()).await.unwrap_or(0);
        bytes.truncate(start + count);
        if count == 0 {
            return Err(if start == 0 { Problem::Silent } else { Problem::Bad("the PROXY header breaks off") });
        }
    }
}
