//! Signing up from inside an app.

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use super::answer::json_of;
use super::{Answer, Caller, Refused};
use crate::accounts::create::New;
use crate::accounts::{Role, letters};
use crate::error::Error;
use crate::kernel::crypt;
use crate::locale::Locale;
use crate::members;
use crate::nodes::joining::{self, Mode};
use crate::oauth::{Token, apps, tokens};

/// `POST /api/v1/accounts`: signing up from inside an app.
pub async fn create(call: Caller) -> Answer {
    let (app, params) = (&call.app, &call.params);
    let token = call.token()?.clone();
    if token.account.is_some() || !token.scopes.allow("write:accounts") {
        return Err(Error::Forbidden.into());
    }
    if joining::get(app).await?.mode != Mode::Open {
        return Err(Refused::with(
            StatusCode::FORBIDDEN,
            "This action is not allowed",
        ));
    }
    app.limits
        .sign_up
        .take(call.address, app.clock.now())
        .map_err(Error::TooMany)?;
    if params.flag("agreement") != Some(true) {
        let sentence = "Validation failed: Agreement must be accepted";
        return Err(Refused::invalid(sentence).with_detail("agreement", "ERR_ACCEPTED"));
    }
    let new = New {
        name: params.text("username"),
        display_name: "",
        email: Some(params.text("email")),
        password: params.text("password"),
        role: Role::Member,
        confirmed: app.mailer.is_none(),
    };
    let locale = Locale::of_header(params.text("locale"));
    let member = match members::join(app, new, ("", call.address), locale).await {
        Err(Error::Invalid(problems))
            if app.mailer.is_some() && letters::is_known_address(&problems) =>
        {
            // Whose address it is learns it by mail; the app sees what it always sees.
            letters::write_known_address(app, locale, params.text("email"), call.address).await?;
            return Ok(given(&crypt::token(), &token));
        }
        member => member.map_err(as_apps_name_it)?,
    };
    let client = apps::get(app, token.app).await?;
    let (token, secret) = tokens::issue(app, &client, Some(member.id), &token.scopes).await?;
    Ok(given(&secret, &token))
}

/// A problem with the fields as the API names them.
fn as_apps_name_it(error: Error) -> Error {
    let Error::Invalid(mut problems) = error else {
        return error;
    };
    for problem in &mut problems {
        if problem.field == "name" {
            problem.field = "username";
        }
    }
    Error::Invalid(problems)
}

fn given(secret: &str, token: &Token) -> Response {
    json_of(json!({
        "access_token": secret,
        "token_type": "Bearer",
        "scope": token.scopes.to_string(),
        "created_at": token.created_at.seconds(),
    }))
}
