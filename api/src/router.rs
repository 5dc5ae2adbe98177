//! From a request to the endpoint that answers it: the table of the whole interface.
//!
//! Paths are compared as they are sent; nothing is decoded or normalised, since a test wants to
//! see what a proxy passed on. The README has the same table for readers.

use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::{Method, Request};

use crate::backend::Backend;
use crate::query::Query;
use crate::reply::{Problem, Reply};
use crate::websocket::Talk;
use crate::{call, echo, faults, notes, payload, stream, upgrade, websocket};

/// Every endpoint, with what its path says beyond its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Endpoint<'p> {
    Abort,
    Bytes(&'p str),
    Call,
    Cookies,
    Drip,
    Early,
    Echo,
    Events,
    Exit,
    Headers,
    Health,
    Hop,
    Json(&'p str),
    Lines,
    Note(Option<u64>),
    Notes,
    Pid,
    Redirect,
    Slow,
    Small,
    Status(&'p str),
    Trailers,
    Truncated,
    Upgrade,
    Upload,
    WebSocket(Talk),
}

/// The methods an endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Methods {
    Any,
    Read,
    Post,
    Collection,
    Item,
}

impl Methods {
    fn include(self, method: &Method) -> bool {
        let read = matches!(*method, Method::GET | Method::HEAD);
        match self {
            Self::Any => true,
            Self::Read => read,
            Self::Post => *method == Method::POST,
            Self::Collection => read || *method == Method::POST,
            Self::Item => read || matches!(*method, Method::PUT | Method::DELETE),
        }
    }

    /// The value of `Allow`.
    fn names(self) -> &'static str {
        match self {
            Self::Any => "*",
            Self::Read => "GET, HEAD",
            Self::Post => "POST",
            Self::Collection => "GET, HEAD, POST",
            Self::Item => "GET, HEAD, PUT, DELETE",
        }
    }
}

impl<'p> Endpoint<'p> {
    fn find(path: &'p str) -> Option<Self> {
        let path = path.strip_prefix('/')?;
        let (place, rest) = path.split_once('/').unwrap_or((path, ""));
        match (place, rest) {
            ("ws", "") => return Some(Self::WebSocket(Talk::Room)),
            ("ws", "echo") => return Some(Self::WebSocket(Talk::Echo)),
            ("api", _) => {}
            _ => return None,
        }
        let (name, rest) = match rest.split_once('/') {
            Some((name, rest)) => (name, Some(rest)),
            None => (rest, None),
        };
        let endpoint = match (name, rest) {
            ("small", None) => Self::Small,
            ("health", None) => Self::Health,
            ("abort", None) => Self::Abort,
            ("bytes", Some(size)) => Self::Bytes(size),
            ("rpc", Some(_)) => Self::Call,
            ("cookies", None) => Self::Cookies,
            ("drip", None) => Self::Drip,
            ("early", None) => Self::Early,
            ("echo", _) => Self::Echo,
            ("events", None) => Self::Events,
            ("exit", None) => Self::Exit,
            ("headers", None) => Self::Headers,
            ("hop", None) => Self::Hop,
            ("json", Some(size)) => Self::Json(size),
            ("notes", None) => Self::Notes,
            ("notes", Some(id)) => Self::Note(notes::id(id)),
            ("pid", None) => Self::Pid,
            ("redirect", None) => Self::Redirect,
            ("slow", None) => Self::Slow,
            ("status", Some(code)) => Self::Status(code),
            ("stream", None) => Self::Lines,
            ("trailers", None) => Self::Trailers,
            ("truncated", None) => Self::Truncated,
            ("upgrade", None) => Self::Upgrade,
            ("upload", None) => Self::Upload,
            ("ws", None) => Self::WebSocket(Talk::Room),
            ("ws", Some("echo")) => Self::WebSocket(Talk::Echo),
            _ => return None,
        };
        Some(endpoint)
    }

    fn methods(self) -> Methods {
        match self {
            Self::Echo | Self::Upgrade => Methods::Any,
            Self::Call | Self::Early | Self::Upload => Methods::Post,
            Self::Notes => Methods::Collection,
            Self::Note(_) => Methods::Item,
            Self::Abort
            | Self::Bytes(_)
            | Self::Cookies
            | Self::Drip
            | Self::Events
            | Self::Exit
            | Self::Headers
            | Self::Health
            | Self::Hop
            | Self::Json(_)
            | Self::Lines
            | Self::Pid
            | Self::Redirect
            | Self::Slow
            | Self::Small
            | Self::Status(_)
            | Self::Trailers
            | Self::Truncated
            | Self::WebSocket(_) => Methods::Read,
        }
    }
}

/// Answers one request, whatever it is.
pub async fn answer(request: Request<Incoming>, backend: &Arc<Backend>) -> Reply {
    backend.count_request();
    match dispatch(request, backend).await {
        Ok(reply) => reply,
        Err(problem) => problem.into_reply(),
    }
}

/// Endpoints that wait are boxed, so that the future of the quick ones stays small.
async fn dispatch(mut request: Request<Incoming>, backend: &Arc<Backend>) -> Result<Reply, Problem> {
    let drain = backend.drain();
    let uri = request.uri();
    let query = Query::of(uri);
    let endpoint = Endpoint::find(uri.path()).ok_or_else(Problem::not_found)?;
    if !endpoint.methods().include(request.method()) {
        return Err(Problem::method(endpoint.methods().names()));
    }
    match endpoint {
        Endpoint::Small => Ok(payload::small()),
        Endpoint::Health => Ok(payload::health()),
        Endpoint::Abort => faults::abort(backend),
        Endpoint::Bytes(size) => payload::bytes(size, query),
        Endpoint::Call => Box::pin(call::echo(request)).await,
        Endpoint::Cookies => Ok(faults::cookies()),
        Endpoint::Drip => stream::drip(query, drain),
        Endpoint::Early => faults::early(query),
        Endpoint::Echo => Box::pin(echo::echo(request)).await,
        Endpoint::Events => stream::events(&request, drain),
        Endpoint::Exit => faults::exit(query, backend),
        Endpoint::Headers => faults::headers(query),
        Endpoint::Hop => Ok(faults::hop()),
        Endpoint::Json(size) => payload::document(size, backend),
        Endpoint::Lines => stream::lines(query, drain),
        Endpoint::Note(id) => Box::pin(notes::item(id, request, Arc::clone(backend))).await,
        Endpoint::Notes => Box::pin(notes::collection(request, Arc::clone(backend))).await,
        Endpoint::Pid => Ok(faults::pid(backend)),
        Endpoint::Redirect => faults::redirect(query),
        Endpoint::Slow => {
            let delay = query.duration("delay", Duration::from_secs(2));
            Box::pin(payload::slow(delay)).await
        }
        Endpoint::Status(code) => faults::status(code),
        Endpoint::Trailers => Ok(stream::trailers()),
        Endpoint::Truncated => stream::truncated(query),
        Endpoint::Upgrade => upgrade::echo(&mut request, backend),
        Endpoint::Upload => Box::pin(payload::upload(request)).await,
        Endpoint::WebSocket(talk) => websocket::open(talk, &mut request, backend),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_one_endpoint() {
        for (path, endpoint) in [
            ("/api/small", Some(Endpoint::Small)),
            ("/api/small/", None),
            ("/api/echo", Some(Endpoint::Echo)),
            ("/api/echo/a//b/%2e%2e", Some(Endpoint::Echo)),
            ("/api/notes/7", Some(Endpoint::Note(Some(7)))),
            ("/api/notes/seven", Some(Endpoint::Note(None))),
            ("/api/bytes/10", Some(Endpoint::Bytes("10"))),
            ("/api/bytes", None),
            ("/api/rpc/test.Test/Echo", Some(Endpoint::Call)),
            ("/api/rpc", None),
            ("/ws", Some(Endpoint::WebSocket(Talk::Room))),
            ("/api/ws/echo", Some(Endpoint::WebSocket(Talk::Echo))),
            ("/apis/small", None),
            ("/", None),
            ("*", None),
            ("", None),
        ] {
            assert_eq!(Endpoint::find(path), endpoint, "{path}");
        }
    }

    #[test]
    fn a_read_endpoint_takes_get_and_head_only() {
        let methods = Endpoint::Small.methods();
        assert!(methods.include(&Method::GET));
        assert!(methods.include(&Method::HEAD));
        assert!(!methods.include(&Method::POST));
        assert_eq!(methods.names(), "GET, HEAD");
    }
}
