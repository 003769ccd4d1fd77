//! How mail leaves: in the look of the house, one by one or spread over time, and to nobody who does not want it.

use std::time::Duration;

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::{self, Job};
use crate::kernel::clock::Time;
use crate::kernel::crypt;
use crate::kernel::db::{Conn, Tx, sql};
use crate::kernel::html::escape;
use crate::kernel::id::MailId;
use crate::kernel::mail::{Letter, Sent};
use crate::locale::Locale;
use crate::nodes::house::{self, House};

/// A mail as one of many, each with an invitation of its own.
#[derive(Clone, Copy, Debug)]
pub struct OneOfMany<'a> {
    /// To whom.
    pub to: &'a str,
    /// Its subject.
    pub subject: &'a str,
    /// Its text.
    pub body: &'a str,
    /// Of which invitation; once that is taken back, the mail does not leave any more.
    pub invitation: i64,
    /// Whether they asked for it themselves; then having stopped other mail is no reason not to write.
    pub asked_for: bool,
}

/// Writes a mail that goes to many: it leaves in its turn, so that no more leave in an hour than the settings say.
///
/// # Errors
/// What the database says.
pub async fn write_bulk(app: &App, tx: &mut Tx, mail: OneOfMany<'_>, turn: Time) -> Result<()> {
    let now = app.clock.now();
    let id = MailId::mint(now);
    sql("INSERT INTO mails (id, recipient, subject, body, created_at, bulk, invitation_id) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(id)
        .bind(mail.to)
        .bind(mail.subject)
        .bind(mail.body)
        .bind(turn)
        .bind(if mail.asked_for { 2 } else { 1 })
        .bind(mail.invitation)
        .run(&mut *tx)
        .await?;
    if app.mailer.is_some() {
        jobs::enqueue_at(&mut *tx, now, turn, Job::SendMail(id)).await?;
    }
    Ok(())
}

/// Waits until nobody else writes to many, to the end of the transaction.
///
/// # Errors
/// What the database says.
pub async fn line_up(tx: &mut Tx) -> sqlx::Result<()> {
    sql("INSERT INTO node_state (key, value) VALUES ('mail.turn', '0') ON CONFLICT (key) DO UPDATE SET value = node_state.value")
        .run(&mut *tx)
        .await?;
    Ok(())
}

/// When the next mail to many may leave; nobody else gets this turn.
///
/// # Errors
/// What the database says.
pub async fn turn(app: &App, tx: &mut Tx) -> sqlx::Result<Time> {
    let now = app.clock.now();
    let apart = Duration::from_millis(3_600_000 / app.settings.mail_per_hour.max(1).unsigned_abs());
    sql("INSERT INTO node_state (key, value) VALUES ('mail.turn', '0') ON CONFLICT (key) DO NOTHING")
        .run(&mut *tx)
        .await?;
    let row = sql("UPDATE node_state SET value = CAST(CASE WHEN CAST(value AS BIGINT) + $1 > $2 THEN CAST(value AS BIGINT) + $1 ELSE $2 END AS TEXT) WHERE key = 'mail.turn' RETURNING CAST(value AS BIGINT) AS turn")
        .bind(i64::try_from(apart.as_millis()).unwrap_or(0))
        .bind(now)
        .one(&mut *tx)
        .await?;
    row.get("turn")
}

/// Whether nothing more is sent to many at this address.
///
/// # Errors
/// What the database says.
pub async fn is_stopped(conn: impl Conn, address: &str) -> sqlx::Result<bool> {
    let row = sql("SELECT address FROM mail_stops WHERE address = $1")
        .bind(address.trim().to_lowercase())
        .optional(conn)
        .await?;
    Ok(row.is_some())
}

/// Whether there is no such address, as its server said.
///
/// # Errors
/// What the database says.
pub async fn is_bounced(conn: impl Conn, address: &str) -> sqlx::Result<bool> {
    let row = sql("SELECT address FROM mail_stops WHERE address = $1 AND reason = 'bounced'")
        .bind(address.trim().to_lowercase())
        .optional(conn)
        .await?;
    Ok(row.is_some())
}

/// Sends nothing more to many at this address: `asked` by whom it is, or `bounced`. Whether that changed anything.
///
/// # Errors
/// What the database says.
pub async fn stop(tx: &mut Tx, now: Time, address: &str, reason: &str) -> sqlx::Result<bool> {
    let address = address.trim().to_lowercase();
    let mut touched = sql("INSERT INTO mail_stops (address, reason, created_at) VALUES ($1, $2, $3) ON CONFLICT (address) DO NOTHING")
        .bind(&address)
        .bind(reason)
        .bind(now)
        .run(&mut *tx)
        .await?;
    if reason == "bounced" {
        touched +=
            sql("UPDATE invitations SET bounced_at = $2 WHERE address = $1 AND bounced_at IS NULL")
                .bind(&address)
                .bind(now)
                .run(tx)
                .await?;
    }
    Ok(touched > 0)
}

/// Sends to this address again: who asked for none changed their mind, or the address exists after all. Whether
/// nothing was sent there so far.
///
/// # Errors
/// What the database says.
pub async fn start_again(conn: impl Conn, address: &str) -> sqlx::Result<bool> {
    let touched = sql("DELETE FROM mail_stops WHERE address = $1")
        .bind(address.trim().to_lowercase())
        .run(conn)
        .await?;
    Ok(touched > 0)
}

/// Addresses that do not exist, as their servers said, the newest first.
///
/// # Errors
/// What the database says.
pub async fn bounced(app: &App) -> Result<Vec<String>> {
    let rows = sql("SELECT address FROM mail_stops WHERE reason = 'bounced' ORDER BY created_at DESC, address LIMIT 200")
        .all(&app.db)
        .await?;
    Ok(rows
        .iter()
        .map(|row| row.get("address"))
        .collect::<sqlx::Result<_>>()?)
}

/// Forgets mails of a month ago, with whom they went to.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    let before = app.clock.now().minus(Duration::from_secs(30 * 86_400));
    sql("DELETE FROM mails WHERE created_at < $1 AND (sent_at IS NOT NULL OR failed IS NOT NULL OR $2 = 0)")
        .bind(before)
        .bind(app.mailer.is_some())
        .run(&app.db)
        .await?;
    Ok(())
}

/// The link with which one click stops mail to many.
pub fn stop_link(app: &App, address: &str) -> String {
    let address = crypt::url_base64(address.to_lowercase().as_bytes());
    let key = app.secret.sign_address(&format!("stop {address}"));
    app.origin().at(&format!("/mail-stop/{address}/{key}"))
}

/// The address of such a link.
///
/// # Errors
/// `NotFound` when the link is none of ours.
pub fn stopped_by(app: &App, address: &str, key: &str) -> Result<String> {
    let signed = app.secret.sign_address(&format!("stop {address}"));
    if !crypt::equal(key.as_bytes(), signed.as_bytes()) {
        return Err(Error::NotFound);
    }
    let bytes = crypt::from_url_base64(address).ok_or(Error::NotFound)?;
    String::from_utf8(bytes).map_err(|_| Error::NotFound)
}

/// A text as HTML in the look of the house: paragraphs, links, nothing that is fetched.
fn dress(house: &House, origin: &str, subject: &str, text: &str) -> String {
    let mut paragraphs = String::new();
    for part in text.split("\n\n") {
        paragraphs.push_str("<p>");
        paragraphs.push_str(&linked(part.trim()).replace('\n', "<br>"));
        paragraphs.push_str("</p>");
    }
    let (name, accent) = (escape(&house.name), escape(&house.accent));
    format!(
        "<!doctype html><html><head><meta charset=\"utf-8\"><meta name=\"color-scheme\" content=\"light dark\"><title>{}</title></head><body style=\"margin:0;padding:24px 16px;font:16px/1.5 system-ui,sans-serif\"><div style=\"max-width:560px;margin:0 auto;border-top:6px solid {accent};padding-top:16px\"><p style=\"font-size:22px;font-weight:700;margin:0 0 16px\"><a href=\"{}\" style=\"color:inherit;text-decoration:none\">{name}</a></p>{paragraphs}</div></body></html>",
        escape(subject),
        escape(origin)
    )
}

/// Plain text with its addresses as links.
fn linked(text: &str) -> String {
    let mut html = String::new();
    for word in text.split_inclusive([' ', '\n']) {
        let bare = word.trim_end();
        let rest = &word[bare.len()..];
        let address = bare.trim_end_matches(['.', ',', ')', ';']);
        if address.starts_with("https://") || address.starts_with("http://") {
            let end = &bare[address.len()..];
            html.push_str(&format!(
                "<a href=\"{0}\">{0}</a>{1}",
                escape(address),
                escape(end)
            ));
        } else {
            html.push_str(&escape(bare));
        }
        html.push_str(rest);
    }
    html
}

/// Sends a mail that was written; one already sent, or one that is not wanted any more, is left alone.
///
/// # Errors
/// When the server should be tried again.
pub async fn send(app: &App, id: MailId) -> anyhow::Result<()> {
    let Some(mailer) = &app.mailer else {
        return Ok(());
    };
    let row = sql("SELECT id, recipient, subject, body, created_at, sent_at, bulk, failed, invitation_id FROM mails WHERE id = $1 AND sent_at IS NULL AND failed IS NULL")
        .bind(id)
        .optional(&app.db)
        .await?;
    let Some(row) = row else { return Ok(()) };
    let (to, subject, mut body): (String, String, String) =
        (row.get("recipient")?, row.get("subject")?, row.get("body")?);
    // 0 is a letter of its own, 1 goes to many, 2 to many who asked for it.
    let bulk = row.get::<i64>("bulk")? == 1;
    if bulk && is_stopped(&app.db, &to).await? {
        return fail(app, id, "stopped").await;
    }
    let invitation: Option<i64> = row.get("invitation_id")?;
    if let Some(invitation) = invitation
        && !still_invites(app, invitation).await?
    {
        return fail(app, id, "taken back").await;
    }
    let house = house::get(app).await?;
    let stop_at = bulk.then(|| stop_link(app, &to));
    if let Some(stop) = &stop_at {
        // In both languages: to whom it goes may read either.
        for locale in [Locale::En, Locale::De] {
            body.push_str(&format!("\n\n{} {stop}", locale.text("mail-stop")));
        }
    }
    let html = dress(&house, &app.origin().at("/"), &subject, &body);
    let letter = Letter {
        to: &to,
        subject: &subject,
        text: &body,
        html: &html,
        stop: stop_at.as_deref(),
    };
    match mailer.send(&letter).await? {
        Sent::Taken => {
            let now = app.clock.now();
            sql("UPDATE mails SET sent_at = $1 WHERE id = $2")
                .bind(now)
                .bind(id)
                .run(&app.db)
                .await?;
            if let Some(invitation) = invitation {
                sql("UPDATE invitations SET sent_at = $1 WHERE id = $2")
                    .bind(now)
                    .bind(invitation)
                    .run(&app.db)
                    .await?;
            }
            Ok(())
        }
        Sent::NoAddress(why) => {
            let mut tx = app.db.begin().await?;
            stop(&mut tx, app.clock.now(), &to, "bounced").await?;
            tx.commit().await?;
            fail(app, id, &why).await
        }
    }
}

async fn still_invites(app: &App, invitation: i64) -> anyhow::Result<bool> {
    let row = sql("SELECT id FROM invitations WHERE id = $1 AND revoked_at IS NULL")
        .bind(invitation)
        .optional(&app.db)
        .await?;
    Ok(row.is_some())
}

async fn fail(app: &App, id: MailId, why: &str) -> anyhow::Result<()> {
    let why: String = why.chars().take(300).collect();
    sql("UPDATE mails SET failed = $1 WHERE id = $2")
        .bind(why)
        .bind(id)
        .run(&app.db)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::linked;

    #[test]
    fn addresses_become_links_and_signs_stay_signs() {
        assert_eq!(
            linked("a <b> & https://x.example/?a=1&b=2."),
            "a &lt;b&gt; &amp; <a href=\"https://x.example/?a=1&amp;b=2\">https://x.example/?a=1&amp;b=2</a>."
        );
        assert_eq!(linked("plain words"), "plain words");
    }
}
