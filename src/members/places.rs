//! The order of the waiting list: who is next, and where each one stands.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::waiting::{Waiting, find_by, read};
use crate::app::App;
use crate::error::{Error, Result};
use crate::kernel::db::{ids, sql};
use crate::kernel::text::fold_tag;

/// How many places each one who was brought moves up.
const STEP: i64 = 3;

/// Somebody who waits, with their place and how many they brought.
#[derive(Clone, Debug)]
pub struct Placed {
    /// Who.
    pub one: Waiting,
    /// Their place, from 1.
    pub place: i64,
    /// How many they brought that count.
    pub brought: i64,
}

/// Where somebody stands: their number, their place from 1, and how many they brought.
type Standing = (i64, i64, i64);

/// The order is as old as this at most, also where another process changed it.
const FRESH: Duration = Duration::from_secs(10);

/// The order, as it was read a few seconds ago.
async fn recent(app: &App, id: i64) -> Result<Arc<Vec<Standing>>> {
    // Who is new to it is not told that they have no place.
    let kept = app.standings.get(FRESH);
    if let Some(kept) = kept.filter(|kept| kept.iter().any(|(known, ..)| *known == id)) {
        return Ok(kept);
    }
    let all = Arc::new(standings(app).await?);
    app.standings.put(all.clone());
    Ok(all)
}

/// The order of all who wait: by when they asked, and three places further for each one they brought who counts.
async fn standings(app: &App) -> Result<Vec<Standing>> {
    let rows = sql("SELECT waiting.id, waiting.brought + (SELECT COUNT(*) FROM waiting AS other WHERE other.brought_by = waiting.id AND other.counts = 1 AND other.verified_at IS NOT NULL) AS brought FROM waiting WHERE verified_at IS NOT NULL AND admitted_at IS NULL ORDER BY waiting.id")
        .all(&app.db)
        .await?;
    let mut ordered: Vec<(i64, i64, Standing)> = Vec::new();
    for (row, at) in rows.iter().zip(0..) {
        let (id, brought): (i64, i64) = (row.get("id")?, row.get("brought")?);
        ordered.push((at - STEP * brought, at, (id, 0, brought)));
    }
    ordered.sort_by_key(|(score, at, (_, _, brought))| (*score, -brought, *at));
    let placed = ordered.into_iter().zip(1..);
    Ok(placed
        .map(|((.., (id, _, brought)), place)| (id, place, brought))
        .collect())
}

/// The numbers of the first who wait.
///
/// # Errors
/// What the database says.
pub async fn first(app: &App, count: usize) -> Result<Vec<i64>> {
    let all = standings(app).await?.into_iter();
    Ok(all.take(count).map(|(id, ..)| id).collect())
}

/// Who waits, the next one first; at most so many, and only whose answer holds the words.
///
/// # Errors
/// What the database says.
pub async fn list(app: &App, words: &str, most: usize) -> Result<Vec<Placed>> {
    let mut shown = Vec::new();
    for few in standings(app).await?.chunks(200) {
        let rows = sql(concat!(
            "SELECT ",
            crate::waiting_columns!(),
            " FROM waiting WHERE id IN (SELECT value FROM json_each($1))"
        ))
        .bind(ids(few.iter().map(|(id, ..)| *id)))
        .all(&app.db)
        .await?;
        let mut found: HashMap<i64, Waiting> = HashMap::new();
        for row in &rows {
            let one = read(row)?;
            found.insert(one.id, one);
        }
        for (id, place, brought) in few.iter().copied() {
            let fits = |one: &Waiting| words.is_empty() || fold_tag(&one.answer).contains(words);
            if let Some(one) = found.remove(&id).filter(fits) {
                shown.push(Placed {
                    one,
                    place,
                    brought,
                });
            }
        }
        if shown.len() >= most {
            break;
        }
    }
    shown.truncate(most);
    Ok(shown)
}

/// The page of somebody who waits: who they are, and their place while they wait.
///
/// # Errors
/// `NotFound` when the link is none.
pub async fn of(app: &App, token: &str) -> Result<(Waiting, Option<Placed>)> {
    let one = find_by(app, "token", token).await?.ok_or(Error::NotFound)?;
    if one.verified_at.is_none() || one.admitted_at.is_some() {
        return Ok((one, None));
    }
    let all = recent(app, one.id).await?;
    let own = all.iter().find(|(id, ..)| *id == one.id);
    let placed = own.map(|(_, place, brought)| Placed {
        one: one.clone(),
        place: *place,
        brought: *brought,
    });
    Ok((one, placed))
}

/// How many wait.
///
/// # Errors
/// What the database says.
pub async fn count(app: &App) -> Result<i64> {
    let row = sql(
        "SELECT COUNT(*) AS n FROM waiting WHERE verified_at IS NOT NULL AND admitted_at IS NULL",
    )
    .one(&app.db)
    .await?;
    Ok(row.get("n")?)
}
