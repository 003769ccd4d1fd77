//! The program as a process of its own, whose memory can be looked at.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::node::client;

/// A running `afterparty serve`; it ends with the test.
pub struct Process {
    child: Child,
    folder: PathBuf,
    settings: Vec<(String, String)>,
    pub address: std::net::SocketAddr,
}

impl Process {
    /// Starts the program on a fresh folder, with names that lead to these addresses; without a name it
    /// is called by its address.
    pub async fn start(
        folder: &Path,
        name: &str,
        hosts: &[(String, std::net::SocketAddr)],
        extra: &[(&str, &str)],
    ) -> Self {
        // Bound for a moment to learn a free port.
        let address = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let table: Vec<String> = hosts
            .iter()
            .map(|(name, address)| format!("\"{name}\" = \"{address}\""))
            .collect();
        let url = if name.is_empty() {
            format!("http://{address}")
        } else {
            format!("http://{name}")
        };
        let own = [
            ("DATA__DIR", folder.join("data").display().to_string()),
            ("NODE__URL", url),
            ("SERVER__LISTEN", address.to_string()),
            ("FEDERATION__ALLOW_NETWORKS", "[\"127.0.0.1/32\"]".into()),
            ("FEDERATION__ALLOW_HTTP", "true".into()),
            ("FEDERATION__HOSTS", format!("{{ {} }}", table.join(", "))),
            ("LOG", "error".into()),
        ];
        let own = own.map(|(key, value)| (format!("AFTERPARTY_{key}"), value));
        let extra = extra
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let settings: Vec<_> = own.into_iter().chain(extra).collect();
        let process = Self {
            child: command(folder, &settings, &["serve"]).spawn().unwrap(),
            folder: folder.to_owned(),
            settings,
            address,
        };
        process.ready().await;
        process
    }

    /// Waits until it answers.
    async fn ready(&self) {
        for _ in 0..400 {
            if client().get(self.at("/healthz")).send().await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the program does not answer");
    }

    /// Ends it in the middle of whatever it does (SIGKILL), and starts it again in the same place.
    pub async fn kill_and_start(&mut self) {
        let _ = self.child.kill();
        self.child.wait().unwrap();
        self.start_again(&[]).await;
    }

    /// Starts it once more in the same place, after it ended, with further variables.
    pub async fn start_again(&mut self, extra: &[(&str, &str)]) {
        self.child = command(&self.folder, &self.settings, &["serve"])
            .envs(extra.iter().copied())
            .spawn()
            .unwrap();
        self.ready().await;
    }

    /// Waits until it ended by itself, so many seconds at most; how.
    pub async fn ended(&mut self, seconds: u64) -> std::process::ExitStatus {
        for _ in 0..seconds * 20 {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("it goes on");
    }

    /// Asks it to end (SIGTERM).
    pub fn terminate(&self) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
    }

    /// What it logged so far, in all its runs.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Its data folder.
    pub fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// What a verb of the program prints beside it; the last line.
    pub fn says(&self, words: &[&str]) -> String {
        let output = command(&self.folder, &self.settings, words)
            .stdout(Stdio::piped())
            .output()
            .unwrap();
        assert!(output.status.success(), "{words:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().last().unwrap_or_default().to_owned()
    }

    pub fn at(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A line of `/proc/PID/status` in kB, such as `VmRSS` or `VmHWM`.
    pub fn memory(&self, line: &str) -> i64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let value = status
            .lines()
            .find_map(|found| found.strip_prefix(&format!("{line}:")))
            .unwrap();
        value.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// Forgets the highest memory so far, so that `VmHWM` tells about what comes.
    pub fn forget_peak(&self) {
        std::fs::write(format!("/proc/{}/clear_refs", self.child.id()), "5").unwrap();
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a POST with exactly these headers; the status.
    pub async fn post(&self, path: &str, headers: Vec<(String, String)>, body: Vec<u8>) -> u16 {
        let mut request = client().post(self.at(path)).body(body);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request.send().await.unwrap().status().as_u16()
    }
}

fn command(folder: &Path, settings: &[(String, String)], words: &[&str]) -> Command {
    let log = std::fs::File::options()
        .create(true)
        .append(true)
        .open(folder.join("log"))
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_afterparty"));
    command
        .args(words)
        .current_dir(folder)
        .envs(settings.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log);
    command
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
