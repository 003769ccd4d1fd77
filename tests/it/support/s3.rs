//! A server of the S3 protocol on loopback, as a process of its own.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::complete;

/// The server; it ends with the test.
pub struct S3 {
    child: Child,
    endpoint: String,
    folder: tempfile::TempDir,
}

impl S3 {
    /// Starts it with one empty bucket, `media`; nothing where the program was not built.
    pub async fn start() -> Option<Self> {
        let program = super::target("tools/bin/s3s-fs");
        if !program.exists() {
            assert!(!complete(), "s3s-fs is not built; tests/run builds it");
            println!("left out: s3s-fs is not built; tests/run builds it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("media")).unwrap();
        // Bound for a moment to learn a free port.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        let child = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", &address.port().to_string()])
            .args(["--access-key", "house", "--secret-key", "open sesame"])
            .arg(folder.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(address).await.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Some(Self {
            child,
            endpoint: format!("http://{address}"),
            folder,
        })
    }

    /// The settings of a node that keeps its media here.
    pub fn settings(&self) -> [(&str, &str); 4] {
        [
            ("storage.bucket", "media"),
            ("storage.endpoint", &self.endpoint),
            ("storage.access_key", "house"),
            ("storage.secret_key", "open sesame"),
        ]
    }

    /// The sizes of what lies in the bucket.
    pub fn sizes(&self) -> Vec<u64> {
        let mut found = Vec::new();
        let mut folders = vec![self.folder.path().join("media")];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_dir() {
                    folders.push(entry.path());
                } else {
                    found.push(entry.metadata().unwrap().len());
                }
            }
        }
        found
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
