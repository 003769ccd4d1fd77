//! What stands between accounts: follows, blocks, mutes.

pub mod blocks;
pub mod follows;
pub mod web;
