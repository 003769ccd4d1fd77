//! Sending mail by SMTP.

use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

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
    /// A mailer for an `smtp:` or `smtps:` address.
    ///
    /// # Errors
    /// When the address or the sender cannot be read.
    pub fn new(url: &str, from: &str) -> anyhow::Result<Self> {
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(url)?.build();
        Ok(Self {
            transport,
            from: from.parse()?,
        })
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
        let mut message = Message::builder()
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

/// Whether the server says that there is no such address. All else that it refuses for good, such as a password of ours
/// or what looks like advertising, says nothing about whom the mail is for.
fn names_no_address(error: &lettre::transport::smtp::Error) -> bool {
    let Some(code) = error.status().filter(|_| error.is_permanent()) else {
        return false;
    };
    is_about_address(&code.to_string(), &error.to_string())
}

fn is_about_address(code: &str, said: &str) -> bool {
    let detailed = said
        .split(|c: char| c.is_whitespace() || matches!(c, ':' | '(' | ')'))
        .find(|word| {
            word.starts_with("5.") && word[2..].chars().all(|c| c.is_ascii_digit() || c == '.')
        });
    match detailed {
        Some(detailed) => detailed.starts_with("5.1."),
        None => ["550", "551", "553"].contains(&code),
    }
}

#[cfg(test)]
mod tests {
    use super::is_about_address;

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
        ] {
            assert_eq!(is_about_address(code, said), none, "{said}");
        }
    }
}
