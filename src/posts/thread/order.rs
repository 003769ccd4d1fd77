//! The order of a thread: each answer after what it answers, siblings as they are placed. All of it in one pass.

use std::collections::{HashMap, HashSet};

use crate::kernel::id::PostId;
use crate::posts::Post;

/// A place in the order of a thread: by arrival where the thread is ours, since others say about their dates what they
/// like; by date in threads of others, which come here in no order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub(super) at: i64,
    pub(super) post: PostId,
}

impl Cursor {
    /// Reads `moment-post`.
    pub fn parse(text: &str) -> Option<Self> {
        let (at, post) = text.split_once('-')?;
        Some(Self {
            at: at.parse().ok()?,
            post: post.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.at, self.post)
    }
}

/// A post in the order of its thread.
#[derive(Debug)]
pub(super) struct Placed {
    pub post: Post,
    pub cursor: Cursor,
}

/// The parents of answers that were not read, up to `most` of them.
pub(super) fn missing(answers: &[Placed], top: PostId, most: usize) -> Vec<PostId> {
    let known: HashSet<PostId> = answers.iter().map(|answer| answer.post.id).collect();
    let parents = answers.iter().filter_map(|answer| answer.post.in_reply_to);
    let missing: HashSet<PostId> = parents
        .filter(|parent| *parent != top && !known.contains(parent))
        .take(most)
        .collect();
    missing.into_iter().collect()
}

/// Answers below a post, each behind what it answers, with how deep it stands; what hangs on nothing is left out.
pub(super) fn in_order(mut answers: Vec<Placed>, top: PostId) -> Vec<(Post, usize)> {
    // The last sibling is taken first off the stack, so that it comes last.
    answers.sort_by_key(|answer| std::cmp::Reverse(answer.cursor));
    answers.dedup_by_key(|answer| answer.post.id);
    let mut children: HashMap<PostId, Vec<Post>> = HashMap::new();
    for answer in answers {
        if let Some(parent) = answer.post.in_reply_to {
            children.entry(parent).or_default().push(answer.post);
        }
    }
    let mut open: Vec<(Post, usize)> = Vec::new();
    let mut below = Vec::new();
    let take = |children: &mut HashMap<PostId, Vec<Post>>, parent, depth| {
        let answers = children.remove(&parent).unwrap_or_default();
        answers.into_iter().map(move |post| (post, depth))
    };
    open.extend(take(&mut children, top, 0));
    while let Some((post, depth)) = open.pop() {
        open.extend(take(&mut children, post.id, depth + 1));
        below.push((post, depth));
    }
    below
}

/// What a post answers, the first one first, as far as one leads to the next.
pub(super) fn chain(found: Vec<Placed>, post: &Post) -> Vec<Post> {
    let mut found: HashMap<PostId, Post> = found
        .into_iter()
        .map(|placed| (placed.post.id, placed.post))
        .collect();
    let mut above = Vec::new();
    let mut next = post.in_reply_to;
    while let Some(parent) = next.and_then(|id| found.remove(&id)) {
        next = parent.in_reply_to;
        above.push(parent);
    }
    above.reverse();
    above
}
