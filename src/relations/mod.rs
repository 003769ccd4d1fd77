//! What stands between accounts: follows, blocks, mutes.

pub mod between;
pub mod blocks;
pub mod digests;
pub mod endorsements;
pub mod follows;
pub mod undone;
pub mod web;
