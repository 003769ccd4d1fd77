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
    /// It never will, such as for an address that is none (RFC 5321 §4.2.1, 5yz).
    Refused(String),
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
            Err(error) => return Ok(Sent::Refused(format!("{error}"))),
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
            Err(error) if error.is_permanent() => Ok(Sent::Refused(error.to_string())),
            Err(error) => Err(error.into()),
        }
    }
}
