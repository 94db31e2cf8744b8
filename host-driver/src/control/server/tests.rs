use std::sync::mpsc;

use super::*;
use crate::control::client::{ClientError, ask, lines};
use crate::control::view::{Applied, Event, Rule, Status};
use crate::engine::Metrics;

/// A server before an engine of fixed answers, for as long as `client` runs.
fn with_server(client: impl AsyncFnOnce(&std::path::Path)) {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = ControlSocket::bind(&dir.path().join("s")).expect("binds");
    let (asks, questions) = mpsc::channel::<Ask>();
    let engine = std::thread::spawn(move || {
        for ask in questions {
            let answer = answer_to(&ask.question);
            let _ = ask.reply.send(answer);
        }
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        tokio::select! {
            served = serve(&socket, move |ask| asks.send(ask).is_ok()) => served.expect("serves"),
            () = client(socket.path()) => {}
        }
    });
    engine.join().expect("the engine ends with the server");
}

fn answer_to(question: &Question) -> Answer {
    match question {
        Question::Status => Answer::Status(Box::new(Status {
            device: "sim".into(),
            ..Status::default()
        })),
        Question::Rules => Answer::Rules(vec![Rule {
            name: "web/http".into(),
            ..Rule::default()
        }]),
        Question::Explain { packet, from } => Answer::Senseless(Senseless {
            error: format!("{packet} from {from}: what?"),
        }),
        Question::Apply { name, text } => Answer::Applied(Applied {
            accepted: text == "good: ü",
            diagnostics: vec![format!("{name}: {} bytes", text.len())],
            ..Applied::default()
        }),
        Question::Metrics => Answer::Metrics(Box::new(Metrics::of_text("headgate_rules 1\n"))),
        Question::Events { after } => Answer::Events(some_events(*after)),
        other => panic!("not asked here: {other:?}"),
    }
}

/// Two events at once, then one more each time.
fn some_events(after: u64) -> Vec<Event> {
    let event = |sequence| Event {
        sequence,
        message: "two\nlines".into(),
        ..Event::default()
    };
    (after + 1..=(after + 1).max(2)).map(event).collect()
}

fn apply(text: &str) -> Question {
    Question::Apply {
        name: "a dir/ü.yaml".into(),
        text: text.into(),
    }
}

#[test]
fn questions_and_answers_make_the_round() {
    with_server(async |socket| {
        let status = ask(socket, &Question::Status).await.expect("answers");
        assert_eq!(status.document["device"], "sim");
        let rules = ask(socket, &Question::Rules).await.expect("answers");
        assert_eq!(rules.document[0]["name"], "web/http");
        let accepted = ask(socket, &apply("good: ü")).await.expect("answers");
        assert!(accepted.accepted);
        assert_eq!(accepted.document["diagnostics"][0], "a dir/ü.yaml: 8 bytes");
        assert!(!ask(socket, &apply("bad")).await.expect("answers").accepted);
        let question = Question::Explain {
            packet: "tcp a > b & c=d".into(),
            from: "web 1".into(),
        };
        match ask(socket, &question).await {
            Err(ClientError::Senseless(error)) => {
                assert_eq!(error, "tcp a > b & c=d from web 1: what?");
            }
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn metrics_are_text_and_events_are_lines() {
    with_server(async |socket| {
        let metrics = ask(socket, &Question::Metrics).await.expect("answers");
        let text = metrics.document.as_str().expect("text");
        assert!(text.ends_with("\nheadgate_rules 1\n"), "{text}");
        let events = ask(socket, &Question::Events { after: 0 }).await;
        let events = events.expect("answers").document;
        assert_eq!(events.as_array().map(Vec::len), Some(2));
        assert_eq!(events[1]["sequence"], 2);
        let wrong = lines(socket, "/v1/events?after=x", |_| true).await;
        assert!(matches!(wrong, Err(ClientError::Senseless(_))), "{wrong:?}");
    });
}

#[test]
fn a_follower_gets_events_as_they_come_until_it_leaves() {
    with_server(async |socket| {
        let mut seen = Vec::new();
        let followed = lines(socket, "/v1/events?follow=true", |line| {
            let event: Event = serde_json::from_str(line).expect("one document a line");
            seen.push(event.sequence);
            seen.len() < 4
        });
        followed.await.expect("follows");
        assert_eq!(seen, [1, 2, 3, 4]);
        ask(socket, &Question::Status).await.expect("still answers");
    });
}

#[test]
fn a_configuration_that_is_too_long_is_refused() {
    with_server(async |socket| {
        let question = apply(&"x".repeat(BODY_LIMIT + 1));
        match ask(socket, &question).await {
            Err(ClientError::Senseless(error)) => assert!(error.contains("16 MiB"), "{error}"),
            other => panic!("{other:?}"),
        }
        ask(socket, &Question::Status).await.expect("still answers");
    });
}

#[test]
fn an_engine_that_is_gone_is_no_answer() {
    let dir = tempfile::tempdir().expect("a directory");
    let socket = ControlSocket::bind(&dir.path().join("s")).expect("binds");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(async {
        let client = async {
            match ask(socket.path(), &Question::Status).await {
                Err(ClientError::Trouble(error)) => assert!(error.contains("stopping"), "{error}"),
                other => panic!("{other:?}"),
            }
        };
        tokio::select! {
            served = serve(&socket, |_| false) => served.expect("serves"),
            () = client => {}
        }
    });
    let path = socket.path().to_owned();
    drop(socket);
    let error = crate::control::client::ask_blocking(&path, &Question::Status);
    let error = error.expect_err("no driver").to_string();
    assert!(error.contains(path.to_str().expect("text")), "{error}");
    assert!(error.contains("host-driver run"), "{error}");
}
