//! The ground everything stands on; it knows no domain.

pub mod boxed;
pub mod cache;
pub mod clock;
pub mod config;
pub mod crypt;
pub mod csv;
pub mod db;
pub mod failpoint;
pub mod flights;
pub mod html;
pub mod http;
pub mod id;
pub mod json;
pub mod mail;
pub mod markup;
pub mod net;
pub mod origin;
pub mod page;
pub mod rate_limit;
pub mod slots;
pub mod storage;
pub mod text;
pub mod zone;
