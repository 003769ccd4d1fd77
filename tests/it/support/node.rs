//! A real node on 127.0.0.1, found by its name through `federation.hosts`.

use std::time::Duration;

use super::Peer;
use afterparty::accounts::create::{self, New};
use afterparty::accounts::{self, Account, Role};
use afterparty::app::App;
use afterparty::cli::{Running, open_with, start};
use afterparty::federation::look_up;
use afterparty::federation::objects::Found;
use afterparty::kernel::clock::Clock;
use afterparty::kernel::config;
use afterparty::kernel::db::Db;
use afterparty::kernel::page::Window;
use afterparty::moderation::writing;
use afterparty::nodes::setup;
use afterparty::posts::compose::Draft;
use afterparty::posts::{self, Post};
use afterparty::relations::follows;
use afterparty::{timelines, worker};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse battery";

/// Which database a node stands on.
#[derive(Clone, Debug)]
pub enum Backend {
    Sqlite,
    /// A server, by its address without a database.
    Postgres(String),
}

impl Backend {
    /// The server named by `AFTERPARTY_TEST_POSTGRES`; `tests/run` demands one.
    pub fn postgres() -> Option<Self> {
        let url = std::env::var("AFTERPARTY_TEST_POSTGRES").ok();
        if url.is_none() {
            assert!(!super::complete(), "AFTERPARTY_TEST_POSTGRES is not set");
            eprintln!("left out: no PostgreSQL is named by AFTERPARTY_TEST_POSTGRES");
        }
        url.map(Self::Postgres)
    }

    /// The address of a fresh database.
    pub async fn fresh(&self, folder: &std::path::Path) -> String {
        match self {
            Self::Sqlite => format!("sqlite:{}", folder.join("test.db").display()),
            Self::Postgres(server) => {
                let name = format!(
                    "t{}",
                    afterparty::kernel::crypt::hex(&afterparty::kernel::crypt::random::<8>())
                );
                let admin = sqlx::PgPool::connect(&format!("{server}/postgres"))
                    .await
                    .unwrap();
                sqlx::query(sqlx::AssertSqlSafe(format!("CREATE DATABASE {name}")))
                    .execute(&admin)
                    .await
                    .unwrap();
                admin.close().await;
                format!("{server}/{name}")
            }
        }
    }
}

/// Names and the listeners behind them, bound before any node exists.
pub struct Net {
    pub clock: Clock,
    hosts: Vec<(String, std::net::SocketAddr)>,
}

impl Net {
    pub fn new() -> Self {
        Self {
            clock: Clock::manual(),
            hosts: Vec::new(),
        }
    }

    /// A network whose clock is the real one, for peers written by others.
    pub fn real_time() -> Self {
        Self {
            clock: Clock::system(),
            hosts: Vec::new(),
        }
    }

    /// Binds a listener for a name.
    pub async fn listen(&mut self, name: &str) -> TcpListener {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        self.name(name, listener.local_addr().unwrap());
        listener
    }

    /// Lets a name lead to an address.
    pub fn name(&mut self, name: &str, address: std::net::SocketAddr) {
        self.hosts.retain(|(known, _)| known != name);
        self.hosts.push((name.to_owned(), address));
    }

    /// Where a name leads.
    pub fn address(&self, name: &str) -> std::net::SocketAddr {
        self.hosts
            .iter()
            .find(|(known, _)| known == name)
            .unwrap()
            .1
    }

    /// Every name and where it leads.
    pub fn hosts(&self) -> &[(String, std::net::SocketAddr)] {
        &self.hosts
    }

    fn table(&self) -> String {
        let entries: Vec<String> = self
            .hosts
            .iter()
            .map(|(name, address)| format!("\"{name}\" = \"{address}\""))
            .collect();
        format!("{{ {} }}", entries.join(", "))
    }

    /// What a node under this name is told.
    pub fn flags(
        &self,
        name: &str,
        data: &std::path::Path,
        database: &str,
    ) -> Vec<(String, String)> {
        let flags = [
            ("node.url", format!("http://{name}")),
            ("data.dir", data.display().to_string()),
            ("database.url", database.to_owned()),
            ("federation.allow_networks", "[\"127.0.0.1/32\"]".to_owned()),
            ("federation.allow_http", "true".to_owned()),
            ("federation.hosts", self.table()),
        ];
        let flags = flags.into_iter();
        flags.map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// Starts a node under a name, on a listener bound before.
    pub async fn node(
        &self,
        name: &str,
        backend: &Backend,
        listener: TcpListener,
        extra: &[(&str, &str)],
    ) -> TestNode {
        let folder = tempfile::tempdir().unwrap();
        let url = backend.fresh(folder.path()).await;
        self.node_in(name, folder, &url, listener, extra).await
    }

    /// As [`Net::node`], in a folder and on a database that exist already.
    pub async fn node_in(
        &self,
        name: &str,
        folder: TempDir,
        database: &str,
        listener: TcpListener,
        extra: &[(&str, &str)],
    ) -> TestNode {
        let mut flags = self.flags(name, &folder.path().join("data"), database);
        flags.extend(
            extra
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned())),
        );
        let settings = config::load(None, &[], &flags).unwrap().settings;
        let app = open_with(settings, self.clock.clone(), false)
            .await
            .unwrap();
        let mut tx = app.db.begin().await.unwrap();
        setup::keep_origin(&mut tx, &app.origin()).await.unwrap();
        tx.commit().await.unwrap();
        let running = start(app, listener, false).await.unwrap();
        TestNode {
            name: name.to_owned(),
            database: database.to_owned(),
            folder,
            running,
        }
    }
}

/// A running node.
pub struct TestNode {
    pub name: String,
    pub database: String,
    pub folder: TempDir,
    pub running: Running,
}

impl TestNode {
    /// Two nodes, `here.test` on the given database and `there.test` on SQLite.
    pub async fn two(backend: &Backend) -> (Net, [Self; 2]) {
        let mut net = Net::new();
        let (a, b) = (
            net.listen("here.test").await,
            net.listen("there.test").await,
        );
        let here = net.node("here.test", backend, a, &[]).await;
        let there = net.node("there.test", &Backend::Sqlite, b, &[]).await;
        (net, [here, there])
    }

    /// One node, `here.test`, and room for peers.
    pub async fn one(backend: &Backend) -> (Net, Self) {
        let mut net = Net::new();
        let listener = net.listen("here.test").await;
        let node = net.node("here.test", backend, listener, &[]).await;
        (net, node)
    }

    /// A node, and a peer that a test speaks for.
    pub async fn with_peer(backend: &Backend, name: &str) -> (Net, Self, Peer) {
        let mut net = Net::new();
        let listener = net.listen("here.test").await;
        let peer = Peer::start(&mut net, name).await;
        let node = net.node("here.test", backend, listener, &[]).await;
        (net, node, peer)
    }

    pub fn app(&self) -> &App {
        &self.running.app
    }

    pub fn db(&self) -> &Db {
        &self.running.app.db
    }

    /// The address of a path, as the tests connect to it.
    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.running.address)
    }

    async fn create(&self, name: &str, role: Role) -> Account {
        let new = New {
            name,
            display_name: "",
            email: None,
            password: PASSWORD,
            role,
            confirmed: true,
        };
        create::create(self.app(), new).await.unwrap()
    }

    pub async fn sign_up(&self, name: &str) -> Account {
        self.create(name, Role::Member).await
    }

    pub async fn host(&self, name: &str) -> Account {
        self.create(name, Role::Host).await
    }

    /// Locks an account out, or lets it in again; whether that could be done.
    pub async fn lock_out(&self, account: &Account, out: bool) -> bool {
        let (app, since) = (self.app(), out.then(|| self.app().clock.now()));
        let mut tx = app.db.begin().await.unwrap();
        let done = accounts::set_disabled(&mut tx, account.id, since).await;
        tx.commit().await.unwrap();
        done.is_ok()
    }

    /// The account of a handle as it is known here.
    pub async fn account(&self, handle: &str) -> Account {
        accounts::find_by_handle(self.app(), handle)
            .await
            .unwrap()
            .unwrap_or_else(|| panic!("{handle} is not known at {}", self.name))
    }

    /// Finds somebody as a member would, by the handle.
    pub async fn look_up(&self, handle: &str) -> Account {
        match look_up::find(self.app(), handle).await.unwrap() {
            Found::Account(account) => account,
            Found::Post(_) => panic!("{handle} is a post"),
        }
    }

    pub async fn follow(&self, who: &Account, handle: &str) {
        let followee = self.look_up(handle).await;
        follows::request(self.app(), who, &followee).await.unwrap();
    }

    pub async fn write(&self, author: &Account, draft: Draft) -> Post {
        look_up::learn_mentions(self.app(), &draft.text).await;
        writing::write(self.app(), author, draft).await.unwrap()
    }

    pub async fn post(&self, author: &Account, text: &str) -> Post {
        self.write(
            author,
            Draft {
                text: text.to_owned(),
                ..Draft::default()
            },
        )
        .await
    }

    pub async fn post_by_uri(&self, uri: &str) -> Option<Post> {
        posts::find_by_uri(self.app(), uri).await.unwrap()
    }

    /// The handles that follow a member here.
    pub async fn followers_of(&self, name: &str) -> Vec<String> {
        let account = self.account(name).await;
        let list = follows::followers(self.app(), account.id, Window::newest(100))
            .await
            .unwrap();
        let mut handles: Vec<String> = list.iter().map(|(_, account)| account.acct()).collect();
        handles.sort();
        handles
    }

    /// The texts of a member's home, newest first.
    pub async fn home_of(&self, name: &str) -> Vec<String> {
        let member = self.account(name).await;
        let posts = timelines::home(self.app(), &member, Window::newest(100))
            .await
            .unwrap();
        let mut texts = Vec::new();
        for post in posts {
            let shown = match post.boost_of {
                Some(id) => posts::find(self.app(), id).await.unwrap().unwrap(),
                None => post,
            };
            texts.push(afterparty::kernel::html::to_text(&shown.html));
        }
        texts
    }

    /// The page of the newest message to whom this cookie belongs.
    pub async fn newest_message(&self, cookie: &str) -> String {
        let list = self.get("/conversations", &[("cookie", cookie)]).await;
        let list = list.text().await.unwrap();
        let path = list
            .split(r#"<a class="words" href=""#)
            .nth(1)
            .expect("a message");
        let path = path.split('"').next().unwrap();
        let page = self.get(path, &[("cookie", cookie)]).await;
        page.text().await.unwrap()
    }

    /// The kinds of a member's notifications, newest first.
    pub async fn notices_of(&self, name: &str) -> Vec<&'static str> {
        let member = self.account(name).await;
        let list = afterparty::notifications::list(self.app(), &member, None)
            .await
            .unwrap();
        list.iter().map(|group| group.kind.name()).collect()
    }

    /// What became of an activity that arrived.
    pub async fn outcome(&self, uri: &str) -> Option<String> {
        let row = afterparty::kernel::db::sql("SELECT outcome FROM received WHERE uri = $1")
            .bind(uri)
            .optional(self.db())
            .await
            .unwrap();
        row.and_then(|row| row.get("outcome").unwrap())
    }

    /// How many rows a table holds.
    pub async fn count(&self, statement: &'static str) -> i64 {
        afterparty::kernel::db::sql(statement)
            .one(self.db())
            .await
            .unwrap()
            .get("n")
            .unwrap()
    }

    /// Signs a browser in; the value of its cookie header.
    pub async fn cookie(&self, account: &Account) -> String {
        let token = accounts::sessions::start(self.app(), account.id, "test")
            .await
            .unwrap();
        format!(
            "{}={token}",
            afterparty::ui::cookies::cookie_name(self.app())
        )
    }

    /// Gets a page or document.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> reqwest::Response {
        let mut request = client().get(self.at(path)).header("host", &self.name);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }

    /// Gets a document as another program would, unsigned.
    pub async fn document(&self, path: &str) -> (u16, serde_json::Value) {
        let answer = self
            .get(path, &[("accept", "application/activity+json")])
            .await;
        let status = answer.status().as_u16();
        (
            status,
            serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap_or_default(),
        )
    }

    /// Sends a form with files.
    pub async fn upload(
        &self,
        path: &str,
        cookie: &str,
        values: &[(&str, &str)],
        files: &[(&str, &str, &[u8])],
    ) -> reqwest::Response {
        let request = client()
            .post(self.at(path))
            .header("host", &self.name)
            .header("origin", format!("http://{}", self.name))
            .header("cookie", cookie);
        request
            .header(
                "content-type",
                format!("multipart/form-data; boundary={BOUNDARY}"),
            )
            .body(multipart(values, files))
            .send()
            .await
            .unwrap()
    }

    /// Sends a form.
    pub async fn form(
        &self,
        path: &str,
        cookie: &str,
        fields: &[(&str, &str)],
    ) -> reqwest::Response {
        let body: String = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let request = client()
            .post(self.at(path))
            .header("host", &self.name)
            .header("origin", format!("http://{}", self.name))
            .header("cookie", cookie);
        request
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body)
            .send()
            .await
            .unwrap()
    }
}

/// The boundary of the multipart forms that the tests send.
pub const BOUNDARY: &str = "----of-the-tests";

/// A form with files, as a browser sends it: values, then files by field, name and bytes.
pub fn multipart(values: &[(&str, &str)], files: &[(&str, &str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, value) in values {
        body.extend(
            format!(
                "--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
            .bytes(),
        );
    }
    for (name, file, bytes) in files {
        body.extend(format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"; filename=\"{file}\"\r\ncontent-type: application/octet-stream\r\n\r\n").bytes());
        body.extend(*bytes);
        body.extend(b"\r\n");
    }
    body.extend(format!("--{BOUNDARY}--\r\n").bytes());
    body
}

/// A black picture.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::DynamicImage::new_rgb8(width, height)
        .write_to(&mut bytes, image::ImageFormat::Png)
        .unwrap();
    bytes.into_inner()
}

/// A client that follows no redirects.
#[allow(
    clippy::disallowed_methods,
    reason = "the tests talk to their own nodes only"
)]
pub fn client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .timeout(Duration::from_secs(60))
        .build()
        .unwrap()
}

/// Lets all nodes do what is due until nothing is.
pub async fn settle(nodes: &[&TestNode]) {
    for _ in 0..200 {
        let mut busy = false;
        for node in nodes {
            busy |= worker::turn(node.app()).await.unwrap();
        }
        if !busy {
            return;
        }
    }
    panic!("the nodes do not come to rest");
}

/// What a page says.
pub async fn text(answer: reqwest::Response) -> String {
    answer.text().await.unwrap()
}

/// Posts a form that must be taken.
pub async fn ok(node: &TestNode, path: &str, cookie: &str, fields: &[(&str, &str)]) {
    let answer = node.form(path, cookie, fields).await;
    assert_eq!(answer.status(), 303, "{path}: {}", text(answer).await);
}
