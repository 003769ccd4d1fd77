//! The integration tests: real nodes on loopback, peers of our own making and recorded documents.

#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    reason = "a test that panics has failed, which is its purpose"
)]

mod attacks;
mod federation;
mod fixtures;
mod pages;
mod peers;
mod program;
mod storage;
mod support;
