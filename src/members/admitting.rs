//! Letting people in from the waiting list, and what becomes of who did not come.

use super::invitations::{self, New};
use super::waiting;
use crate::accounts::{self, Account, dispatch};
use crate::app::App;
use crate::error::Result;
use crate::kernel::db::sql;
use crate::locale::Locale;
use crate::nodes::house;

/// How many days an invitation from the list counts.
const DAYS: u64 = 7;

/// Lets several in: each gets an invitation of their own, by mail in their turn, or by a direct message that the
/// caller sends. What is to be sent to accounts elsewhere comes back.
///
/// # Errors
/// What the database says.
pub async fn admit(
    app: &App,
    host: &Account,
    which: &[i64],
) -> Result<Vec<(Account, Locale, String)>> {
    let house = house::get(app).await?.name;
    let mut letters = Vec::new();
    for placed in waiting::list(app).await? {
        let one = placed.one;
        if !which.contains(&one.id) {
            continue;
        }
        let new = New {
            note: "",
            address: one.email.as_deref(),
            most: 1,
            days: Some(DAYS),
            unlimited: true,
            ..New::default()
        };
        let invitation = invitations::make(app, host, new).await?;
        let link = app.origin().at(&format!("/invite/{}", invitation.code));
        let now = app.clock.now();
        let mut tx = app.db.begin().await?;
        let touched = sql("UPDATE waiting SET admitted_at = $1, invitation_id = $2 WHERE id = $3 AND admitted_at IS NULL")
            .bind(now)
            .bind(invitation.id)
            .bind(one.id)
            .run(&mut tx)
            .await?;
        if touched == 0 {
            // Somebody else let them in at the same moment.
            drop(tx);
            invitations::revoke(app, invitation.id, false).await?;
            continue;
        }
        if let Some(email) = &one.email {
            let subject = one
                .locale
                .text_with("mail-admitted-subject", "house", house.clone());
            let text = one
                .locale
                .text_with("mail-admitted-text", "house", house.clone());
            let text = text.replace("{link}", &link);
            dispatch::write_bulk(app, &mut tx, email, (&subject, &text)).await?;
        }
        tx.commit().await?;
        invitations::sent(app, &invitation).await?;
        if let Some(account) = one.account {
            letters.push((accounts::get(app, account).await?, one.locale, link));
        }
    }
    app.wake.notify_waiters();
    Ok(letters)
}

/// Puts back on the list whose invitation lapsed unused, and forgets who never showed that an address is theirs, and
/// what is kept against self-referral.
///
/// # Errors
/// What the database says.
pub async fn sweep(app: &App) -> sqlx::Result<()> {
    let now = app.clock.now();
    let days = |days: u64| now.minus(std::time::Duration::from_secs(days * 86_400));
    sql("UPDATE waiting SET admitted_at = NULL, invitation_id = NULL WHERE invitation_id IN (SELECT id FROM invitations WHERE uses = 0 AND expires_at < $1)")
        .bind(now)
        .run(&app.db)
        .await?;
    sql("DELETE FROM waiting WHERE verified_at IS NULL AND created_at < $1")
        .bind(days(7))
        .run(&app.db)
        .await?;
    sql("DELETE FROM waiting WHERE invitation_id IN (SELECT id FROM invitations WHERE uses > 0)")
        .run(&app.db)
        .await?;
    sql("UPDATE waiting SET origin_hash = '' WHERE origin_hash <> '' AND created_at < $1")
        .bind(days(30))
        .run(&app.db)
        .await?;
    Ok(())
}
