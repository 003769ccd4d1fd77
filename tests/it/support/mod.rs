//! What the tests stand on.

pub mod corpus;
pub mod dns;
pub mod film;
pub mod ledger;
pub mod node;
pub mod pair;
pub mod peer;
pub mod process;
pub mod rows;
pub mod s3;
pub mod smtp;
pub mod statements;

use std::path::PathBuf;

pub use ledger::balance;
pub use node::{Backend, Net, TestNode, settle};
pub use peer::Peer;
pub use process::Process;

/// Whether everything must be there that the tests need: set by `tests/run`.
pub fn complete() -> bool {
    std::env::var_os("AFTERPARTY_TESTS_COMPLETE").is_some()
}

/// Where `tests/run` puts what it builds and installs: the target folder, which may lie elsewhere.
pub fn target(path: &str) -> PathBuf {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let named = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(named).join(path)
}

/// The folder of recorded documents: named by `AFTERPARTY_SHARED`, else beside the checkout.
pub fn shared() -> Option<PathBuf> {
    let named = std::env::var_os("AFTERPARTY_SHARED").map(PathBuf::from);
    let folder =
        named.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared"));
    folder.join("fixtures/INDEX.tsv").exists().then_some(folder)
}

/// Runs each test on both databases; where no PostgreSQL is named, its half says so.
#[macro_export]
macro_rules! both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name($crate::support::Backend::Sqlite).await;
            })*
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(backend) = $crate::support::Backend::postgres() {
                    super::$name(backend).await;
                }
            })*
        }
    };
}
