//! Afterparty: the community node of one artist, band, label or brand.
//!
//! The modules stand in the order of their dependencies: each uses only what stands before it
//! (`web` modules of the slices belong to the pages further down).

pub mod kernel;

pub mod app;
pub mod error;
pub mod jobs;
pub mod locale;

pub mod accounts;
pub mod audiences;
pub mod media;
pub mod moderation;
pub mod nodes;
pub mod notifications;
pub mod oauth;
pub mod posts;
pub mod relations;
pub mod search;
pub mod timelines;

pub mod crew;
pub mod federation;
pub mod guests;
pub mod mastodon;
pub mod members;
pub mod portable;

pub mod ui;

pub mod cli;
pub mod server;
pub mod worker;
