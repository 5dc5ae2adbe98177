//! Reading a file that is too large for memory, piece by piece, without ever blocking the worker on a disk.

use std::fs::File;
use std::io::{self, IoSliceMut};
use std::sync::Arc;

use rustix::io::ReadWriteFlags;

/// Bytes of one piece: many enough that a system call costs little against them, few enough that a thousand downloads fit in memory.
pub(crate) const PIECE_BYTES: usize = 128 * 1024;

/// A file has fewer bytes than were promised: what was begun cannot be completed.
pub(crate) fn became_shorter() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the file became shorter while it was sent")
}

/// Reads up to the size of `buffer` at `offset`; fewer bytes only at the end of the file. Pages in the cache are taken at once; for others a
/// thread of the blocking pool waits.
pub(crate) async fn read_at(file: &Arc<File>, offset: u64, mut buffer: Vec<u8>) -> io::Result<(Vec<u8>, usize)> {
    let cached = rustix::io::preadv2(&**file, &mut [IoSliceMut::new(&mut buffer)], offset, ReadWriteFlags::NOWAIT);
    match cached {
        Ok(bytes) if bytes > 0 => return Ok((buffer, bytes)),
        // Not in the cache, or a file system that cannot tell.
        Ok(_) | Err(_) => {}
    }
    let file = Arc::clone(file);
    let read = move || {
        use std::os::unix::fs::FileExt;
        let bytes = file.read_at(&mut buffer, offset)?;
        Ok((buffer, bytes))
    };
    tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
}
