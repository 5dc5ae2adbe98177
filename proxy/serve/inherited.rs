//! A listening socket that the parent passed on by number (`fd:3`): the one place where a number becomes a descriptor.
#![allow(unsafe_code, reason = "the standard library has no safe way from a number that a parent promised to a descriptor")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_setfd};
use rustix::net::sockopt::socket_acceptconn;

/// A descriptor of our own for the listening socket behind `number`.
///
/// # Errors
/// When there is no such descriptor, or it is no listening socket.
pub(crate) fn listening_socket(number: RawFd) -> io::Result<OwnedFd> {
    if number < 0 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the borrow ends in this function, before which nothing here closes descriptors; whether the number is open at all is asked of the
    // kernel by the duplication, which fails with EBADF if it is not. The standard library has no safe way from a number that a parent promised.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let owned = borrowed.as_fd().try_clone_to_owned()?;
    // The number itself stays open for as long as we run; the processes that we start are not to have it.
    fcntl_setfd(borrowed, FdFlags::CLOEXEC)?;
    if !socket_acceptconn(&owned)? {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a listening socket"));
    }
    Ok(owned)
}
