//! Lists of addresses as personal invitations, with the proof that their owners agreed.

use super::invitations::{self, New};
use crate::accounts::{Account, dispatch, sign_in};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::db::sql;
use crate::kernel::id::AudienceId;
use crate::kernel::text::csv_fields;
use crate::locale::Locale;
use crate::nodes::house;

/// Most addresses of a list.
const MOST: usize = 5_000;
/// Longest proof.
const PROOF: usize = 500;

/// A list as it was read.
#[derive(Clone, Debug, Default)]
pub struct List {
    /// Addresses with the language their owners read, where the list says so.
    pub addresses: Vec<(String, Locale)>,
    /// Lines that hold no address.
    pub unread: Vec<String>,
    /// How many stand there twice.
    pub twice: usize,
    /// How many do not want mail, or do not exist.
    pub stopped: usize,
    /// How many are members, or invited already.
    pub known: usize,
}

/// Reads a list: one address a line, or CSV with a column that is called `email` or `address`, and `language`.
///
/// # Errors
/// `Invalid` when it holds no address, or too many.
pub async fn read(app: &App, text: &str, locale: Locale) -> Result<List> {
    let mut list = List::default();
    let (mut at, mut language) = (None, None);
    for (number, line) in text.lines().enumerate() {
        let fields: Vec<String> = csv_fields(line)
            .iter()
            .map(|field| field.trim().to_lowercase())
            .collect();
        if number == 0 && !line.contains('@') {
            let named = |names: &[&str]| {
                fields
                    .iter()
                    .position(|field| names.contains(&field.as_str()))
            };
            at = named(&["email", "e-mail", "mail", "address"]);
            language = named(&["language", "locale", "lang"]);
            continue;
        }
        if line.trim().is_empty() {
            continue;
        }
        let field = match at {
            Some(at) => fields.get(at).cloned(),
            None => fields.iter().find(|field| field.contains('@')).cloned(),
        };
        let Ok(address) = sign_in::fold_email(&field.unwrap_or_default()) else {
            list.unread.push(line.chars().take(80).collect());
            continue;
        };
        if list.addresses.iter().any(|(known, _)| *known == address) {
            list.twice += 1;
            continue;
        }
        let reads = language
            .and_then(|at| fields.get(at))
            .filter(|tag| !tag.is_empty());
        let reads = reads.map_or(locale, |tag| Locale::of_header(tag));
        list.addresses.push((address, reads));
    }
    if list.addresses.is_empty() {
        return Err(Error::invalid("list", "error-no-address"));
    }
    if list.addresses.len() > MOST {
        return Err(Error::invalid_with("list", "error-too-many", MOST));
    }
    sort_out(app, &mut list).await?;
    Ok(list)
}

/// Leaves out who stopped such mail and who is here or invited already.
async fn sort_out(app: &App, list: &mut List) -> Result<()> {
    let mut left = Vec::new();
    for (address, locale) in list.addresses.drain(..) {
        if dispatch::is_stopped(&app.db, &address).await? {
            list.stopped += 1;
            continue;
        }
        let known = sql("SELECT 1 AS known WHERE EXISTS (SELECT 1 FROM credentials WHERE email = $1) OR EXISTS (SELECT 1 FROM invitations WHERE address = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2))")
            .bind(&address)
            .bind(app.clock.now())
            .optional(&app.db)
            .await?;
        if known.is_some() {
            list.known += 1;
        } else {
            left.push((address, locale));
        }
    }
    list.addresses = left;
    Ok(())
}

/// Makes a personal invitation for each address, with the proof noted, and sends them in their turn; how many.
///
/// # Errors
/// `Invalid` without a proof.
pub async fn send(
    app: &App,
    host: &Account,
    list: &List,
    (proof, days, tier): (&str, Option<u64>, Option<AudienceId>),
) -> Result<usize> {
    let proof = proof.trim();
    if proof.is_empty() || proof.chars().count() > PROOF {
        return Err(Error::invalid_with("proof", "error-proof", PROOF));
    }
    let house = house::get(app).await?.name;
    let mut sent = 0;
    for (address, locale) in &list.addresses {
        let new = New {
            note: "",
            address: Some(address),
            tier,
            most: 1,
            days,
            unlimited: true,
        };
        let made = invitations::make(app, host, new).await?;
        let link = app.origin().at(&format!("/invite/{}", made.code));
        let subject = locale.text_with("invite-subject", "house", house.clone());
        let text = locale
            .text_with("invite-text", "house", house.clone())
            .replace("{name}", host.shown_name())
            .replace("{link}", &link);
        let mut tx = app.db.begin().await?;
        sql("UPDATE invitations SET consent = $1 WHERE id = $2")
            .bind(proof)
            .bind(made.id)
            .run(&mut tx)
            .await?;
        dispatch::write_bulk(app, &mut tx, address, (&subject, &text)).await?;
        tx.commit().await?;
        invitations::sent(app, &made).await?;
        sent += 1;
    }
    app.wake.notify_waiters();
    Ok(sent)
}
