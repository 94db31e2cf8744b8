//! Output: data to stdout, talk to stderr; styles on terminals only.

use std::io::{self, Write};

use serde::Serialize;

use super::exit::{Exit, Failure};

/// Prints data. That nobody wants to read on is no failure.
pub(super) fn data(text: &str) -> Result<(), Failure> {
    let mut stdout = anstream::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            Exit::Trouble,
            format!("standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Prints a document as JSON.
pub(super) fn json(document: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(document).expect("documents have string keys");
    data(&(text + "\n"))
}

/// Prints a document as JSON on one line.
pub(super) fn json_line(document: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(document).expect("documents have string keys");
    data(&(text + "\n"))
}

/// Prints a line at once; false when nobody wants to read on.
pub(super) fn line(text: &str) -> Result<bool, Failure> {
    let mut stdout = anstream::stdout().lock();
    match writeln!(stdout, "{}", text.trim_end()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Failure::new(
            Exit::Trouble,
            format!("standard output: {error}"),
        )),
    }
}

/// Says what is wrong.
pub(super) fn complain(message: &str) -> io::Result<()> {
    let message = message.trim_end();
    if message.starts_with("error") {
        return writeln!(anstream::stderr(), "{message}"); // diagnostics say it themselves
    }
    let bold = anstyle::AnsiColor::Red.on_default().bold();
    writeln!(anstream::stderr(), "{bold}error{bold:#}: {message}")
}
