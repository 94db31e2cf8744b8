//! Writing: a closed pipe is the reader's decision, not an error.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

use serde_json::Value;

use super::Failure;

/// Something that writes data piece by piece.
pub(super) trait Writer: FnOnce(&mut dyn io::Write) -> io::Result<()> {}

impl<F: FnOnce(&mut dyn io::Write) -> io::Result<()>> Writer for F {}

/// Prints data.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    print_with(|out| out.write_all(text.as_bytes()))
}

/// Prints data piece by piece.
pub(super) fn print_with(write: impl Writer) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = write(&mut out).and_then(|()| out.flush());
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

/// Writes a file whole, or not at all; a pipe or device as it comes.
pub(super) fn write_file(path: &Path, write: impl Writer) -> Result<(), Failure> {
    let failed = |e: io::Error| Failure::Output(format!("cannot write {}: {e}", path.display()));
    if std::fs::metadata(path).is_ok_and(|m| !m.is_file()) {
        return unless_closed(fill(path, write)).map_err(failed);
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = fill(&part, write).and_then(|()| std::fs::rename(&part, path));
    written.map_err(|error| {
        let _ = std::fs::remove_file(&part);
        failed(error)
    })
}

fn fill(path: &Path, write: impl Writer) -> io::Result<()> {
    let mut out = io::BufWriter::new(File::create(path)?);
    write(&mut out)?;
    out.flush()
}

fn unless_closed(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
