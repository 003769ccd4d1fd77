//! Sending mail by SMTP.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use url::{Host, Url};

use super::crypt;

/// The way out for mail; absent where no server is configured.
#[derive(Clone, Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
}

/// A mail as it is sent, in two forms that say the same.
#[derive(Clone, Debug, Default)]
pub struct Letter<'a> {
    /// To whom.
    pub to: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// Its text, plain.
    pub text: &'a str,
    /// Its text as HTML.
    pub html: &'a str,
    /// Where one click says that no more should come (RFC 8058); of mail to many only.
    pub stop: Option<&'a str>,
}

/// What the server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It took the mail.
    Taken,
    /// There is no such address (RFC 5321 §4.2.2: 550, 551 or 553; RFC 3463 §3.2: 5.1.x).
    NoAddress(String),
}

impl Mailer {
    /// A mailer for an `smtp:` or `smtps:` address, whose `tls` parameter says how it is kept from others' eyes; see
    /// [`Secrecy`].
    ///
    /// # Errors
    /// When the address or the sender cannot be read.
    pub fn new(url: &str, from: &str) -> anyhow::Result<Self> {
        let (url, secrecy) = secrecy(url)?;
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url.as_str())?;
        if url.scheme() == "smtp" {
            let host = url.host_str().unwrap_or_default();
            transport = transport.tls(secrecy.of(host)?);
        }
        Ok(Self {
            transport: transport.build(),
            from: from.parse()?,
        })
    }

    /// Connects, protects the connection and signs in, as for a mail, and sends none.
    ///
    /// # Errors
    /// With what the server said, or why it was not reached.
    pub async fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.transport.test_connection().await?,
            "it does not take anything right now"
        );
        Ok(())
    }

    /// The domain of the sender.
    pub fn domain(&self) -> &str {
        self.from.email.domain()
    }

    /// Sends one mail.
    ///
    /// # Errors
    /// When the server should be tried again.
    pub async fn send(&self, letter: &Letter<'_>) -> anyhow::Result<Sent> {
        let to = match letter.to.parse() {
            Ok(to) => to,
            Err(error) => return Ok(Sent::NoAddress(format!("{error}"))),
        };
        let id = format!("<{}@{}>", crypt::opaque(), self.domain());
        let mut message = Message::builder()
            .message_id(Some(id))
            .date_now()
            .from(self.from.clone())
            .to(to)
            .subject(letter.subject.replace(['\r', '\n'], " "));
        if let Some(stop) = letter.stop {
            let header =
                |name, value| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
            message = message
                .raw_header(header("List-Unsubscribe", format!("<{stop}>")))
                .raw_header(header(
                    "List-Unsubscribe-Post",
                    "List-Unsubscribe=One-Click".to_owned(),
                ));
        }
        let both =
            MultiPart::alternative_plain_html(letter.text.to_owned(), letter.html.to_owned());
        match self.transport.send(message.multipart(both)?).await {
            Ok(_) => Ok(Sent::Taken),
            Err(error) if names_no_address(&error) => Ok(Sent::NoAddress(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}

/// How a connection that begins in the open is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Secrecy {
    /// STARTTLS, or no mail (`tls=required`; so it is unless said otherwise).
    Required,
    /// STARTTLS where the server offers it (`tls=opportunistic`).
    Offered,
    /// STARTTLS where the server offers it, whatever certificate it has: what stays on this machine.
    Local,
    /// Never (`tls=none`).
    None,
}

impl Secrecy {
    fn of(self, host: &str) -> anyhow::Result<Tls> {
        Ok(match self {
            Self::Required => Tls::Required(TlsParameters::new(host.to_owned())?),
            Self::Offered => Tls::Opportunistic(TlsParameters::new(host.to_owned())?),
            Self::Local => {
                let any = TlsParameters::builder(host.to_owned())
                    .dangerous_accept_invalid_certs(true)
                    .dangerous_accept_invalid_hostnames(true)
                    .build()?;
                Tls::Opportunistic(any)
            }
            Self::None => Tls::None,
        })
    }
}

/// The address without its parameter, and what that says.
fn secrecy(url: &str) -> anyhow::Result<(Url, Secrecy)> {
    let mut url = Url::parse(url)?;
    let said = url.query_pairs().find(|(name, _)| name == "tls");
    let said = said.map(|(_, value)| value.into_owned());
    let local = match url.host() {
        Some(Host::Domain(name)) => {
            name == "localhost"
                || name.ends_with(".localhost")
                || name
                    .parse::<std::net::IpAddr>()
                    .is_ok_and(|ip| ip.is_loopback())
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    let secrecy = match said.as_deref() {
        Some("none") => Secrecy::None,
        Some("opportunistic") => Secrecy::Offered,
        Some("required") => Secrecy::Required,
        None if local => Secrecy::Local,
        None => Secrecy::Required,
        Some(other) => anyhow::bail!(
            "mail.url: tls={other} is not known; expected required, opportunistic or none"
        ),
    };
    url.set_query(None);
    Ok((url, secrecy))
}

/// Whether the server says that there is no such address. All else that it refuses for good, such as a password of ours
/// or what looks like advertising, says nothing about whom the mail is for.
fn names_no_address(error: &lettre::transport::smtp::Error) -> bool {
    let Some(code) = error.status().filter(|_| error.is_permanent()) else {
        return false;
    };
    is_about_address(&code.to_string(), &error.to_string())
}

/// What is said about a mailbox that is there, or about us.
const OTHERWISE: [&str; 14] = [
    "full",
    "quota",
    "storage",
    "too large",
    "spam",
    "junk",
    "blocked",
    "blacklist",
    "block list",
    "reputation",
    "policy",
    "rate",
    "relay",
    "greylist",
];

/// Whether a refusal for good says that there is no such address: `code` is a reply (RFC 5321 §4.2) or a status
/// (RFC 3463), `said` the words with it, which may hold a status that says more.
pub fn is_about_address(code: &str, said: &str) -> bool {
    let lower = said.to_lowercase();
    let mut statuses = said
        .split(|c: char| c.is_whitespace() || matches!(c, ':' | ';' | '(' | ')' | '#'))
        .chain([code])
        .filter(|word| {
            let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
            word.starts_with("5.") && word.split('.').count() == 3 && word.split('.').all(digits)
        });
    // `5.0.0` says nothing.
    let status = statuses.find(|status| !status.starts_with("5.0."));
    if let Some(status) = status {
        // Of the sender, not of whom it is for: 5.1.7 and 5.1.8.
        let theirs = status.starts_with("5.1.") && !["5.1.7", "5.1.8"].contains(&status);
        return theirs || ["5.2.1", "5.4.1", "5.4.4", "5.4.310"].contains(&status);
    }
    if OTHERWISE.iter().any(|word| lower.contains(word)) {
        return false;
    }
    let reply = lower
        .split(|c: char| !c.is_ascii_digit())
        .find(|word| word.len() == 3 && word.starts_with('5'));
    let reply = reply.unwrap_or(code);
    ["550", "551", "553"].contains(&reply) || reply.starts_with("5.0.")
}

#[cfg(test)]
mod tests {
    use super::{Secrecy, is_about_address, secrecy};

    #[test]
    fn only_an_address_that_is_none_is_taken_for_one() {
        for (code, said, none) in [
            ("550", "permanent error (550): 5.1.1 no such user", true),
            ("550", "permanent error (550): no such user here", true),
            ("553", "permanent error (553): 5.1.3 bad address", true),
            ("550", "permanent error (550): 5.7.1 relaying denied", false),
            ("535", "permanent error (535): 5.7.8 bad credentials", false),
            ("554", "permanent error (554): looks like spam", false),
            ("552", "permanent error (552): mailbox full", false),
            ("550", "permanent error (550): mailbox full", false),
            ("550", "permanent error (550): over quota", false),
            ("550", "5.1.8 sender address rejected", false),
            ("550", "5.2.2 over quota", false),
            (
                "550",
                "5.4.1 recipient address rejected: access denied",
                true,
            ),
            ("5.4.4", "X-Postfix; Host or domain name not found", true),
            ("5.4.310", "DNS domain gone.example does not exist", true),
            ("5.4.7", "delivery time expired", false),
            ("5.4.6", "routing loop detected", false),
            ("5.0.0", "smtp; 552 mailbox full", false),
            ("5.0.0", "smtp; 550 5.2.2 the user is over quota", false),
            ("5.0.0", "smtp; 550 user unknown", true),
            ("5.0.0", "smtp; 554 rejected as spam", false),
            ("5.0.0", "", true),
            ("5.1.10", "recipient has a null MX", true),
        ] {
            assert_eq!(is_about_address(code, said), none, "{said}");
        }
    }

    #[test]
    fn what_leaves_the_machine_is_protected_unless_said_otherwise() {
        for (url, wanted) in [
            ("smtp://u:p@mail.example:587", Secrecy::Required),
            ("smtp://mail.example?tls=required", Secrecy::Required),
            ("smtp://mail.example?tls=opportunistic", Secrecy::Offered),
            ("smtp://mail.example?tls=none", Secrecy::None),
            ("smtp://192.0.2.1", Secrecy::Required),
            ("smtp://127.0.5.3:25", Secrecy::Local),
            ("smtp://[::1]:25", Secrecy::Local),
            ("smtp://localhost", Secrecy::Local),
            ("smtp://localhost?tls=required", Secrecy::Required),
            ("smtps://mail.example", Secrecy::Required),
        ] {
            let (read, found) = secrecy(url).unwrap();
            assert_eq!(found, wanted, "{url}");
            assert_eq!(read.query(), None);
        }
        assert!(secrecy("smtp://mail.example?tls=maybe").is_err());
    }
}
