//! Two nodes, and peers that are dead, slow, lying or repeating.

mod delivery;
mod following;
mod leaving;
mod posting;
mod talking;
