//! One open connection: what it listens to, and when it ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio::time::Instant;

use super::hub::{self, Telling};
use super::{Listener, Stream};
use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::news::News;
use crate::kernel::slots::Slot;
use crate::oauth::tokens;

/// Most streams of one connection.
const STREAMS: usize = 50;
/// How often is looked whether the token still counts.
const LOOK: Duration = Duration::from_secs(4);

/// What a connection does next.
pub enum Next {
    /// It tells something, on this stream.
    Tell(Stream, Telling),
    /// It shows that it is alive.
    Beat,
    /// It ends.
    End,
}

/// An open connection.
pub struct Session {
    app: App,
    listener: Listener,
    streams: Vec<Stream>,
    news: broadcast::Receiver<Arc<str>>,
    unheard: VecDeque<Arc<str>>,
    waiting: VecDeque<(Stream, Telling)>,
    look_at: Instant,
    closing: watch::Receiver<bool>,
    _place: Slot,
}

impl Session {
    /// Opens a connection for a listener.
    ///
    /// # Errors
    /// `TooMany` beyond ten of one member.
    pub fn open(app: &App, listener: Listener) -> Result<Self> {
        Ok(Self {
            _place: app
                .streams
                .take(listener.member.id.0)
                .ok_or(Error::TooMany(Duration::from_secs(30)))?,
            news: app.news.subscribe(),
            closing: app.closing.subscribe(),
            app: app.clone(),
            listener,
            streams: Vec::new(),
            unheard: VecDeque::new(),
            waiting: VecDeque::new(),
            look_at: Instant::now() + LOOK,
        })
    }

    /// Listens to a stream as well; whether the token allows it.
    pub fn listen(&mut self, stream: Stream) -> bool {
        let allowed = stream.allows(&self.listener.token) && self.streams.len() < STREAMS;
        if allowed && !self.streams.contains(&stream) {
            self.streams.push(stream);
        }
        allowed
    }

    /// Listens to a stream no longer.
    pub fn leave(&mut self, stream: &Stream) {
        self.streams.retain(|known| known != stream);
    }

    /// Waits for what comes next. Nothing is lost when this is given up and called again.
    pub async fn next(&mut self) -> Next {
        loop {
            if let Some((stream, telling)) = self.waiting.pop_front() {
                return Next::Tell(stream, telling);
            }
            if let Some(body) = self.unheard.front().cloned() {
                // Both queues change together, after the last wait.
                let tellings = self.hear(&body).await;
                self.waiting.extend(tellings);
                self.unheard.pop_front();
                continue;
            }
            let news = tokio::select! {
                news = self.news.recv() => news,
                _ = async { self.closing.wait_for(|closing| *closing).await.is_ok() } => return Next::End,
                () = tokio::time::sleep_until(self.look_at) => {
                    self.look_at = Instant::now() + LOOK;
                    let counts = tokens::counts(&self.app, self.listener.token.id).await;
                    return if matches!(counts, Ok(true)) { Next::Beat } else { Next::End };
                }
            };
            match news {
                Ok(body) => self.unheard.push_back(body),
                // Who reads too slowly starts anew; a client asks for what it missed.
                Err(_) => return Next::End,
            }
        }
    }

    async fn hear(&self, body: &str) -> Vec<(Stream, Telling)> {
        let mut tellings = Vec::new();
        let Some(news) = News::parse(body) else {
            return tellings;
        };
        for stream in &self.streams {
            match hub::hear(&self.app, &self.listener.member, stream, &news).await {
                Ok(Some(telling)) => tellings.push((stream.clone(), telling)),
                Ok(None) => {}
                Err(error) => tracing::debug!(%error, "news could not be told"),
            }
        }
        tellings
    }
}
