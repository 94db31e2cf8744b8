//! Writing: a closed pipe is the reader's decision, not an error.

use std::io::{self, Write as _};
use std::path::Path;

use serde_json::Value;

use super::Failure;

/// Prints data.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    unless_closed(written).map_err(|e| Failure::Output(format!("standard output: {e}")))
}

/// Prints data for programs.
pub(super) fn print_json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Talks to whoever sits at the terminal. Nobody may listen.
pub(super) fn say(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Writes a file whole, or not at all.
pub(super) fn write_file(path: &Path, text: &str) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::Output(format!("cannot write {}: {e}", path.display()));
    let is_special = std::fs::metadata(path).is_ok_and(|m| !m.is_file());
    if is_special {
        return unless_closed(std::fs::write(path, text)).map_err(failed);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        failed(error)
    })
}

fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
