//! Sending mail by SMTP.

use lettre::message::Mailbox;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};

/// The way out for mail; absent where no server is configured.
#[derive(Clone, Debug)]
pub struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
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

    /// Sends one mail of plain text.
    ///
    /// # Errors
    /// When the address cannot be read or the server does not take it.
    pub async fn send(&self, to: &str, subject: &str, text: &str) -> anyhow::Result<()> {
        let message = Message::builder()
            .from(self.from.clone())
            .to(to.parse()?)
            .subject(subject.replace(['\r', '\n'], " "))
            .body(text.to_owned())?;
        self.transport.send(message).await?;
        Ok(())
    }
}
