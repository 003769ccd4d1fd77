//! Links of a profile that link back: `rel="me"` in both directions shows that both are the same person's.

use super::{Account, store};
use crate::app::App;
use crate::error::Result;
use crate::kernel::id::AccountId;
use crate::kernel::markup::{Scanner, Token};
use crate::kernel::origin::{host_of_uri, parse_url};

/// Bytes of a page in which the link back is looked for.
const MOST: usize = 1 << 20;

/// What links with `rel="me"` on a page lead to.
fn me_links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for token in Scanner::new(page) {
        let Token::Start(tag) = token else { continue };
        if !["a", "link"]
            .iter()
            .any(|name| tag.name.eq_ignore_ascii_case(name))
        {
            continue;
        }
        let me = tag.get("rel").is_some_and(|rel| {
            rel.split_ascii_whitespace()
                .any(|word| word.eq_ignore_ascii_case("me"))
        });
        if let Some(target) = tag.get("href").filter(|_| me && found.len() < 200) {
            found.push(target.trim().to_owned());
        }
    }
    found
}

/// Whether a page links back to an account.
async fn links_back(app: &App, link: &str, account: &Account) -> bool {
    let Some(host) = host_of_uri(link) else {
        return false;
    };
    // A page of this house proves nothing about a member of this house.
    if app.origin().authority() == host
        || crate::nodes::is_blocked(app, &host).await.unwrap_or(true)
    {
        return false;
    }
    let Ok(answer) = app.http.get(link, "text/html", MOST).await else {
        return false;
    };
    let page = String::from_utf8_lossy(&answer.body).into_owned();
    let found = tokio::task::spawn_blocking(move || me_links(&page)).await;
    let own = [
        account.uri.clone(),
        app.origin().at(&format!("/@{}", account.name)),
    ];
    let same = |target: &String| {
        let target = target.trim_end_matches('/');
        own.iter().any(|own| own == target)
    };
    found.is_ok_and(|found| found.iter().any(same))
}

/// Looks which links of a member's profile link back, and notes since when.
///
/// # Errors
/// What the database says.
pub async fn verify(app: &App, id: AccountId) -> Result<()> {
    let account = super::get(app, id).await?;
    if !account.is_local() || !account.is_active() || !app.federates() {
        return Ok(());
    }
    let mut fields = account.fields.clone();
    for field in &mut fields {
        let link = field.value.trim().to_owned();
        let back = parse_url(&link).is_some() && links_back(app, &link, &account).await;
        field.verified_at = match (back, field.verified_at) {
            (true, None) => Some(app.clock.now()),
            (true, known) => known,
            (false, _) => None,
        };
    }
    store::set_fields(&app.db, &account, &fields).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::me_links;

    #[test]
    fn only_links_that_say_me_count() {
        let page = "<link href='https://a.example/1' rel=ME><a rel='nofollow me' href=https://a.example/2>x</a><a href='https://a.example/3' rel='meme'>y</a><!-- <a rel=me href=https://a.example/4> --><script>'<a rel=me href=https://a.example/5>'</script>";
        let found = me_links(page);
        assert!(found.starts_with(&[
            "https://a.example/1".to_owned(),
            "https://a.example/2".to_owned()
        ]));
        assert!(
            !found
                .iter()
                .any(|link| link.ends_with('3') || link.ends_with('4'))
        );
    }
}
