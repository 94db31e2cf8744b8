//! Commands that ask a running driver.

use flow_compiler::source::Source;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::arguments::{Ask, Format, Options};
use super::exit::{Exit, Failure};
use super::print;
use crate::control::Question;
use crate::control::client::{ClientError, ask_blocking, lines_blocking};
use crate::control::socket::find_default;
use crate::control::text;

/// Asks, and prints the answer.
pub(super) fn ask(command: Ask) -> Result<Exit, Failure> {
    let (question, options) = match command {
        Ask::Events {
            follow: true,
            after,
            options,
        } => return follow(after, options),
        other => question(other)?,
    };
    let socket = options.socket.unwrap_or_else(find_default);
    let reply = ask_blocking(&socket, &question).map_err(failure)?;
    match options.format {
        Format::Json => match &reply.document {
            Value::Array(lines) if matches!(question, Question::Events { .. }) => {
                lines.iter().try_for_each(print::json_line)?;
            }
            document => print::json(document)?,
        },
        Format::Text => print::data(&render(&question, reply.document)?)?,
    }
    Ok(if reply.accepted { Exit::Done } else { Exit::No })
}

/// Prints events as they come.
fn follow(after: u64, options: Options) -> Result<Exit, Failure> {
    let socket = options.socket.unwrap_or_else(find_default);
    let path = format!("/v1/events?follow=true&after={after}");
    let mut outcome = Ok(true);
    let ended = lines_blocking(&socket, &path, |line| {
        outcome = match options.format {
            Format::Json => print::line(line),
            Format::Text => serde_json::from_str(line)
                .map_err(|error| Failure::new(Exit::Trouble, error))
                .and_then(|event| print::line(&text::event(&event))),
        };
        matches!(outcome, Ok(true))
    });
    if outcome? {
        ended.map_err(failure)?;
    }
    Ok(Exit::Done)
}

fn question(command: Ask) -> Result<(Question, Options), Failure> {
    Ok(match command {
        Ask::Status(options) => (Question::Status, options),
        Ask::Rules(options) => (Question::Rules, options),
        Ask::Backends(options) => (Question::Backends, options),
        Ask::Flows { limit, options } => (Question::Flows { limit }, options),
        Ask::Snat(options) => (Question::Snat, options),
        Ask::Counters(options) => (Question::Counters, options),
        Ask::Health(options) => (Question::Health, options),
        Ask::Nat(options) => (Question::Nat, options),
        Ask::Metrics { socket } => {
            let format = Format::Text;
            (Question::Metrics, Options { socket, format })
        }
        Ask::Events { after, options, .. } => (Question::Events { after }, options),
        Ask::Explain {
            packet,
            from,
            options,
        } => (Question::Explain { packet, from }, options),
        Ask::Apply { file, options } => {
            let source = Source::load(&file).map_err(|error| {
                Failure::new(Exit::Usage, format!("{}: {error}", file.display()))
            })?;
            (
                Question::Apply {
                    name: source.name,
                    text: source.text,
                },
                options,
            )
        }
    })
}

fn failure(error: ClientError) -> Failure {
    let exit = match error {
        ClientError::Senseless(_) => Exit::Usage,
        _ => Exit::Trouble,
    };
    Failure::new(exit, error)
}

fn render(question: &Question, document: Value) -> Result<String, Failure> {
    Ok(match question {
        Question::Status => text::status(&read(document)?),
        Question::Rules => text::rules(&read::<Vec<_>>(document)?),
        Question::Backends => text::backends(&read::<Vec<_>>(document)?),
        Question::Flows { .. } => text::flows(&read(document)?),
        Question::Snat => text::snat(&read::<Vec<_>>(document)?),
        Question::Counters => text::counters(&read(document)?),
        Question::Health => text::health(&read(document)?),
        Question::Nat => text::nat(&read::<Vec<_>>(document)?),
        Question::Events { .. } => text::events(&read::<Vec<_>>(document)?),
        Question::Metrics => read(document)?,
        Question::Explain { .. } => text::explanation(&read(document)?),
        Question::Apply { name, .. } => text::applied(name, &read(document)?),
    })
}

fn read<T: DeserializeOwned>(document: Value) -> Result<T, Failure> {
    serde_json::from_value(document).map_err(|error| {
        let message = format!(
            "the driver's answer is not what this command knows ({error}); use the command of the \
             driver's version, or --format json"
        );
        Failure::new(Exit::Trouble, message)
    })
}
