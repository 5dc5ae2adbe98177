//! `/api/notes`: a small collection, held in memory and lost at exit.
//!
//! It is bounded in number and in length, so that no test can fill the machine.

use std::collections::BTreeMap;
use std::sync::Arc;

use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, LOCATION};
use hyper::{Method, Request, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::backend::Backend;
use crate::query;
use crate::reply::{self, Problem, Reply};

/// The largest request body, in bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The longest text of one note, in bytes.
const TEXT_BYTES_MAX: usize = 16 * 1024;
/// The most notes that are kept.
const NOTES_MAX: usize = 4096;

/// One note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    id: u64,
    text: String,
    done: bool,
}

/// The notes, in the order of their ids. An id is never used twice.
#[derive(Debug)]
pub struct Notes {
    notes: BTreeMap<u64, Note>,
    next_id: u64,
}

#[derive(Deserialize)]
struct Draft {
    text: String,
    #[serde(default)]
    done: bool,
}

#[derive(Deserialize)]
struct Change {
    text: Option<String>,
    done: Option<bool>,
}

impl Notes {
    /// What a fresh backend has to show.
    #[must_use]
    pub fn sample() -> Self {
        let mut notes = Self { notes: BTreeMap::new(), next_id: 1 };
        for (text, done) in [
            ("Put the page and its API behind one door", true),
            ("Restart the API and watch nothing fail", false),
            ("Read the access log", false),
        ] {
            notes.add(Draft { text: text.to_owned(), done });
        }
        notes
    }

    fn add(&mut self, draft: Draft) -> Note {
        let note = Note { id: self.next_id, text: draft.text, done: draft.done };
        self.next_id += 1;
        self.notes.insert(note.id, note.clone());
        note
    }
}

/// `GET` and `POST` on the collection.
///
/// # Errors
/// 400 for a body that is no note, 413 for one that is too long, 507 when the notes are full.
pub async fn collection(request: Request<Incoming>, backend: Arc<Backend>) -> Result<Reply, Problem> {
    if request.method() != Method::POST {
        let notes = backend.notes();
        let all: Vec<&Note> = notes.notes.values().collect();
        return Ok(reply::json(StatusCode::OK, &all));
    }
    let draft: Draft = read(request).await?;
    check(&draft.text)?;
    let note = {
        let mut notes = backend.notes();
        if notes.notes.len() >= NOTES_MAX {
            return Err(Problem::new(StatusCode::INSUFFICIENT_STORAGE, "there are enough notes; delete one first"));
        }
        notes.add(draft)
    };
    let mut created = reply::json(StatusCode::CREATED, &note);
    if let Ok(location) = HeaderValue::try_from(format!("/api/notes/{}", note.id)) {
        created.headers_mut().insert(LOCATION, location);
    }
    Ok(created)
}

/// `GET`, `PUT` and `DELETE` on the note called `id`.
///
/// # Errors
/// 404 when there is no such note, 400 or 413 for a body that is no change of one.
pub async fn item(id: Option<u64>, request: Request<Incoming>, backend: Arc<Backend>) -> Result<Reply, Problem> {
    let id = id.ok_or_else(Problem::not_found)?;
    if request.method() == Method::DELETE {
        return match backend.notes().notes.remove(&id) {
            Some(_) => Ok(reply::empty(StatusCode::NO_CONTENT)),
            None => Err(Problem::not_found()),
        };
    }
    let change = if request.method() == Method::PUT {
        let change: Change = read(request).await?;
        change.text.as_deref().map_or(Ok(()), check)?;
        change
    } else {
        Change { text: None, done: None }
    };
    let mut notes = backend.notes();
    let note = notes.notes.get_mut(&id).ok_or_else(Problem::not_found)?;
    if let Some(text) = change.text {
        note.text = text;
    }
    if let Some(done) = change.done {
        note.done = done;
    }
    Ok(reply::json(StatusCode::OK, note))
}

/// The id in `/api/notes/{id}`, if it can be one.
#[must_use]
pub fn id(segment: &str) -> Option<u64> {
    query::number(segment, u64::MAX)
}

fn check(text: &str) -> Result<(), Problem> {
    match text.len() {
        0 => Err(Problem::bad("`text` must not be empty")),
        1..=TEXT_BYTES_MAX => Ok(()),
        _ => Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "`text` is longer than 16 KiB")),
    }
}

async fn read<T: DeserializeOwned>(request: Request<Incoming>) -> Result<T, Problem> {
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    let body = body.map_err(|error| {
        if error.is::<LengthLimitError>() {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is longer than 64 KiB")
        } else {
            Problem::bad("the body broke off")
        }
    })?;
    serde_json::from_slice(&body.to_bytes()).map_err(|error| Problem::bad(error.to_string()))
}
