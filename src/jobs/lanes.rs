//! Lanes: what kind of work a job is, so that one kind never takes all workers.

use super::Job;

/// A lane of jobs, each with workers of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Writes activities that leave: one after the other, in the order they were enqueued, in one process at a time.
    /// Nothing of it goes to the network.
    Leaving,
    /// Works on the database alone.
    Local,
    /// Talks to others, who may be slow or silent.
    Network,
    /// Takes a core, or the disk, for long.
    Heavy,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Leaving, Self::Local, Self::Network, Self::Heavy];

    /// Its name in the database.
    pub fn name(self) -> &'static str {
        match self {
            Self::Leaving => "leaving",
            Self::Local => "local",
            Self::Network => "network",
            Self::Heavy => "heavy",
        }
    }
}

impl Job {
    /// The lane it is done in.
    pub fn lane(&self) -> Lane {
        match self {
            Self::SendFollow(_)
            | Self::SendUnfollow { .. }
            | Self::SendAccept { .. }
            | Self::SendReject { .. }
            | Self::SendPost(_)
            | Self::SendEdit { .. }
            | Self::SendDelete { .. }
            | Self::SendCopiesGone { .. }
            | Self::SendBoost(_)
            | Self::SendUnboost { .. }
            | Self::SendFavourite { .. }
            | Self::SendUnfavourite { .. }
            | Self::SendVotes { .. }
            | Self::SendBlock { .. }
            | Self::SendUnblock { .. }
            | Self::SendReport(_)
            | Self::SendProfile { .. }
            | Self::SendFarewell(_)
            | Self::SendMove(_)
            | Self::SendPin { .. }
            | Self::AskApproval(_)
            | Self::SendQuoteRequest(_)
            | Self::SendQuoteAnswer { .. }
            | Self::SendStampDelete { .. } => Lane::Leaving,
            Self::ClosePoll(_)
            | Self::FollowMove(_)
            | Self::Notify { .. }
            | Self::EndMute { .. }
            | Self::PublishScheduled(_)
            | Self::EndGuest(_)
            | Self::TellPolicies
            | Self::HoldRecent
            | Self::EnforceNodes
            | Self::ReleasePosts(_)
            | Self::ReleaseHeld(_)
            | Self::TakeUpQuote(_)
            | Self::LookAtPlace(_)
            | Self::InviteList(_) => Lane::Local,
            Self::FollowHandle { .. }
            | Self::Backfill(_)
            | Self::FetchAround { .. }
            | Self::FetchReplies(_)
            | Self::CheckHandle { .. }
            | Self::FetchNodeInfo(_)
            | Self::AskFollows(_)
            | Self::Refresh(_)
            | Self::MendInbox(_)
            | Self::FollowInbox(_)
            | Self::SyncFollowers { .. }
            | Self::FetchPreview(_)
            | Self::Push { .. }
            | Self::SendLeave { .. }
            | Self::VerifyLinks(_)
            | Self::Import(_)
            | Self::SendMeasure(_)
            | Self::SendAdmission(_)
            | Self::SendMail(_) => Lane::Network,
            Self::EraseAccount(_) | Self::ProcessMedia(_) | Self::PackArchive(_) => Lane::Heavy,
        }
    }
}
