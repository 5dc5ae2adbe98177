//! What has to hold of the rules that read a client's bytes, whatever the bytes are.
//!
//! Each rule has a model beside it: the same rule written as plainly as the RFC puts it, without a thought for speed. Property tests come here
//! with inputs of the right shape, the fuzzers of `fuzz/` with any bytes. It is compiled for these two alone.

pub mod conditional;
pub mod encoding;
pub mod frames;
pub mod hpack;
pub mod path;
pub mod proxy_protocol;
pub mod range;
