//! `afterparty doctor`: looks whether everything is in order, and says what to do where it is not.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use url::Url;

use super::serve::ENOUGH;
use super::{open, say};
use crate::accounts;
use crate::app::App;
use crate::kernel::config::Settings;
use crate::kernel::http::{DOCUMENT, descriptors};
use crate::nodes::setup;

/// What was looked at: well, or what to do.
struct Finding(&'static str, Result<String, String>);

pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let mut findings = vec![
        Finding(
            "settings",
            Ok("every key and value is understood".to_owned()),
        ),
        folder(&settings),
        exceptions(&settings),
        files(),
        room(&settings),
    ];
    match open(settings).await {
        Ok(app) => {
            findings.push(Finding(
                "database",
                Ok("it answers and its schema is current".to_owned()),
            ));
            findings.push(rights(&app));
            findings.push(clock(&app));
            findings.push(house(&app).await);
            findings.push(reachable(&app).await);
            findings.push(uploads(&app).await);
            findings.push(mail(&app).await);
        }
        Err(error) => findings.push(Finding("database", Err(format!("{error:#}")))),
    }
    let mut troubles = 0;
    for Finding(name, outcome) in findings {
        match outcome {
            Ok(text) => say(&format!("  well     {name}: {text}")),
            Err(text) => {
                troubles += 1;
                say(&format!("  TROUBLE  {name}: {text}"));
            }
        }
    }
    if troubles == 0 {
        Ok(())
    } else {
        anyhow::bail!("{troubles} of these need you")
    }
}

/// Whether the program may have enough files open; it raises the number itself, up to what the system allows.
fn files() -> Finding {
    let (_, most) = descriptors();
    let outcome = if most < ENOUGH {
        Err(format!(
            "this process may have {most} files and connections open at most, expected {ENOUGH}; set LimitNOFILE in its unit, or `ulimit -Hn`"
        ))
    } else {
        Ok(format!("{most} may be open"))
    };
    Finding("open files", outcome)
}

/// Exceptions made for tests have no place on a public node.
fn exceptions(settings: &Settings) -> Finding {
    let federation = &settings.federation;
    let on = [
        (
            !federation.allow_networks.is_empty(),
            "federation.allow_networks",
        ),
        (federation.allow_http, "federation.allow_http"),
        (!federation.hosts.is_empty(), "federation.hosts"),
        (federation.extra_ca.is_some(), "federation.extra_ca"),
        (federation.dns.is_some(), "federation.dns"),
    ];
    let on: Vec<&str> = on
        .into_iter()
        .filter(|(on, _)| *on)
        .map(|(_, name)| name)
        .collect();
    let outcome = if on.is_empty() {
        Ok("none is on".to_owned())
    } else {
        Err(format!(
            "{} is on; remove it on a public node",
            on.join(", ")
        ))
    };
    Finding("exceptions for tests", outcome)
}

/// Which folder this is about: started elsewhere, another one is looked at.
fn folder(settings: &Settings) -> Finding {
    let shown = std::path::absolute(&settings.data_dir);
    let shown = shown.unwrap_or_else(|_| settings.data_dir.clone());
    let outcome = if settings.data_dir.is_dir() {
        Ok(format!("this is about the house in {}", shown.display()))
    } else {
        Err(format!(
            "there is no house in {}; start this where the node is started, or say where by --config or --set data.dir=…",
            shown.display()
        ))
    };
    Finding("folder", outcome)
}

/// Room on the disk under which something should be done, bytes.
const ROOM: u64 = 1 << 30;

/// Whether the disk of the data folder has room.
fn room(settings: &Settings) -> Finding {
    let outcome = match rustix::fs::statvfs(&settings.data_dir) {
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let megabytes = free >> 20;
            if free < ROOM {
                Err(format!(
                    "{megabytes} MB are free, expected {} at least; a full disk takes no posts",
                    ROOM >> 20
                ))
            } else {
                Ok(format!("{megabytes} MB are free"))
            }
        }
        Err(cause) => Err(format!("it cannot be looked at: {cause}")),
    };
    Finding("disk", outcome)
}

/// Whether a picture as large as the settings allow reaches the node: proxies often take a megabyte only.
async fn uploads(app: &App) -> Finding {
    let size = usize::try_from(app.settings.limits.picture_bytes).unwrap_or(0);
    let Ok(url) = Url::parse(&app.origin().at("/api/v2/media")) else {
        return Finding("uploads", Ok("not looked at".to_owned()));
    };
    let body = Bytes::from(vec![0; size.min(MOST_SENT)]);
    let asked = app
        .http
        .send(Method::POST, &url, HeaderMap::new(), body, DOCUMENT);
    let outcome = match tokio::time::timeout(Duration::from_secs(30), asked)
        .await
        .map(|answer| answer.map(|answer| answer.status.as_u16()))
    {
        Ok(Ok(413)) => Err(format!(
            "the proxy refuses pictures that the settings allow ({} MB); nginx calls it client_max_body_size",
            size >> 20
        )),
        Ok(Ok(401)) => Ok(format!("{} MB reach the node", size.min(MOST_SENT) >> 20)),
        Ok(Ok(status)) => Err(format!("{url} answered {status}, expected 401")),
        // Why it cannot be reached was said above.
        Ok(Err(_)) | Err(_) => Ok("not looked at".to_owned()),
    };
    Finding("uploads", outcome)
}

/// Most bytes that are sent to look at a proxy.
const MOST_SENT: usize = 16 << 20;

fn rights(app: &App) -> Finding {
    let folder = &app.settings.data_dir;
    let probe = folder.join(".doctor");
    let outcome = std::fs::write(&probe, b"")
        .and_then(|()| std::fs::remove_file(&probe))
        .map_err(|cause| format!("{} cannot be written: {cause}", folder.display()));
    let open = std::fs::metadata(folder).is_ok_and(|meta| meta.permissions().mode() & 0o007 != 0);
    let note = if open {
        " (others on this machine may look into it; `chmod 700` closes it)"
    } else {
        ""
    };
    Finding(
        "files",
        outcome.map(|()| format!("{} can be written{note}", folder.display())),
    )
}

fn clock(app: &App) -> Finding {
    let (year, ..) = app.clock.now().parts();
    let outcome = if year >= 2026 {
        Ok(format!("it is {}", app.clock.now().rfc3339()))
    } else {
        Err(format!(
            "it shows {}; set the clock, or signatures fail",
            app.clock.now().rfc3339()
        ))
    };
    Finding("clock", outcome)
}

async fn house(app: &App) -> Finding {
    let outcome = match setup::is_done(app).await {
        Ok(true) => Ok(format!("it stands at {}", app.origin().url)),
        Ok(false) => {
            Err("it has no host yet: start the node and open the address it prints".to_owned())
        }
        Err(error) => Err(error.to_string()),
    };
    Finding("house", outcome)
}

/// Whether the mail server is there, protects the connection and knows us.
async fn mail(app: &App) -> Finding {
    let outcome = match &app.mailer {
        None => Ok("none leaves by itself: mail.url is not set".to_owned()),
        Some(mailer) => {
            let asked = tokio::time::timeout(Duration::from_secs(15), mailer.check()).await;
            let domain = mailer.domain();
            match asked {
                Ok(Ok(())) => Ok(format!(
                    "the server at mail.url takes mails; they come from {domain}{}",
                    if domain == app.origin().domain {
                        ""
                    } else {
                        ", which mail.from names: its SPF and DKIM must allow this server"
                    }
                )),
                Ok(Err(error)) => Err(format!(
                    "the server at mail.url: {error}; is its address right, and its name and password?"
                )),
                Err(_) => Err("the server at mail.url does not answer".to_owned()),
            }
        }
    };
    Finding("mail", outcome)
}

/// Whether the world finds the house: its own WebFinger, by its public address.
async fn reachable(app: &App) -> Finding {
    let origin = app.origin();
    let name = match accounts::first_host(app).await {
        Ok(Some(host)) => host.name,
        _ => "node".to_owned(),
    };
    let url = origin.at(&format!(
        "/.well-known/webfinger?resource=acct:{name}@{}",
        origin.domain
    ));
    let asked = tokio::time::timeout(
        Duration::from_secs(12),
        app.http.get(&url, "application/jrd+json", DOCUMENT),
    )
    .await;
    let outcome = match asked {
        Ok(Ok(answer)) if answer.media_type() == "application/jrd+json" => {
            Ok("WebFinger answers at the public address".to_owned())
        }
        Ok(Ok(_)) => Err(format!(
            "{url} answers something else; does the proxy lead here?"
        )),
        Ok(Err(_)) if origin.is_loopback() && !app.federates() => {
            Ok("not looked at: the address is only reachable on this machine".to_owned())
        }
        Ok(Err(error)) => Err(format!(
            "{url}: {error}; is the node running, and does the proxy pass the Host header on?"
        )),
        Err(_) => Err(format!("{url} did not answer in time")),
    };
    Finding("reachability", outcome)
}
