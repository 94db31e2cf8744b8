//! The section `settings`: what is written, and what the profile says of the rest.

use crate::config;
use crate::diagnostic::Spanned;
use crate::ir::{Flap, Profile, Settings};

/// The settings in force.
pub(super) fn resolve(written: &config::Settings, profile: Profile) -> Settings {
    let silent = Settings::of(profile);
    let flag = |written: Option<Spanned<bool>>, silent| written.map_or(silent, |flag| flag.value);
    let number =
        |written: Option<Spanned<u32>>, silent| written.map_or(silent, |number| number.value);
    Settings {
        frontend_ping: flag(written.frontend_ping, silent.frontend_ping),
        admin_down_reset: flag(written.admin_down_reset, silent.admin_down_reset),
        udp_port_share_by_dest_ip: flag(
            written.udp_port_share_by_dest_ip,
            silent.udp_port_share_by_dest_ip,
        ),
        ha_forward_fragments: flag(written.ha_forward_fragments, silent.ha_forward_fragments),
        adopt_midflow: flag(written.adopt_midflow, silent.adopt_midflow),
        flap: Flap {
            window_seconds: number(written.flap_window, silent.flap.window_seconds),
            max_doublings: number(written.flap_max_doublings, silent.flap.max_doublings),
        },
    }
}
