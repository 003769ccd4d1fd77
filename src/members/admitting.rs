//! Letting people in from the waiting list, and what becomes of who did not come.

use super::invitations::{self, New};
use super::waiting;
use crate::accounts;
use crate::accounts::dispatch::{self, OneOfMany};
use crate::app::App;
use crate::error::Result;
use crate::federation::activities::letter;
use crate::jobs::{self, Job};
use crate::kernel::db::{Tx, sql};
use crate::kernel::id::AccountId;
use crate::nodes::house;

/// How many days an invitation from the list counts.
const DAYS: u64 = 7;

/// Lets somebody in: they get an invitation of their own, by mail in their turn or by a direct message. Whether they
/// were; if not, nothing of this may be committed. Whose address does not exist stays on the list.
///
/// # Errors
/// What the database says.
pub async fn admit(app: &App, tx: &mut Tx, host: AccountId, number: i64) -> Result<bool> {
    let now = app.clock.now();
    dispatch::line_up(&mut *tx).await?;
    let Some(one) = waiting::find(&mut *tx, number).await? else {
        return Ok(false);
    };
    if let Some(email) = &one.email
        && dispatch::is_bounced(&mut *tx, email).await?
    {
        return Ok(false);
    }
    let leaves = match &one.email {
        Some(_) => dispatch::turn(app, &mut *tx).await?,
        None => now,
    };
    let new = New {
        address: one.email.as_deref(),
        most: 1,
        days: Some(DAYS),
        ..New::default()
    };
    let made = invitations::insert(&mut *tx, host, &new, (now, leaves)).await?;
    let touched = sql("UPDATE waiting SET admitted_at = $1, invitation_id = $2 WHERE id = $3 AND admitted_at IS NULL AND verified_at IS NOT NULL")
        .bind(now)
        .bind(made.id)
        .bind(one.id)
        .run(&mut *tx)
        .await?;
    if touched == 0 {
        // Somebody else let them in at the same moment, or they left.
        return Ok(false);
    }
    match &one.email {
        Some(email) => {
            let (house, locale) = (house::read(&mut *tx).await?.name, one.locale);
            let text = locale.text_with("mail-admitted-text", "house", house.clone());
            let mail = OneOfMany {
                to: email,
                subject: &locale.text_with("mail-admitted-subject", "house", house),
                body: &text.replace("{link}", &invitations::link(app, &made.code)),
                invitation: made.id,
                asked_for: true,
            };
            dispatch::write_bulk(app, tx, mail, leaves).await?;
        }
        None => jobs::enqueue(tx, now, Job::SendAdmission(one.id)).await?,
    }
    Ok(true)
}

/// Tells somebody who waits by their handle that they are let in.
///
/// # Errors
/// Why it should be tried again.
pub async fn tell(app: &App, number: i64) -> anyhow::Result<()> {
    let row = sql("SELECT invitations.id, invitations.code FROM waiting JOIN invitations ON invitations.id = waiting.invitation_id WHERE waiting.id = $1 AND invitations.sent_at IS NULL AND invitations.revoked_at IS NULL")
        .bind(number)
        .optional(&app.db)
        .await?;
    let (Some(row), Some(one)) = (row, waiting::find(&app.db, number).await?) else {
        return Ok(());
    };
    let Some(account) = one.account else {
        return Ok(());
    };
    let house = house::get(app).await?.name;
    let first = one
        .locale
        .text_with("mail-admitted-subject", "house", house);
    let link = invitations::link(app, &row.get::<String>("code")?);
    letter::send(app, &accounts::get(app, account).await?, &[&first, &link]).await?;
    Ok(invitations::sent(app, row.get("id")?).await?)
}

/// Puts back on the list whose invitation lapsed unused, and forgets who never showed that an address is theirs, who is
/// a member by now, and what is kept against self-referral.
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
    // Whoever brought them keeps the places.
    let mut tx = app.db.begin().await?;
    sql("UPDATE waiting SET brought = brought + (SELECT COUNT(*) FROM waiting AS gone JOIN invitations ON invitations.id = gone.invitation_id WHERE gone.brought_by = waiting.id AND gone.counts = 1 AND invitations.uses > 0) WHERE id IN (SELECT brought_by FROM waiting AS gone JOIN invitations ON invitations.id = gone.invitation_id WHERE invitations.uses > 0)")
        .run(&mut tx)
        .await?;
    sql("DELETE FROM waiting WHERE invitation_id IN (SELECT id FROM invitations WHERE uses > 0)")
        .run(&mut tx)
        .await?;
    tx.commit().await?;
    sql("UPDATE waiting SET origin_hash = '' WHERE origin_hash <> '' AND created_at < $1")
        .bind(days(30))
        .run(&app.db)
        .await?;
    app.standings.forget();
    Ok(())
}
