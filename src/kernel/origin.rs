//! Hosts and origins, compared as the gate compares them.

use std::net::IpAddr;

use url::{Host, Url};

/// This node's public address: where ids are minted and what handles end in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Scheme, host and port without a trailing slash: `https://nova.example`.
    pub url: String,
    /// What follows the `@` in handles: `nova.example`, with the port where it is not the scheme's own.
    pub domain: String,
}

impl Origin {
    /// Reads a public base URL; `domain` overrides what handles end in.
    ///
    /// Nothing when it is not http(s), or has a path, a query or user information.
    pub fn parse(text: &str, domain: Option<&str>) -> Option<Self> {
        let url = parse_url(text)?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return None;
        }
        let host = host_of(&url)?;
        let domain = match domain {
            Some(domain) => ascii_domain(domain)?,
            None => host.clone(),
        };
        Some(Self {
            url: format!("{}://{host}", url.scheme()),
            domain,
        })
    }

    /// Scheme, `http` or `https`.
    pub fn scheme(&self) -> &str {
        self.url.split(':').next().unwrap_or("https")
    }

    /// Host with the port where it is not the scheme's own, as it stands in the `Host` header.
    pub fn authority(&self) -> &str {
        self.url
            .split_once("://")
            .map_or("", |(_, authority)| authority)
    }

    /// Whether a `Host` header names this node: the authority, or with the scheme's own port written out.
    pub fn is_host(&self, host: &str) -> bool {
        let authority = self.authority();
        let default = if self.scheme() == "https" {
            "443"
        } else {
            "80"
        };
        let written = host
            .rsplit_once(':')
            .filter(|(_, port)| *port == default && !authority.contains(':'))
            .map_or(host, |(name, _)| name);
        written.eq_ignore_ascii_case(authority)
    }

    /// The address of `path` on this node.
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// The path of `uri` when it lies on this node.
    pub fn path_of<'a>(&self, uri: &'a str) -> Option<&'a str> {
        let rest = uri.strip_prefix(self.url.as_str())?;
        (rest.is_empty() || rest.starts_with(['/', '?', '#'])).then_some(rest)
    }

    /// Whether `uri` lies on this node.
    pub fn owns(&self, uri: &str) -> bool {
        self.path_of(uri).is_some()
            || parse_url(uri).is_some_and(|url| origin_of(&url).as_deref() == Some(&self.url))
    }

    /// Whether the address is one that only this machine reaches.
    pub fn is_loopback(&self) -> bool {
        parse_url(&self.url).is_some_and(|url| match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        })
    }
}

/// Longest name of a host, in bytes (RFC 1035).
const NAME: usize = 253;

/// Parses a web address of a peer: http(s), a host, at most 2,048 bytes, no user information, no control characters.
pub fn parse_url(text: &str) -> Option<Url> {
    if text.len() > 2048
        || text
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '\\')
    {
        return None;
    }
    let url = Url::parse(text).ok()?;
    let web = matches!(url.scheme(), "http" | "https");
    let bare = url.username().is_empty() && url.password().is_none();
    let host = url
        .host_str()
        .is_some_and(|host| !host.is_empty() && !host.ends_with('.') && host.len() <= NAME);
    (web && bare && host && url.port() != Some(0)).then_some(url)
}

/// The lower-case ASCII host, with the port where it is not the scheme's own.
pub fn host_of(url: &Url) -> Option<String> {
    let host = url.host_str()?.trim_end_matches('.').to_ascii_lowercase();
    Some(match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host,
    })
}

/// The host of an address in text form.
pub fn host_of_uri(uri: &str) -> Option<String> {
    host_of(&parse_url(uri)?)
}

/// Scheme, host and port of an address.
pub fn origin_of(url: &Url) -> Option<String> {
    Some(format!("{}://{}", url.scheme(), host_of(url)?))
}

/// Whether two addresses have the same scheme, host and port.
pub fn same_origin(a: &str, b: &str) -> bool {
    match (parse_url(a), parse_url(b)) {
        (Some(a), Some(b)) => origin_of(&a) == origin_of(&b),
        _ => false,
    }
}

/// A domain as a person or a handle writes it, in lower-case ASCII; a port and an IP address are kept.
pub fn ascii_domain(text: &str) -> Option<String> {
    let text = text.trim();
    if text.is_empty()
        || text.len() > 4 * NAME
        || text.contains(['/', '@', '?', '#', ' ', '\\', '%'])
    {
        return None;
    }
    let url = Url::parse(&format!("https://{text}/")).ok()?;
    let host = host_of(&url)?;
    // `https` swallows its own port; a handle that spells it out means the same host.
    (!host.is_empty() && name_of(&host).len() <= NAME).then_some(host)
}

/// The name without its port: `nova.example` of `nova.example:8443`.
pub fn name_of(host: &str) -> &str {
    if host.starts_with('[') {
        return host.split_inclusive(']').next().unwrap_or(host);
    }
    host.split(':').next().unwrap_or(host)
}

/// Every block-list entry that covers a host: itself, its name without the port, and each parent domain.
pub fn covering(host: &str) -> Vec<String> {
    let mut names = vec![host.to_owned()];
    if host.len() > 2 * NAME {
        return names;
    }
    let mut name = name_of(host).trim_end_matches('.');
    if name != host {
        names.push(name.to_owned());
    }
    if name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok() {
        return names;
    }
    while let Some((_, parent)) = name.split_once('.') {
        if !parent.contains('.') {
            names.push(parent.to_owned());
            break;
        }
        names.push(parent.to_owned());
        name = parent;
    }
    names
}

#[cfg(test)]
mod tests {
    use super::{Origin, ascii_domain, covering, parse_url, same_origin};

    #[test]
    fn same_origin_needs_scheme_host_and_port() {
        assert!(same_origin(
            "https://a.example/x",
            "https://A.example:443/y"
        ));
        assert!(!same_origin("https://a.example/x", "http://a.example/x"));
        assert!(!same_origin(
            "https://a.example/x",
            "https://a.example:8443/x"
        ));
        assert!(!same_origin("https://a.example/x", "nonsense"));
    }

    #[test]
    fn addresses_that_trick_are_refused() {
        for text in [
            "https://victim@evil.example/",
            "https:\\\\evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "https://evil.example./",
            "https://a.example/\u{0}",
            "https://a.example:0/",
            "acct:me@home.example",
        ] {
            assert!(parse_url(text).is_none(), "{text}");
        }
        assert!(parse_url(&format!("https://a.example/{}", "x".repeat(2048))).is_none());
    }

    #[test]
    fn no_name_is_longer_than_names_are() {
        let long = format!("{}example", "a.".repeat(500_000));
        assert_eq!(ascii_domain(&long), None);
        assert_eq!(covering(&long).len(), 1);
        let long = format!("{}example", "a.".repeat(200));
        assert_eq!(ascii_domain(&long), None);
        assert!(parse_url(&format!("https://{long}/")).is_none());
        let name = format!("{}example", "a.".repeat(120));
        assert!(parse_url(&format!("https://{name}/")).is_some());
        assert!(ascii_domain(&name).is_some());
    }

    #[test]
    fn only_its_own_host_is_its_own() {
        let at = |url: &str| Origin::parse(url, None).unwrap();
        let plain = at("https://nova.example/");
        for host in ["nova.example", "NOVA.example", "nova.example:443"] {
            assert!(plain.is_host(host), "{host}");
        }
        for host in [
            "nova.example:80",
            "nova.example:",
            "nova.example:0443",
            "nova.example:4430",
            "nova.example:443:443",
            "nova.example:99999",
            "nova.example.",
            "x.nova.example",
            "",
            ":443",
        ] {
            assert!(!plain.is_host(host), "{host}");
        }
        let port = at("http://127.0.0.1:8080/");
        assert!(port.is_host("127.0.0.1:8080"));
        for host in ["127.0.0.1", "127.0.0.1:80", "127.0.0.1:8080:80"] {
            assert!(!port.is_host(host), "{host}");
        }
    }

    #[test]
    fn a_block_of_a_name_covers_subdomains_and_ports() {
        let names = covering("a.b.evil.test:8443");
        assert!(names.contains(&"evil.test".to_owned()));
        assert!(names.contains(&"b.evil.test".to_owned()));
        assert_eq!(covering("127.0.0.1:80"), ["127.0.0.1:80", "127.0.0.1"]);
    }

    #[test]
    fn the_domain_of_handles_carries_an_unusual_port() {
        let origin = Origin::parse("http://nova.localhost:4001/", None).unwrap();
        assert_eq!(origin.domain, "nova.localhost:4001");
        assert_eq!(origin.url, "http://nova.localhost:4001");
        assert!(origin.is_loopback());
        assert!(origin.owns("http://nova.localhost:4001/users/nina"));
        assert!(!origin.owns("http://nova.localhost:40012/users/nina"));
        assert_eq!(
            ascii_domain("Bücher.example").as_deref(),
            Some("xn--bcher-kva.example")
        );
        assert!(Origin::parse("https://a.example/path", None).is_none());
    }
}
