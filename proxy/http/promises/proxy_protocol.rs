//! The PROXY protocol: a header is read to its end and no further, and what it says is what a header that we write would say.

use crate::http::proxy_protocol::{Said, Step, Version, read, write};

/// No header has more bytes: the fixed part of version 2, and what may follow it.
const BYTES_MAX: usize = 16 + 4096;

/// Whether the promises hold for a connection that begins with these bytes.
///
/// # Panics
/// When one is broken.
pub fn check(bytes: &[u8]) {
    let Some(said @ Said::Client { source, destination }) = fed(bytes) else { return };
    for version in [Version::V1, Version::V2] {
        let mut header = Vec::new();
        write(&mut header, version, Some((source, destination)));
        let again = fed(&header);
        let canonical = source.ip().to_canonical() == source.ip() && destination.ip().to_canonical() == destination.ip();
        assert!(again.is_some(), "{said:?} in {version:?}");
        assert!(!canonical || again == Some(said), "{said:?} became {again:?} in {version:?}");
    }
}

/// Feeds the bytes as they are asked for.
fn fed(bytes: &[u8]) -> Option<Said> {
    let mut taken = 0;
    while let Ok(step) = read(bytes.get(..taken)?) {
        match step {
            Step::Done(said) => return Some(said),
            Step::Needs(more) => {
                assert!(more > 0, "it goes on");
                taken += more;
                assert!(taken <= BYTES_MAX, "it ends");
            }
        }
    }
    None
}
