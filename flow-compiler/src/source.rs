//! A configuration text and where it came from.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The longest configuration that is read, in bytes: far beyond any real one.
pub const MAX_LEN: u64 = 64 << 20;

/// A configuration text with the name that diagnostics give it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What diagnostics call the text: usually the path it was read from.
    pub name: String,
    /// The text.
    pub text: String,
}

impl Source {
    /// A text that is already in memory.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            text: text.into(),
        }
    }

    /// Reads a file; `-` is standard input.
    ///
    /// # Errors
    /// When it cannot be read, is not UTF-8, or is longer than [`MAX_LEN`].
    pub fn load(path: &Path) -> io::Result<Self> {
        if path == Path::new("-") {
            return Ok(Self::new("<stdin>", read(io::stdin().lock())?));
        }
        Ok(Self::new(
            path.display().to_string(),
            read(File::open(path)?)?,
        ))
    }

    /// The line of that number, counted from 1, without its line end.
    pub fn line(&self, number: u32) -> &str {
        let index = (number as usize).saturating_sub(1);
        self.text.lines().nth(index).unwrap_or_default()
    }
}

fn read(reader: impl Read) -> io::Result<String> {
    let mut text = String::new();
    let read = reader.take(MAX_LEN + 1).read_to_string(&mut text)?;
    if read as u64 > MAX_LEN {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("longer than {} MiB", MAX_LEN >> 20),
        ));
    }
    // Some editors and shells begin UTF-8 files with a mark.
    if text.starts_with('\u{feff}') {
        text.remove(0);
    }
    Ok(text)
}
