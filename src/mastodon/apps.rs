//! Apps and tokens: `/api/v1/apps`, `/oauth/token`, `/oauth/revoke`, `/oauth/userinfo` and the metadata (RFC 6749, 7009, 8414).

use axum::extract::State;
use axum::response::Response;
use http::{StatusCode, header};
use serde_json::{Value, json};

use super::answer::{done, json_of};
use super::caller::Caller;
use super::entities::{account, various};
use super::{Answer, Refused};
use crate::app::App;
use crate::error::Error;
use crate::kernel::crypt;
use crate::oauth::{Client, Scopes, apps, codes, scopes, tokens};

/// `POST /api/v1/apps`
pub async fn create(call: Caller) -> Answer {
    let app = &call.app;
    app.limits
        .apps
        .take(call.address, app.clock.now())
        .map_err(Error::TooMany)?;
    let params = &call.params;
    let wished = params.get("scopes").unwrap_or("read");
    let scopes = Scopes::parse(wished).ok_or_else(|| {
        Refused::invalid("Validation failed: Scopes doesn't match configured on the server.")
    })?;
    let new = apps::New {
        name: params.text("client_name").to_owned(),
        website: params.get("website").map(str::to_owned),
        redirect_uris: params
            .list("redirect_uris")
            .into_iter()
            .flat_map(str::split_whitespace)
            .map(str::to_owned)
            .collect(),
        scopes,
    };
    let (client, secret) = apps::register(app, &new).await?;
    Ok(json_of(
        various::application(app, &client, Some(&secret)).await?,
    ))
}

/// `GET /api/v1/apps/verify_credentials`
pub async fn verify(call: Caller) -> Answer {
    let client = apps::get(&call.app, call.token()?.app).await?;
    Ok(json_of(
        various::application(&call.app, &client, None).await?,
    ))
}

fn wrong_client() -> Refused {
    Refused::oauth(
        StatusCode::UNAUTHORIZED,
        "invalid_client",
        "Client authentication failed: the app is unknown or its secret does not fit.",
    )
}

/// The app that asks, and whether its secret proved it: in the body or by Basic (RFC 6749 §2.3.1).
async fn client(call: &Caller) -> Result<(Client, bool), Refused> {
    let basic = basic(call);
    let (id, secret) = match &basic {
        Some((id, secret)) => (id.as_str(), Some(secret.as_str())),
        None => (
            call.params.text("client_id"),
            call.params.get("client_secret"),
        ),
    };
    let client = apps::find(&call.app, id).await?.ok_or_else(wrong_client)?;
    match secret.filter(|secret| !secret.is_empty()) {
        Some(secret) if client.proves(secret) => Ok((client, true)),
        Some(_) => Err(wrong_client()),
        None => Ok((client, false)),
    }
}

fn basic(call: &Caller) -> Option<(String, String)> {
    let value = call.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, text) = value.split_once(' ')?;
    let bytes = crypt::from_base64(text).filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(bytes).ok()?;
    let (id, secret) = text.split_once(':')?;
    let plain = |text: &str| {
        let mut parsed = url::form_urlencoded::parse(text.as_bytes());
        parsed
            .next()
            .map(|(text, _)| text.into_owned())
            .unwrap_or_default()
    };
    Some((plain(id), plain(secret)))
}

/// `POST /oauth/token`
pub async fn token(call: Caller) -> Answer {
    let app = &call.app;
    app.limits
        .tokens
        .take(call.address, app.clock.now())
        .map_err(Error::TooMany)?;
    let (client, proven) = client(&call).await?;
    let bad = |error: &str, why: &str| Refused::oauth(StatusCode::BAD_REQUEST, error, why);
    let issued = match call.params.text("grant_type") {
        "authorization_code" => {
            let redemption = codes::Redemption {
                code: call.params.text("code"),
                redirect_uri: call.params.text("redirect_uri"),
                verifier: call.params.get("code_verifier"),
                proven,
            };
            codes::redeem(app, &client, redemption)
                .await?
                .ok_or_else(|| {
                    bad(
                        "invalid_grant",
                        "The code is unknown, used, too old, or was given for something else.",
                    )
                })?
        }
        "client_credentials" if proven => {
            let wished = call.params.get("scope").unwrap_or("read");
            let scopes = Scopes::parse(wished)
                .filter(|scopes| scopes.within(&client.scopes))
                .ok_or_else(|| {
                    bad(
                        "invalid_scope",
                        "The requested scope is invalid, unknown, or malformed.",
                    )
                })?;
            tokens::issue(app, &client, None, &scopes).await?
        }
        "client_credentials" => return Err(wrong_client()),
        _ => {
            return Err(bad(
                "unsupported_grant_type",
                "The grant type is authorization_code or client_credentials.",
            ));
        }
    };
    let (token, secret) = issued;
    let mut response = json_of(json!({
        "access_token": secret,
        "token_type": "Bearer",
        "scope": token.scopes.to_string(),
        "created_at": token.created_at.seconds(),
    }));
    response.headers_mut().insert(
        header::CACHE_CONTROL,
        http::HeaderValue::from_static("no-store"),
    );
    Ok(response)
}

/// `POST /oauth/revoke` (RFC 7009): a token that is none is revoked already.
pub async fn revoke(call: Caller) -> Answer {
    let (client, _) = client(&call).await.map_err(|_| {
        Refused::oauth(
            StatusCode::FORBIDDEN,
            "unauthorized_client",
            "You are not authorized to revoke this token",
        )
    })?;
    tokens::revoke(&call.app, &client, call.params.text("token")).await?;
    done()
}

/// `GET /oauth/userinfo` (OpenID Connect Core §5.3): who the member is, by the actor's id.
pub async fn userinfo(call: Caller) -> Answer {
    let member = call.member()?;
    let entity = account::account(&call.app, member);
    Ok(json_of(json!({
        "iss": call.app.origin().url,
        "sub": member.uri,
        "name": member.shown_name(),
        "preferred_username": member.name,
        "profile": entity["url"],
        "picture": entity["avatar"],
    })))
}

/// `GET /.well-known/oauth-authorization-server` (RFC 8414)
pub async fn metadata(State(app): State<App>) -> Response {
    json_of(describe(&app))
}

fn describe(app: &App) -> Value {
    let origin = app.origin();
    json!({
        "issuer": origin.url,
        "authorization_endpoint": origin.at("/oauth/authorize"),
        "token_endpoint": origin.at("/oauth/token"),
        "revocation_endpoint": origin.at("/oauth/revoke"),
        "userinfo_endpoint": origin.at("/oauth/userinfo"),
        "app_registration_endpoint": origin.at("/api/v1/apps"),
        "service_documentation": origin.at("/about"),
        "scopes_supported": scopes::ALL,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "client_credentials"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "client_id_metadata_document_supported": true,
    })
}
