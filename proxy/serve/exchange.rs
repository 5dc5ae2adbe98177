//! One request and its answer, whatever protocol carries them: a head, a body to read, and a way to answer.
//!
//! `http1` and `http2` make an [`Exchange`] of what they read; `handler` knows nothing else of them.

use std::io;
use std::task::{Context, Poll};
use std::time::Duration;

use http::StatusCode;

use super::client::Client;
use super::http1::body::{BodyError, Piece};
use super::nonce::Nonce;
use super::request_id::RequestId;
use crate::assets;
use crate::http::fields::FieldBlock;
pub(crate) use crate::http::fields::{push_line, split_lines};
use crate::http::request::RequestHead;

/// One request.
pub(crate) struct Exchange<'a, B, R> {
    /// The head.
    pub(crate) head: &'a RequestHead,
    /// Who asks.
    pub(crate) client: &'a Client,
    /// Its name.
    pub(crate) id: &'a RequestId,
    /// The body.
    pub(crate) body: B,
    /// The way to answer.
    pub(crate) responder: R,
}

/// What a request says of its body before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyLength {
    /// There is none.
    Empty,
    /// This many bytes.
    Known(u64),
    /// It ends when it ends.
    Unknown,
}

/// The body of a request.
pub(crate) trait RequestBody {
    /// What is known of its length.
    fn length(&self) -> BodyLength;

    /// `true` once any of it was handed out: the request cannot be sent a second time.
    fn is_started(&self) -> bool;

    /// `true` when all of it was handed out.
    fn is_done(&self) -> bool;

    /// `true` when some of it has come in already.
    fn has_buffered(&self) -> bool;

    /// `true` while the client holds it back and waits for a 100 (RFC 9110 §10.1.1).
    fn is_withheld(&self) -> bool {
        false
    }

    /// Lets the client take this long between two pieces: one that talks with its server may have nothing to say for a while.
    fn set_idle(&mut self, _idle: Duration) {}

    /// `true` when the next piece stays where it is, to be handed out again: it does not make this started.
    fn keeps_next(&self) -> bool {
        false
    }

    /// Begins anew, where [`is_started`](Self::is_started) says that it can.
    fn rewind(&mut self) {}

    /// Ready once the client has gone; call it when the body has ended.
    async fn client_gone(&mut self);

    /// Ready once the client has gone while it is waited for an upstream, and none or part of the body was taken.
    async fn client_left(&mut self);

    /// The next piece.
    async fn next(&mut self) -> Result<Piece<'_>, BodyError>;
}

/// How long the content of a response is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ContentLength {
    /// There can be none: 204, 304.
    None,
    /// This many bytes (to a HEAD: as many as a GET would get).
    Known(u64),
    /// Until it ends.
    Unknown,
}

/// The head of a final response.
#[derive(Debug)]
pub(crate) struct ResponseHead<'a> {
    /// The status.
    pub(crate) status: StatusCode,
    /// Fields that were serialised before the request.
    pub(crate) block: Option<&'a FieldBlock>,
    /// Fields of this response, as `name: value\r\n` lines.
    pub(crate) lines: Vec<u8>,
    /// How much follows.
    pub(crate) length: ContentLength,
    /// `true` to end the connection with this response.
    pub(crate) close: bool,
    /// What `lines` have already.
    pub(crate) present: Present,
    /// The nonce that the content has in it.
    pub(crate) nonce: Option<Nonce>,
    /// The field lines of a 103 that goes before it.
    pub(crate) hints: Option<&'a [u8]>,
}

/// Fields that an upstream may have set, and that are not set again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Present {
    /// `Date` (RFC 9110 §6.6.1: an upstream's stays).
    pub(crate) date: bool,
    /// `Strict-Transport-Security`.
    pub(crate) hsts: bool,
    /// The field of the policy that has a nonce.
    pub(crate) nonced: bool,
}

impl<'a> ResponseHead<'a> {
    /// A head with these constant fields and no others.
    pub(crate) fn new(status: StatusCode, block: Option<&'a FieldBlock>, length: ContentLength) -> Self {
        Self { status, block, lines: Vec::new(), length, close: false, present: Present::default(), nonce: None, hints: None }
    }

    /// The same with these constant fields, which may live elsewhere; without its hints, which live with them.
    pub(crate) fn with_block<'b>(self, block: Option<&'b FieldBlock>) -> ResponseHead<'b> {
        let Self { status, block: _, lines, length, close, present, nonce, hints: _ } = self;
        ResponseHead { status, block, lines, length, close, present, nonce, hints: None }
    }

    /// A head with the constant fields of a block, but with this `Content-Type`.
    pub(crate) fn with_content_type(status: StatusCode, block: &FieldBlock, content_type: &[u8], length: ContentLength) -> Self {
        let mut head = Self::new(status, None, length);
        head.push("content-type", content_type);
        for (name, value) in block.iter().filter(|&(name, _)| name != b"content-type") {
            push_line(&mut head.lines, name, value);
        }
        head
    }

    /// Adds a field. The name is lower case, and both are known to be valid.
    pub(crate) fn push(&mut self, name: &str, value: &[u8]) {
        push_line(&mut self.lines, name.as_bytes(), value);
    }
}

/// The way to answer a request. One of [`reply`](Self::reply), or [`begin`](Self::begin) and then [`write`](Self::write) until a last piece,
/// or [`upgrade`](Self::upgrade).
pub(crate) trait Responder {
    /// Sends an interim response (RFC 9110 §15.2), where the protocol and the client can take it.
    async fn interim(&mut self, status: StatusCode, lines: &[u8]) -> io::Result<()>;

    /// Answers with content that is at hand.
    async fn reply(&mut self, head: &ResponseHead<'_>, body: assets::Body) -> io::Result<()>;

    /// Begins an answer whose content comes in pieces; `first` is sent with the head.
    async fn begin(&mut self, head: &ResponseHead<'_>, first: Piece<'_>) -> io::Result<()>;

    /// Sends a further piece.
    async fn write(&mut self, piece: Piece<'_>) -> io::Result<()>;

    /// Says that the content cannot be completed: the client must not take it for whole.
    fn abort(&mut self);

    /// Hands the connection over to another protocol with a 101.
    async fn upgrade(&mut self, head: &ResponseHead<'_>) -> io::Result<()>;

    /// Ready once the client has reset the request; what else tells that it has gone, the body knows ([`RequestBody::client_gone`]).
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()>;

    /// `true` when [`upgrade`](Self::upgrade) can be used.
    fn can_upgrade(&self) -> bool;

    /// `true` once a head was sent.
    fn has_begun(&self) -> bool;

    /// What was sent so far.
    fn sent(&self) -> Sent;
}

impl<R: Responder> Responder for &mut R {
    async fn interim(&mut self, status: StatusCode, lines: &[u8]) -> io::Result<()> {
        (**self).interim(status, lines).await
    }

    async fn reply(&mut self, head: &ResponseHead<'_>, body: assets::Body) -> io::Result<()> {
        (**self).reply(head, body).await
    }

    async fn begin(&mut self, head: &ResponseHead<'_>, first: Piece<'_>) -> io::Result<()> {
        (**self).begin(head, first).await
    }

    async fn write(&mut self, piece: Piece<'_>) -> io::Result<()> {
        (**self).write(piece).await
    }

    fn abort(&mut self) {
        (**self).abort();
    }

    async fn upgrade(&mut self, head: &ResponseHead<'_>) -> io::Result<()> {
        (**self).upgrade(head).await
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        (**self).poll_gone(cx)
    }

    fn can_upgrade(&self) -> bool {
        (**self).can_upgrade()
    }

    fn has_begun(&self) -> bool {
        (**self).has_begun()
    }

    fn sent(&self) -> Sent {
        (**self).sent()
    }
}

/// What was sent of a response.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sent {
    /// The status of the final head, once it was sent.
    pub(crate) status: Option<StatusCode>,
    /// Bytes of content.
    pub(crate) body_bytes: u64,
    /// `true` when all of it was sent.
    pub(crate) is_complete: bool,
}
