//! To be written.
#![allow(missing_docs)]
