//! Files on the way to a client: opened, checked, read and made ready to be sent, without ever blocking the worker on a disk.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use rustix::io::ReadWriteFlags;

use super::disk::{Disk, OPEN_PATIENCE, READ_PATIENCE};
use crate::assets::{Body, Handle, PartData, Stored};

/// Bytes of one piece: many enough that a system call costs little against them, few enough that a thousand downloads fit in memory.
pub(crate) const PIECE_BYTES: usize = 128 * 1024;
/// Bytes of a file on disk that are made ready and sent at a time: what a disk reads in a few milliseconds.
const WINDOW_BYTES: u64 = 512 * 1024;
/// One byte of so many is looked at to know whether a window is in the page cache; the kernel reads ahead in steps of this or more.
const PROBE_STEP_BYTES: usize = 64 * 1024;

/// A part of a file that can be sent at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Part<'a> {
    /// The file.
    pub(crate) file: &'a File,
    /// Where in the file it begins.
    pub(crate) offset: u64,
    /// Its length.
    pub(crate) bytes: u64,
}

/// The body with its file open and unchanged. Opening waits in a thread: the folder may be on a slow disk. While no more threads can be spared, only
/// a file whose first bytes are in memory is taken.
pub(crate) async fn opened(body: Body, disk: &Disk) -> io::Result<Body> {
    match body {
        Body::Stored { file, offset, length } => {
            let file = open(file, disk).await?;
            if file.is_on_disk() && disk.is_exhausted() && !is_begun(&file, offset, length) {
                return Err(disk.exhausted());
            }
            Ok(Body::Stored { file, offset, length })
        }
        Body::Parts(mut parts) => {
            // All are of one file.
            let mut opened: Option<Arc<Stored>> = None;
            for part in &mut parts.parts {
                let PartData::Stored { file, .. } = &mut part.data else { continue };
                let whole = match &opened {
                    Some(whole) => Arc::clone(whole),
                    None => Box::pin(open(Arc::clone(file), disk)).await?,
                };
                *file = Arc::clone(&whole);
                opened = Some(whole);
            }
            Ok(Body::Parts(parts))
        }
        Body::Empty | Body::Memory(_) => Ok(body),
    }
}

async fn open(file: Arc<Stored>, disk: &Disk) -> io::Result<Arc<Stored>> {
    if file.is_closed() { Box::pin(disk.wait(OPEN_PATIENCE, move || file.opened())).await } else { file.opened() }
}

/// `true` when the beginning of a part of a file can be sent without waiting.
fn is_begun(stored: &Stored, offset: u64, length: u64) -> bool {
    stored.handle().is_some_and(|Handle { file, start }| length == 0 || is_cached(file, start + offset, length.min(WINDOW_BYTES)))
}

/// The next part of what is left to send: it is in memory, and still what was loaded.
pub(crate) async fn ready<'a>(stored: &'a Stored, (offset, left): (u64, u64), disk: &Disk) -> io::Result<Part<'a>> {
    let Some(Handle { file, start }) = stored.handle() else { return Err(io::ErrorKind::NotConnected.into()) };
    if !stored.is_on_disk() {
        return Ok(Part { file, offset: start + offset, bytes: left });
    }
    let bytes = left.min(WINDOW_BYTES);
    if !is_cached(file, start + offset, bytes) {
        warm(Arc::clone(file), (start + offset, bytes), disk).await?;
    }
    // Last, so that a change while it was read is seen: a body of two files must not end as if it were one.
    stored.check_unchanged()?;
    Ok(Part { file, offset: start + offset, bytes })
}

/// Whether a part of a file is in the page cache, as far as samples tell.
fn is_cached(file: &File, offset: u64, bytes: u64) -> bool {
    let samples = (offset..offset + bytes).step_by(PROBE_STEP_BYTES).chain(Some(offset + bytes - 1));
    samples.into_iter().all(|at| {
        let read = rustix::io::preadv2(file, &mut [IoSliceMut::new(&mut [0])], at, ReadWriteFlags::NOWAIT);
        // At the end of the file there is nothing to wait for. File systems that cannot tell give an error.
        read.is_ok()
    })
}

/// Reads a part of a file into the page cache, in a thread that may wait.
async fn warm(file: Arc<File>, (offset, bytes): (u64, u64), disk: &Disk) -> io::Result<()> {
    let read = move || {
        let mut buffer = vec![0; PIECE_BYTES];
        let mut at = offset;
        while at < offset + bytes {
            match file.read_at(&mut buffer, at) {
                Ok(0) => break,
                Ok(count) => at += count as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    disk.wait(READ_PATIENCE, read).await
}

/// A file has fewer bytes than were promised: what was begun cannot be completed.
pub(crate) fn became_shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}

/// Reads up to the size of `buffer` at `offset`; fewer bytes only at the end of the file. Pages in the cache are taken at once; for others a
/// thread of the blocking pool waits.
pub(crate) async fn read_at(stored: &Stored, offset: u64, mut buffer: Vec<u8>, disk: &Disk) -> io::Result<(Vec<u8>, usize)> {
    let Some(Handle { file, start }) = stored.handle() else { return Err(io::ErrorKind::NotConnected.into()) };
    let offset = start + offset;
    if !stored.is_on_disk() {
        let bytes = file.read_at(&mut buffer, offset)?;
        return Ok((buffer, bytes));
    }
    stored.check_unchanged()?;
    let cached = rustix::io::preadv2(&**file, &mut [IoSliceMut::new(&mut buffer)], offset, ReadWriteFlags::NOWAIT);
    // Again, so that a change while it was read is seen.
    match cached {
        Ok(bytes) if bytes > 0 => return stored.check_unchanged().map(|()| (buffer, bytes)),
        // Not in the cache, or a file system that cannot tell.
        Ok(_) | Err(_) => {}
    }
    let file = Arc::clone(file);
    let read = move || {
        let bytes = file.read_at(&mut buffer, offset)?;
        Ok((buffer, bytes))
    };
    let read = disk.wait(READ_PATIENCE, read).await?;
    stored.check_unchanged().map(|()| read)
}
