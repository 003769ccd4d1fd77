//! A mail server on loopback that takes everything and keeps it (RFC 5321, as far as a client needs).

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

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
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let mails = Mails::default();
    let kept = mails.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(talk(stream, kept.clone()));
        }
    });
    (url, mails)
}

async fn talk(stream: TcpStream, mails: Mails) -> std::io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 mail.test\r\n").await?;
    let mut to = String::new();
    while let Some(line) = lines.next_line().await? {
        let verb = line
            .split([' ', ':'])
            .next()
            .unwrap_or_default()
            .to_ascii_uppercase();
        match verb.as_str() {
            "RCPT" if line.contains("<refused@") => {
                write.write_all(b"550 there is no such address\r\n").await?;
                continue;
            }
            "RCPT" => to = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned(),
            "DATA" => {
                write.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while let Some(line) = lines.next_line().await?.filter(|line| line != ".") {
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
            "QUIT" => return write.write_all(b"221 bye\r\n").await,
            _ => {}
        }
        write.write_all(b"250 OK\r\n").await?;
    }
    Ok(())
}
