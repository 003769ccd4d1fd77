//! Later work: written in the transaction of the change it follows from, done by `worker.rs`.
//!
//! A job carries ids and is safe to run twice; its performer reloads and stops quietly where nothing is left to do.

pub mod lanes;
pub mod news;
mod queue;

use serde::{Deserialize, Serialize};

use crate::kernel::id::{
    AccountId, FollowId, InboxId, MailId, MediaId, NodeId, NotificationId, PostId, ReportId,
    StampId,
};

pub use queue::{
    Claimed, claim, counts, enqueue, enqueue_at, enqueue_once, finish, give_back, renew,
    retry_dead, void_leases,
};

/// Who gets to hear of something whose row is gone when the job runs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Reach {
    /// The author's followers.
    pub followers: bool,
    /// Named accounts.
    pub people: Vec<AccountId>,
}

/// What a notification is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// A post names the account.
    Mention,
    /// Somebody follows.
    Follow,
    /// Somebody asks to follow.
    FollowRequest,
    /// A post is somebody's favourite.
    Favourite,
    /// A post was boosted.
    Boost,
    /// A poll ended.
    Poll,
    /// A boosted post was edited.
    Edit,
    /// A post was quoted.
    Quote,
    /// Somebody wrote whose every post the account wants to hear of.
    Post,
    /// More comes in than usual.
    Alarm,
    /// The house gave a tier.
    Tier,
    /// The house gave rights, or other ones.
    Rights,
}

impl Notice {
    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mention => "mention",
            Self::Follow => "follow",
            Self::FollowRequest => "follow_request",
            Self::Favourite => "favourite",
            Self::Boost => "boost",
            Self::Poll => "poll",
            Self::Edit => "edit",
            Self::Quote => "quote",
            Self::Post => "post",
            Self::Alarm => "alarm",
            Self::Tier => "tier",
            Self::Rights => "rights",
        }
    }

    /// Reads its name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Mention,
            Self::Follow,
            Self::FollowRequest,
            Self::Favourite,
            Self::Boost,
            Self::Poll,
            Self::Edit,
            Self::Quote,
            Self::Post,
            Self::Alarm,
            Self::Tier,
            Self::Rights,
        ]
        .into_iter()
        .find(|notice| notice.name() == name)
    }
}

/// A unit of later work.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Job {
    /// Send a Follow.
    SendFollow(FollowId),
    /// Look an account up and follow it, as asked on the command line.
    FollowHandle { account: AccountId, handle: String },
    /// Send the Undo of a Follow.
    SendUnfollow {
        uri: String,
        follower: AccountId,
        followee: AccountId,
    },
    /// Send the Accept of a Follow.
    SendAccept {
        uri: String,
        follower: AccountId,
        followee: AccountId,
    },
    /// Send the Reject of a Follow.
    SendReject {
        uri: String,
        follower: AccountId,
        followee: AccountId,
    },
    /// Send a new post.
    SendPost(PostId),
    /// Send a post that changed.
    SendEdit { post: PostId, version: i64 },
    /// Send the Delete of a post.
    SendDelete {
        account: AccountId,
        uri: String,
        reach: Reach,
    },
    /// Tell everybody who has a personal copy of a post that it is gone.
    SendCopiesGone { account: AccountId, post: PostId },
    /// Send a boost.
    SendBoost(PostId),
    /// Send the Undo of a boost.
    SendUnboost {
        account: AccountId,
        uri: String,
        object: String,
        author: AccountId,
    },
    /// Send a favourite.
    SendFavourite { account: AccountId, post: PostId },
    /// Send the Undo of a favourite.
    SendUnfavourite {
        account: AccountId,
        uri: String,
        object: String,
        author: AccountId,
    },
    /// Send votes.
    SendVotes { account: AccountId, post: PostId },
    /// Send a Block.
    SendBlock {
        account: AccountId,
        target: AccountId,
        uri: String,
    },
    /// Send the Undo of a Block.
    SendUnblock {
        account: AccountId,
        target: AccountId,
        uri: String,
    },
    /// Forward a report to the node of the reported account.
    SendReport(ReportId),
    /// Send a profile that changed.
    SendProfile { account: AccountId, version: i64 },
    /// Send the Delete of an account.
    SendFarewell(AccountId),
    /// Remove what an ended remote account left.
    EraseAccount(AccountId),
    /// Send the Move of an account.
    SendMove(AccountId),
    /// Send that a post was pinned or unpinned.
    SendPin {
        account: AccountId,
        post_uri: String,
        pinned: bool,
        at: i64,
    },
    /// Ask the author of what a post of ours answers, or boosts, to let it through.
    AskApproval(PostId),
    /// Ask to quote.
    SendQuoteRequest(PostId),
    /// Answer a request to quote: with the consent's id, or with none.
    SendQuoteAnswer {
        account: AccountId,
        to: AccountId,
        request: serde_json::Value,
        stamp: Option<StampId>,
    },
    /// Send that a consent to be quoted was taken back.
    SendStampDelete {
        account: AccountId,
        stamp: StampId,
        to: AccountId,
    },
    /// Close a poll and tell who voted.
    ClosePoll(PostId),
    /// Fetch the older public posts of a newly followed account.
    Backfill(AccountId),
    /// Fetch what a post answers and what it quotes, with what is left of its activity's fetches.
    FetchAround { post: PostId, fetches: u32 },
    /// Fetch what answers a post.
    FetchReplies(PostId),
    /// Check the domain of a remote account's handle.
    CheckHandle { account: AccountId, fetches: u32 },
    /// Let the followers of a moved account follow the new one.
    FollowMove(AccountId),
    /// Learn what software a node runs.
    FetchNodeInfo(NodeId),
    /// Ask a house whom its people follow here, after a backup was restored.
    AskFollows(NodeId),
    /// Bring a remote account up to date.
    Refresh(AccountId),
    /// Ask the owners of an inbox that is no more for their new one.
    MendInbox(InboxId),
    /// Ask the owners of an inbox that leads elsewhere for their new one.
    FollowInbox(InboxId),
    /// Compare the followers another node has in mind with ours (FEP-8fcf).
    SyncFollowers {
        account: AccountId,
        url: String,
        digest: String,
    },
    /// Tell a local account about something.
    Notify {
        account: AccountId,
        kind: Notice,
        from: AccountId,
        post: Option<PostId>,
    },
    /// End a mute whose time is over.
    EndMute {
        account: AccountId,
        target: AccountId,
    },
    /// Write a post that was put off until now.
    PublishScheduled(i64),
    /// Draw the waves of a sound or the poster of a video.
    ProcessMedia(MediaId),
    /// Fetch what the first link of a post leads to.
    FetchPreview(PostId),
    /// Tell a device about a notification.
    Push {
        device: i64,
        notification: NotificationId,
    },
    /// Tell a house that a member left it.
    SendLeave { account: AccountId, house: String },
    /// Sign a guest out everywhere, as their home asked.
    EndGuest(AccountId),
    /// Look which links of a profile link back.
    VerifyLinks(AccountId),
    /// Tell other nodes who may answer the host's newest posts now.
    TellPolicies,
    /// Go on with a list that a member brought.
    Import(i64),
    /// Let wait what strangers wrote just before an alarm.
    HoldRecent,
    /// Do to every known node what the measures say.
    EnforceNodes,
    /// Let these posts through.
    ReleasePosts(Vec<PostId>),
    /// Answer the request to quote that waited until the quoting post was let through.
    TakeUpQuote(PostId),
    /// Send the statement of reasons for a measure to somebody elsewhere.
    SendMeasure(i64),
    /// Let posts through that wait for this reason.
    ReleaseHeld(String),
    /// Look at a post whose place in a conversation became known later.
    LookAtPlace(PostId),
    /// Go on inviting the people of a list of addresses.
    InviteList(i64),
    /// Tell somebody who waited by their handle that they are let in.
    SendAdmission(i64),
    /// Pack the archive of everything of a member.
    PackArchive(i64),
    /// Send a mail.
    SendMail(MailId),
}

impl Job {
    /// The job's name, for the operator's page.
    pub fn name(&self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
            _ => String::new(),
        }
    }
}
