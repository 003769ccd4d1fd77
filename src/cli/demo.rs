//! `afterparty demo`: two houses that talk to each other, over real signed HTTP, and to nobody else.

use std::path::{Path, PathBuf};
use std::time::Duration;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use tokio::net::TcpListener;

use super::{Running, open_with, say, serve};
use crate::accounts::create::{self, New};
use crate::accounts::profile::{self, Edit};
use crate::accounts::{Account, Role};
use crate::app::App;
use crate::federation::look_up;
use crate::federation::objects::Found;
use crate::kernel::clock::Clock;
use crate::kernel::config;
use crate::kernel::id::{MediaId, PostId};
use crate::media::incoming::Incoming;
use crate::media::upload::{self, Upload};
use crate::media::{files, pictures};
use crate::moderation::writing;
use crate::nodes::house::{self, House};
use crate::nodes::setup;
use crate::posts::compose::{Draft, NewPoll};
use crate::posts::{self, boosts, favourites};
use crate::relations::follows;

/// The password of everybody in the demonstration.
const PASSWORD: &str = "afterparty-demo";

struct Person {
    name: &'static str,
    shown: &'static str,
    bio: &'static str,
    role: Role,
    colours: [[u8; 3]; 2],
}

struct Script {
    label: &'static str,
    house: &'static str,
    line: &'static str,
    accent: &'static str,
    people: [Person; 3],
    posts: [&'static str; 3],
}

const NOVA: Script = Script {
    label: "nova",
    house: "Nova",
    line: "Night music from the edge of town.",
    accent: "#d6336c",
    people: [
        Person {
            name: "nova",
            shown: "Nova",
            bio: "Synths, strings, small rooms.\nNew record in spring.",
            role: Role::Host,
            colours: [[214, 51, 108], [30, 14, 52]],
        },
        Person {
            name: "mila",
            shown: "Mila",
            bio: "First row, left side.",
            role: Role::Member,
            colours: [[250, 176, 5], [134, 46, 156]],
        },
        Person {
            name: "jonas",
            shown: "Jonas",
            bio: "I tape the set lists to my wall.",
            role: Role::Member,
            colours: [[18, 184, 134], [11, 40, 66]],
        },
    ],
    posts: [
        "Rehearsal is over and the new song finally has an ending. #rehearsal",
        "The posters for the spring tour are printed. Which city hangs the first one? #tour",
        "Doors at eight, the first chord at nine. Bring someone who has never been here.",
    ],
};

const TIDE: Script = Script {
    label: "tide",
    house: "Tide",
    line: "Four people, one harbour, a lot of reverb.",
    accent: "#0b7285",
    people: [
        Person {
            name: "tide",
            shown: "Tide",
            bio: "A band from the harbour.",
            role: Role::Host,
            colours: [[11, 114, 133], [8, 26, 44]],
        },
        Person {
            name: "ada",
            shown: "Ada",
            bio: "I follow two bands from one home.",
            role: Role::Member,
            colours: [[255, 135, 135], [52, 58, 64]],
        },
        Person {
            name: "luis",
            shown: "Luis",
            bio: "Bass player in spirit.",
            role: Role::Member,
            colours: [[92, 124, 250], [33, 37, 41]],
        },
    ],
    posts: [
        "We recorded the rain on the studio roof. It is in time, we swear. #studio",
        "Thank you for last night. The encore was not planned, and neither was the drum stick in row three.",
        "The next show is on a boat. A small one. #tour",
    ],
};

/// A picture made of two colours, for people who do not exist.
fn picture(colours: [[u8; 3]; 2], width: u32, height: u32) -> anyhow::Result<Vec<u8>> {
    let [from, to] = colours;
    let mix =
        |a: u8, b: u8, share: f32| (f32::from(a) * (1.0 - share) + f32::from(b) * share) as u8;
    let image = RgbImage::from_fn(width, height, |x, y| {
        let (u, v) = (x as f32 / width as f32, y as f32 / height as f32);
        let wave = ((u * 9.0).sin() * 0.12 + (v * 5.0 + u * 3.0).cos() * 0.1).clamp(-0.2, 0.2);
        let share = (u * 0.45 + v * 0.55 + wave).clamp(0.0, 1.0);
        Rgb([
            mix(from[0], to[0], share),
            mix(from[1], to[1], share),
            mix(from[2], to[2], share),
        ])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    DynamicImage::ImageRgb8(image).write_to(&mut bytes, ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

/// `afterparty demo`
pub async fn run(keep: Option<PathBuf>, port: u16) -> anyhow::Result<()> {
    let temporary = if keep.is_none() {
        Some(tempfile::tempdir()?)
    } else {
        None
    };
    let folder = keep
        .clone()
        .or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()))
        .unwrap_or_default();
    say("Opening two houses …");
    let nova = open_house(&folder, &NOVA, port).await?;
    let tide = open_house(&folder, &TIDE, port + 1).await?;
    let fresh = setup::is_done(&nova.app).await? && setup::is_done(&tide.app).await?;
    if !fresh {
        furnish(&nova.app, &NOVA).await?;
        furnish(&tide.app, &TIDE).await?;
        meet(&nova.app, &tide.app).await?;
    }
    for (running, script) in [(&nova, &NOVA), (&tide, &TIDE)] {
        say(&format!("\n{}  {}", script.house, running.app.origin().url));
        for person in &script.people {
            say(&format!(
                "    sign in as {:<6} ({})",
                person.name,
                person.role.name()
            ));
        }
    }
    say(&format!(
        "\nThe password of everybody is {PASSWORD}\nThe two houses talk to each other and to nobody else. Ctrl-C closes both."
    ));
    serve::wait_for_signal().await;
    tokio::join!(nova.stop(), tide.stop());
    Ok(())
}

async fn open_house(folder: &Path, script: &Script, port: u16) -> anyhow::Result<Running> {
    let url = format!("http://{}.localhost:{port}", script.label);
    let flags = [
        ("node.url", url),
        ("server.listen", format!("127.0.0.1:{port}")),
        ("data.dir", folder.join(script.label).display().to_string()),
        ("federation.allow_networks", "[\"127.0.0.1/32\"]".to_owned()),
        ("federation.allow_http", "true".to_owned()),
    ];
    let flags: Vec<(String, String)> = flags
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let settings = config::load(None, &[], &flags)?.settings;
    let app = open_with(settings, Clock::system(), true).await?;
    let mut tx = app.db.begin().await?;
    setup::keep_origin(&mut tx, &app.origin()).await?;
    tx.commit().await?;
    let listener = TcpListener::bind(app.settings.server.listen)
        .await
        .map_err(|cause| anyhow::anyhow!("port {port}: {cause}; choose another one with --port"))?;
    serve::start(app, listener, true).await
}

async fn furnish(app: &App, script: &Script) -> anyhow::Result<()> {
    let house = House {
        name: script.house.to_owned(),
        line: script.line.to_owned(),
        accent: script.accent.to_owned(),
        ..House::default()
    };
    let mut tx = app.db.begin().await?;
    house::update(&mut tx, &house).await?;
    tx.commit().await?;
    for person in &script.people {
        let new = New {
            name: person.name,
            display_name: person.shown,
            email: None,
            password: PASSWORD,
            role: person.role,
            confirmed: true,
        };
        let account = create::create(app, new).await?;
        let avatar =
            pictures::process(picture(person.colours, 400, 400)?, pictures::AVATAR).await?;
        let header = pictures::process(
            picture([person.colours[1], person.colours[0]], 1500, 500)?,
            pictures::HEADER,
        )
        .await?;
        let edit = Edit {
            display_name: person.shown.to_owned(),
            bio: person.bio.to_owned(),
            discoverable: true,
            indexable: true,
            avatar: Some(files::put(app, avatar.bytes, avatar.extension).await?),
            header: Some(files::put(app, header.bytes, header.extension).await?),
            ..Edit::default()
        };
        profile::update(app, &account, edit).await?;
    }
    Ok(())
}

async fn local(app: &App, name: &str) -> anyhow::Result<Account> {
    crate::accounts::find_local(app, name)
        .await?
        .ok_or_else(|| anyhow::anyhow!("{name} is missing"))
}

/// Lets somebody follow a handle of the other house, by asking that house.
async fn follow(app: &App, name: &str, handle: &str) -> anyhow::Result<()> {
    let follower = local(app, name).await?;
    if let Found::Account(followee) = look_up::find(app, handle).await? {
        follows::request(app, &follower, &followee).await?;
    }
    Ok(())
}

async fn write(
    app: &App,
    name: &str,
    text: &str,
    media: Vec<MediaId>,
    in_reply_to: Option<PostId>,
) -> anyhow::Result<posts::Post> {
    let author = local(app, name).await?;
    look_up::learn_mentions(app, text).await;
    Ok(writing::write(
        app,
        &author,
        Draft {
            text: text.to_owned(),
            media,
            in_reply_to,
            ..Draft::default()
        },
    )
    .await?)
}

/// Waits until a post of the other house has arrived.
async fn arrival(app: &App, uri: &str) -> anyhow::Result<posts::Post> {
    for _ in 0..100 {
        if let Some(post) = posts::find_by_uri(app, uri).await? {
            return Ok(post);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("{uri} did not arrive at the other house")
}

/// Waits until a follow across the houses is accepted.
async fn accepted(app: &App, name: &str, count: i64) -> anyhow::Result<()> {
    for _ in 0..100 {
        if local(app, name).await?.following_count >= count {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    anyhow::bail!("{name} was not accepted by the other house")
}

/// Everything that travels between the two.
#[expect(
    clippy::too_many_lines,
    reason = "the story of the demonstration, told in order"
)]
async fn meet(nova: &App, tide: &App) -> anyhow::Result<()> {
    let (n, t) = (nova.origin().domain.clone(), tide.origin().domain.clone());
    for (app, name, handle) in [
        (nova, "mila", "nova".to_owned()),
        (nova, "jonas", "nova".to_owned()),
        (tide, "ada", "tide".to_owned()),
        (tide, "luis", "tide".to_owned()),
        (tide, "ada", format!("nova@{n}")),
        (tide, "luis", format!("mila@{n}")),
        (nova, "mila", format!("tide@{t}")),
        (nova, "nova", format!("tide@{t}")),
        (tide, "tide", format!("nova@{n}")),
    ] {
        follow(app, name, &handle).await?;
    }
    accepted(tide, "ada", 2).await?;
    accepted(nova, "mila", 2).await?;
    accepted(tide, "tide", 1).await?;
    accepted(nova, "nova", 1).await?;
    let mut first = None;
    for (app, script) in [(nova, &NOVA), (tide, &TIDE)] {
        let host = local(app, script.label).await?;
        for (at, text) in script.posts.iter().enumerate() {
            let mut media = Vec::new();
            if at == 1 {
                let colours = script.people[0].colours;
                let bytes = picture([colours[1], colours[0]], 1280, 800)?;
                let wave = Upload {
                    file: Incoming::of_bytes(app, bytes).await?,
                    cover: None,
                    description: "A wave of two colours".to_owned(),
                    focus: (0, 0),
                };
                let picture = upload::upload(app, &host, wave).await?;
                media.push(picture.id);
            }
            let post = write(app, script.label, text, media, None).await?;
            first = first.or(Some(post));
        }
    }
    let Some(first) = first else { return Ok(()) };
    let poll = NewPoll {
        hides_totals: false,
        options: vec![
            "The slow one".to_owned(),
            "The loud one".to_owned(),
            "Both".to_owned(),
        ],
        multiple: false,
        seconds: 604_800,
    };
    let host = local(nova, "nova").await?;
    writing::write(
        nova,
        &host,
        Draft {
            text: "Which song first?".to_owned(),
            poll: Some(poll),
            ..Draft::default()
        },
    )
    .await?;
    let seen = arrival(tide, &first.uri).await?;
    let ada = local(tide, "ada").await?;
    favourites::set(tide, &ada, &seen, true).await?;
    boosts::boost(tide, &local(tide, "tide").await?, &seen).await?;
    let answer = write(
        tide,
        "ada",
        &format!("@nova@{n} an ending at last! Can we hear it on Friday?"),
        Vec::new(),
        Some(seen.id),
    )
    .await?;
    let heard = arrival(nova, &answer.uri).await?;
    write(
        nova,
        "nova",
        &format!("@ada@{t} you will be the first."),
        Vec::new(),
        Some(heard.id),
    )
    .await?;
    Ok(())
}
