//! Pages in a real browser: nothing sticks out on a phone, nothing is blocked, nothing runs that should not, and
//! everybody gets through by clicking.

mod drafts;
mod driver;
mod inside;
mod journeys;
mod pages;
