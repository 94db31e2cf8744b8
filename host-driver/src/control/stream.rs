//! Events as they come: one JSON document a line, for as long as the client listens.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::Either;
use hyper::Response;
use hyper::body::{Body as HttpBody, Bytes, Frame};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::route::Misrouted;
use super::server::{Body, Engine, ask, typed, whole};
use super::view::Event;
use super::{Answer, Question};

/// How often a follower's events are asked for.
const PERIOD: Duration = Duration::from_millis(250);
/// Newline-delimited JSON.
pub(super) const CONTENT_TYPE: &str = "application/x-ndjson";

/// A body that somebody else writes.
#[derive(Debug)]
pub(crate) struct Lines(Receiver<Bytes>);

impl HttpBody for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let next = self.0.poll_recv(context);
        next.map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

/// The events after one; those to come too if `follow`.
pub(super) async fn events(
    engine: &Arc<impl Engine>,
    after: u64,
    follow: bool,
) -> Result<Response<Body>, Misrouted> {
    let (first, last) = next(&**engine, after).await?;
    if !follow {
        return Ok(whole(CONTENT_TYPE, first));
    }
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(follow_events(Arc::clone(engine), sender, first, last));
    Ok(typed(CONTENT_TYPE, Either::Right(Lines(receiver))))
}

async fn follow_events(
    engine: Arc<impl Engine>,
    sender: Sender<Bytes>,
    mut lines: Bytes,
    mut last: u64,
) {
    loop {
        if !lines.is_empty() && sender.send(lines).await.is_err() {
            return;
        }
        tokio::select! {
            () = sender.closed() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        match next(&*engine, last).await {
            Ok(found) => (lines, last) = found,
            Err(_) => return, // the driver is stopping
        }
    }
}

/// The lines of the events after one, and the number of the last of them.
async fn next(engine: &impl Engine, after: u64) -> Result<(Bytes, u64), Misrouted> {
    let events = match ask(engine, Question::Events { after }).await? {
        Answer::Events(events) => events,
        other => unreachable!("not asked for: {other:?}"),
    };
    let last = events.last().map_or(after, |event: &Event| event.sequence);
    let mut lines = Vec::new();
    for event in &events {
        serde_json::to_writer(&mut lines, event).expect("events have string keys");
        lines.push(b'\n');
    }
    Ok((lines.into(), last))
}
