//! Two nodes, and peers that are dead, slow, lying or repeating.

mod again;
mod delivery;
mod finding;
mod following;
mod leaving;
mod policies;
mod posting;
mod talking;
