//! A stub that serves recorded documents under their own https addresses, with a certificate of a test authority.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// A line of the corpus' index.
#[derive(Clone, Debug)]
pub struct Entry {
    pub path: String,
    pub kind: String,
    pub expect: String,
    pub document: Value,
}

/// Reads the index and its documents.
pub fn entries(folder: &Path) -> Vec<Entry> {
    let index = std::fs::read_to_string(folder.join("INDEX.tsv")).unwrap();
    let mut found = Vec::new();
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let bytes = std::fs::read(folder.join(columns[0])).unwrap();
        let document = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        found.push(Entry {
            path: columns[0].to_owned(),
            kind: columns[2].to_owned(),
            expect: columns[7].to_owned(),
            document,
        });
    }
    found
}

/// Every https host that stands in a document.
pub fn hosts(value: &Value, into: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => {
            if let Some(host) = afterparty::kernel::origin::host_of_uri(text) {
                into.insert(afterparty::kernel::origin::name_of(&host).to_owned());
            }
        }
        Value::Array(items) => items.iter().for_each(|item| hosts(item, into)),
        Value::Object(members) => members.values().for_each(|member| hosts(member, into)),
        _ => {}
    }
}

trait Stream: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send {}
impl<T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send> Stream for T {}

/// The address a document is served under: https, with a path, without a fragment.
pub fn address_of(id: &str) -> String {
    let bare = id
        .split('#')
        .next()
        .unwrap()
        .replacen("http://", "https://", 1);
    url::Url::parse(&bare).map_or(bare, Into::into)
}

/// What the stub serves: address → media type and body.
pub type Served = Arc<Mutex<HashMap<String, (String, String)>>>;

/// Starts the stub; its address, what it serves, and the file of its authority.
pub async fn start(
    folder: &Path,
    names: &BTreeSet<String>,
) -> (std::net::SocketAddr, Served, PathBuf) {
    let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority_cert = authority.self_signed(&authority_key).unwrap();
    let file = folder.join("ca.pem");
    std::fs::write(&file, authority_cert.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let issuer = Issuer::new(authority, authority_key);
    let cert = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())
        .unwrap()
        .signed_by(&key, &issuer)
        .unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(
        tokio_rustls::rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(
        vec![cert.der().clone()],
        PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
    )
    .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let served = Served::default();
    let answers = served.clone();
    #[allow(
        clippy::disallowed_methods,
        reason = "the stub lives as long as its test"
    )]
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answers) = (acceptor.clone(), answers.clone());
            tokio::spawn(async move {
                // Recorded `http:` ids are served as well, on the same port.
                let mut first = [0];
                if stream.peek(&mut first).await.is_err() {
                    return;
                }
                let mut stream: Box<dyn Stream> = if first[0] == 0x16 {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    Box::new(stream)
                } else {
                    Box::new(stream)
                };
                let mut request = Vec::new();
                let mut buffer = [0; 4096];
                while !request.windows(4).any(|window| window == b"\r\n\r\n") {
                    match stream.read(&mut buffer).await {
                        Ok(0) | Err(_) => return,
                        Ok(length) => request.extend_from_slice(&buffer[..length]),
                    }
                }
                let text = String::from_utf8_lossy(&request).into_owned();
                let path = text.split(' ').nth(1).unwrap_or("/").to_owned();
                let host = text
                    .lines()
                    .find_map(|line| {
                        line.to_ascii_lowercase()
                            .strip_prefix("host: ")
                            .map(str::to_owned)
                    })
                    .unwrap_or_default();
                let found = answers
                    .lock()
                    .unwrap()
                    .get(&format!("https://{host}{path}"))
                    .cloned();
                let answer = match found {
                    Some((kind, body)) if !text.starts_with("POST") => format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
                        body.len()
                    ),
                    _ if text.starts_with("POST") => {
                        "HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                            .to_owned()
                    }
                    _ => "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        .to_owned(),
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    (address, served, file)
}
