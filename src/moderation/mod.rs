//! Keeping the peace: reports, measures, rules at the door, and calm when a crowd comes.

pub mod appeals;
pub mod calm;
pub mod filters;
pub mod gate;
pub mod measures;
pub mod reports;
pub mod rules;
pub mod web;
pub mod writing;
