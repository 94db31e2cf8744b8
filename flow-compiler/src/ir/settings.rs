//! What holds on the whole card where documents leave a choice.

use super::Profile;

/// The choices, each by itself; the profile decides those that nobody made.
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each of one row of the specification"
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settings {
    /// Public Standard frontends answer pings.
    pub frontend_ping: bool,
    /// The established TCP flows of a member that the administrator sets down are reset at once
    ///
    pub admin_down_reset: bool,
    /// Two UDP sources of one instance may share a SNAT port toward different destination addresses
    ///
    pub udp_port_share_by_dest_ip: bool,
    /// HA ports forward fragments by their addresses.
    pub ha_forward_fragments: bool,
    /// TCP of no known connection toward a frontend goes on where its hash leads.
    pub adopt_midflow: bool,
    /// How members are held down that come and go.
    pub flap: Flap,
}

/// When a member flaps, and what that costs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flap {
    /// Seconds after coming up within which going down counts as a flap, 0..=3600; 0 = never.
    pub window_seconds: u32,
    /// How often flaps double the answers that the next Up takes, at most 10.
    pub max_doublings: u32,
}

impl Settings {
    /// The settings of a profile.
    pub const fn of(profile: Profile) -> Self {
        Self {
            frontend_ping: matches!(profile, Profile::Current),
            admin_down_reset: false,
            udp_port_share_by_dest_ip: false,
            ha_forward_fragments: false,
            adopt_midflow: false,
            flap: Flap {
                window_seconds: 60,
                max_doublings: 3,
            },
        }
    }
}
