//! The section `settings`: what holds on the whole card where documents leave a choice (spec Part 4).

use super::fields::{Fields, Section};
use crate::diagnostic::Spanned;

/// The settings as they were written.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) frontend_idle_precedence: Option<Spanned<bool>>,
    pub(crate) admin_down_reset: Option<Spanned<bool>>,
    pub(crate) frontend_ping: Option<Spanned<bool>>,
    pub(crate) udp_port_share_by_dest_ip: Option<Spanned<bool>>,
    pub(crate) flap_window: Option<Spanned<u32>>,
    pub(crate) flap_max_doublings: Option<Spanned<u32>>,
    pub(crate) adopt_midflow: Option<Spanned<bool>>,
    pub(crate) ha_forward_fragments: Option<Spanned<bool>>,
}

impl Section for Settings {
    const WHAT: &'static str = "the settings";

    fn read(fields: &mut Fields<'_>) -> Self {
        Self {
            frontend_idle_precedence: fields.flag("frontendIdlePrecedence"),
            admin_down_reset: fields.flag("adminDownReset"),
            frontend_ping: fields.flag("frontendPing"),
            udp_port_share_by_dest_ip: fields.flag("udpPortShareByDestIp"),
            flap_window: fields.number("flapWindowInSeconds", 0..=3600),
            flap_max_doublings: fields.number("flapMaxDoublings", 0..=10),
            adopt_midflow: fields.flag("adoptMidflow"),
            ha_forward_fragments: fields.flag("haForwardFragments"),
        }
    }
}
