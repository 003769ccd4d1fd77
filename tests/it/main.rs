//! The integration tests: real nodes on loopback, peers of our own making and recorded documents.

#![allow(
    clippy::unwrap_used,
    clippy::pedantic,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::if_same_then_else,
    clippy::cloned_ref_to_slice_refs,
    reason = "a test that panics has failed, which is its purpose"
)]

mod api;
mod attacks;
mod audit;
mod browser;
mod cases;
mod clients;
mod columns;
mod crew;
mod faults;
mod federation;
mod fixtures;
mod guests;
mod house;
mod locked;
mod mail;
mod members;
mod pages;
mod peace;
mod peers;
mod privacy;
mod program;
mod storage;
mod support;
mod texts;
mod typed;
mod vectors;
mod waiting;
mod workers;
mod zones;
