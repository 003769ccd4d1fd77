//! What an app may do.

/// Every scope there is; the plain ones cover those that begin with their name.
pub const ALL: &[&str] = &[
    "profile",
    "read",
    "read:accounts",
    "read:blocks",
    "read:bookmarks",
    "read:collections",
    "read:favourites",
    "read:filters",
    "read:follows",
    "read:lists",
    "read:mutes",
    "read:notifications",
    "read:search",
    "read:statuses",
    "write",
    "write:accounts",
    "write:blocks",
    "write:bookmarks",
    "write:collections",
    "write:conversations",
    "write:favourites",
    "write:filters",
    "write:follows",
    "write:lists",
    "write:media",
    "write:mutes",
    "write:notifications",
    "write:reports",
    "write:statuses",
    "follow",
    "push",
];

/// What `follow` stands for.
const FOLLOW: &[&str] = &[
    "read:blocks",
    "write:blocks",
    "read:follows",
    "write:follows",
    "read:mutes",
    "write:mutes",
];

/// A set of scopes, each known, none twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Vec<&'static str>);

impl Scopes {
    /// Reads scopes parted by spaces (or `+`); nothing when one of them is unknown. Those of an administration that
    /// is not done by apps here are passed over, so that apps which ask for them too are no strangers.
    pub fn parse(text: &str) -> Option<Self> {
        let mut found = Vec::new();
        for name in text.split([' ', '+', ',']).filter(|name| !name.is_empty()) {
            if name == "admin" || name.starts_with("admin:") {
                continue;
            }
            let known = ALL.iter().find(|known| **known == name)?;
            if !found.contains(known) {
                found.push(*known);
            }
        }
        Some(Self(found))
    }

    /// Whether they allow what needs this scope.
    pub fn allow(&self, needed: &str) -> bool {
        let family = needed.split(':').next().unwrap_or(needed);
        self.0.iter().any(|granted| {
            *granted == needed
                || *granted == family
                || (*granted == "follow" && FOLLOW.contains(&needed))
        })
    }

    /// Whether everything in `self` is allowed by `other`.
    pub fn within(&self, other: &Self) -> bool {
        self.0.iter().all(|scope| {
            other.allow(scope)
                || (*scope == "follow" && FOLLOW.iter().all(|part| other.allow(part)))
        })
    }

    /// Each of them.
    pub fn names(&self) -> &[&'static str] {
        &self.0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Display for Scopes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::Scopes;

    #[test]
    fn a_scope_covers_what_begins_with_its_name_and_nothing_else() {
        let scopes = |text| Scopes::parse(text).unwrap();
        assert!(scopes("read").allow("read:statuses"));
        assert!(!scopes("read:statuses").allow("read:notifications"));
        assert!(!scopes("read:statuses").allow("read"));
        assert!(!scopes("read").allow("write:statuses"));
        assert!(
            scopes("follow").allow("write:blocks") && !scopes("follow").allow("write:statuses")
        );
        assert!(!scopes("read").allow("profile") && !scopes("profile").allow("read:accounts"));
        assert!(scopes("read:lists write:statuses").within(&scopes("read write")));
        assert!(!scopes("read push").within(&scopes("read write")));
        assert!(scopes("follow").within(&scopes("read write")));
        assert_eq!(scopes("read+write read").to_string(), "read write");
        assert!(Scopes::parse("read everything").is_none());
        assert_eq!(scopes("read admin:read admin:write").to_string(), "read");
    }
}
