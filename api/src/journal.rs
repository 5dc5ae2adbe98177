//! `/api/journal/{id}`: what was executed, on the disk before it is answered.
//!
//! The line of a request is in the file, whatever becomes of this process a moment later; a test that kills it can count how often each request was
//! executed. Without `--journal` there is no such endpoint.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, StatusCode};

use crate::query::Query;
use crate::reply::{self, Problem, Reply};

/// The longest id.
const ID_BYTES_MAX: usize = 100;
/// The longest body, in bytes; it is read before the line is written.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// The file.
#[derive(Debug)]
pub struct Journal(Mutex<File>);

impl Journal {
    /// Opens it, or makes it. What stands in it stays.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self(Mutex::new(OpenOptions::new().create(true).append(true).open(path)?)))
    }

    fn write(&self, method: &Method, id: &str) -> io::Result<()> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(format!("{method} {id}\n").as_bytes())?;
        file.sync_data()
    }
}

/// Writes the request down, lets `delay` pass, and answers.
///
/// # Errors
/// 404 without a journal, 400 for an odd id or body, 507 when it cannot be written.
pub async fn execute(request: Request<Incoming>, id: &str, journal: Option<&Journal>) -> Result<Reply, Problem> {
    let journal = journal.ok_or_else(Problem::not_found)?;
    let delay = Query::of(request.uri()).duration("delay", Duration::ZERO)?;
    let method = request.method().clone();
    let body = Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await;
    body.map_err(|_| Problem::bad("the body broke off, or is longer than 64 KiB"))?;
    if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
        return Err(Problem::bad("an id has letters, digits and hyphens"));
    }
    journal.write(&method, id).map_err(|error| Problem::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()))?;
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    Ok(reply::json(StatusCode::OK, &id))
}
