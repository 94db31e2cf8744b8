//! A progress bar: on a terminal, for a replay that is long enough to wonder about.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Packets below which nobody waits.
const SHORT: u64 = 50_000;
/// Packets between two looks at the clock.
const STRIDE: u64 = 1_024;

/// The bar of a replay of so many packets.
#[derive(Debug)]
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(packets: u64) -> Self {
        let target = match packets {
            0..SHORT => ProgressDrawTarget::hidden(),
            _ => ProgressDrawTarget::stderr(), // draws on a terminal only
        };
        let bar = ProgressBar::with_draw_target(Some(packets), target);
        let style = "replaying {wide_bar} {human_pos} of {human_len} packets, {eta} left";
        Self(bar.with_style(ProgressStyle::with_template(style).expect("a valid template")))
    }

    /// That many packets are done.
    pub(super) fn at(&self, packets: u64) {
        if packets.is_multiple_of(STRIDE) {
            self.0.set_position(packets);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
