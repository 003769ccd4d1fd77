//! The program as a process of its own, whose memory can be looked at.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::node::client;

/// A running `afterparty serve`; it ends with the test.
pub struct Process {
    child: Child,
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
        let mut command = Command::new(env!("CARGO_BIN_EXE_afterparty"));
        command
            .arg("serve")
            .current_dir(folder)
            .env("AFTERPARTY_DATA__DIR", folder.join("data"))
            .env("AFTERPARTY_NODE__URL", &url)
            .env("AFTERPARTY_SERVER__LISTEN", address.to_string())
            .env(
                "AFTERPARTY_FEDERATION__ALLOW_NETWORKS",
                "[\"127.0.0.1/32\"]",
            )
            .env("AFTERPARTY_FEDERATION__ALLOW_HTTP", "true")
            .env(
                "AFTERPARTY_FEDERATION__HOSTS",
                format!("{{ {} }}", table.join(", ")),
            )
            .env("AFTERPARTY_LOG", "error")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit());
        for (key, value) in extra {
            command.env(key, value);
        }
        let process = Self {
            child: command.spawn().unwrap(),
            address,
        };
        for _ in 0..400 {
            if client().get(process.at("/healthz")).send().await.is_ok() {
                return process;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the program does not answer");
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

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
