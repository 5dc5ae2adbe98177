//! The `transom` binary.

use std::process::ExitCode;

/// Smaller and faster under many threads and short-lived buffers than the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    transom::cli::main()
}
