//! A mail server on loopback that takes everything and keeps it (RFC 5321, as far as a client needs).

use std::sync::{Arc, Mutex};

use tokio::io::{
    AsyncBufRead, AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// A mail that arrived: to whom, and its lines.
#[derive(Clone, Debug)]
pub struct Received {
    pub to: String,
    pub text: String,
}

/// The mails so far.
pub type Mails = Arc<Mutex<Vec<Received>>>;

/// Starts the server; its `smtp:` address and what arrives.
pub async fn start() -> (String, Mails) {
    let (address, mails, _) = start_with(None).await;
    (format!("smtp://{address}"), mails)
}

/// As [`start`], offering STARTTLS where there is a certificate; its address, what arrives, and what was said in the open.
pub async fn start_with(
    tls: Option<TlsAcceptor>,
) -> (std::net::SocketAddr, Mails, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (mails, said) = (Mails::default(), Arc::new(Mutex::new(Vec::new())));
    let (kept, heard) = (mails.clone(), said.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(greet(stream, kept.clone(), heard.clone(), tls.clone()));
        }
    });
    (address, mails, said)
}

async fn greet(
    mut stream: TcpStream,
    mails: Mails,
    said: Arc<Mutex<Vec<String>>>,
    tls: Option<TlsAcceptor>,
) -> std::io::Result<()> {
    stream.write_all(b"220 mail.test\r\n").await?;
    let ended = talk(&mut stream, &mails, Some(&said), tls.is_some()).await?;
    match tls {
        Some(tls) if !ended => {
            let mut stream = tls.accept(stream).await?;
            talk(&mut stream, &mails, None, false).await.map(drop)
        }
        _ => Ok(()),
    }
}

/// Talks until the end; whether it was that, and not the begin of TLS.
async fn talk(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    mails: &Mails,
    said: Option<&Mutex<Vec<String>>>,
    offers: bool,
) -> std::io::Result<bool> {
    let mut stream = BufReader::new(stream);
    let mut to = String::new();
    while let Some(line) = next_line(&mut stream).await? {
        if let Some(said) = said {
            said.lock().unwrap().push(line.clone());
        }
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let offer = if offers { "250-STARTTLS\r\n" } else { "" };
                let answer = format!("250-mail.test\r\n{offer}250 AUTH PLAIN LOGIN\r\n");
                stream.write_all(answer.as_bytes()).await?;
                continue;
            }
            "STARTTLS" if offers => {
                stream.write_all(b"220 go on\r\n").await?;
                return Ok(false);
            }
            "AUTH" => {
                stream.write_all(b"235 welcome\r\n").await?;
                continue;
            }
            "RCPT" if line.contains("<refused@") => {
                stream
                    .write_all(b"550 there is no such address\r\n")
                    .await?;
                continue;
            }
            "RCPT" => to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned(),
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while let Some(line) = next_line(&mut stream).await?.filter(|line| line != ".") {
                    text.push_str(&line);
                    text.push('\n');
                }
                // Quoted-printable lines that were broken.
                let text = text.replace("=\n", "").replace("=3D", "=");
                mails.lock().unwrap().push(Received {
                    to: to.clone(),
                    text,
                });
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(true);
            }
            _ => {}
        }
        stream.write_all(b"250 OK\r\n").await?;
    }
    Ok(true)
}

async fn next_line(stream: &mut (impl AsyncBufRead + Unpin)) -> std::io::Result<Option<String>> {
    let mut line = String::new();
    let length = stream.read_line(&mut line).await?;
    Ok((length > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned()))
}
