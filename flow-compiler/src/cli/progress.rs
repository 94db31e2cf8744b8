//! A progress bar for tables that take a while to write: on a terminal only.

use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Entries below which nobody waits.
const SHORT: u64 = 500_000;

/// A writer that shows how many of the entries have been written, one on a line.
pub(super) struct Shown<W> {
    inner: W,
    bar: ProgressBar,
}

impl<W: Write> Shown<W> {
    pub(super) fn new(inner: W, entries: u64) -> Self {
        let target = match entries {
            0..SHORT => ProgressDrawTarget::hidden(),
            _ => ProgressDrawTarget::stderr(), // draws on a terminal only
        };
        let bar = ProgressBar::with_draw_target(Some(entries), target);
        let style = "writing {wide_bar} {human_pos} of {human_len} entries, {eta} left";
        let style = ProgressStyle::with_template(style).expect("a valid template");
        Self {
            inner,
            bar: bar.with_style(style),
        }
    }
}

impl<W: Write> Write for Shown<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        let lines = bytes[..written].split(|byte| *byte == b'\n').count() - 1;
        if lines > 0 {
            self.bar.inc(lines as u64);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<W> Drop for Shown<W> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
