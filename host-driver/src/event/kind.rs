//! What can happen.

/// How soon somebody should look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Service is worse, or will be.
    Warning,
    /// New flows fail.
    Critical,
}

impl Severity {
    /// The name in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident: $severity:ident $(| $other:ident)*, $quiet:expr;)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $($(#[$doc])* $variant,)* }

        impl Kind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in listings and metrics.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant),)* }
            }

            /// How soon somebody should look, if the event does not say it itself.
            pub const fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)* }
            }

            /// Every severity that it can have.
            pub const fn severities(self) -> &'static [Severity] {
                match self {
                    $(Self::$variant => &[Severity::$severity $(, Severity::$other)*],)*
                }
            }

            /// Milliseconds for which the same is not said again of the same subject.
            pub const fn quiet(self) -> u64 {
                match self { $(Self::$variant => $quiet,)* }
            }
        }
    };
}

kinds! {
    /// A rule's data path availability is below 90 % over the last minute (L-MON-08).
    DataPathAvailabilityWarning: Warning, 5 * MINUTE;
    /// It is below 25 % (L-MON-08).
    DataPathAvailabilityCritical: Critical, 5 * MINUTE;
    /// No backend of a rule takes new flows (L-MON-08).
    NoHealthyBackends: Critical, 60 * MINUTE;
    /// More than 75 % of an instance's ports on a public address are in use (L-MON-08).
    HighSnatPortUsage: Warning, 5 * MINUTE;
    /// A flow found no SNAT port (SNAT-26, L-MON-08).
    SnatPortExhaustion: Critical, 5 * MINUTE;
    /// An instance is in more than 300 rules (L-MON-08).
    ApproachingMaxRulesPerNicLimit: Warning, 24 * HOUR;
    /// A probe found a backend up, or down (a warning).
    HealthChanged: Info | Warning, 0;
    /// The health of a load balancer is another (L-MON-06).
    ResourceHealthChanged: Info | Warning | Critical, 0;
    /// A configuration is in force.
    ConfigurationApplied: Info, 0;
    /// A configuration was refused; the one before stays in force.
    ConfigurationRefused: Warning, 0;
    /// The driver runs.
    DriverStarted: Info, 0;
    /// The card's registers read all ones; the driver writes to it no more.
    CardGone: Critical, 0;
    /// The forwarding engine behind the BARs died, or the card is disabled or was reset by others.
    CardNotForwarding: Critical, 5 * MINUTE;
    /// The card missed the driver's heartbeat: new flows go by hash alone, outbound ones fail.
    CardDriverless: Warning, 5 * MINUTE;
    /// The card latched an error in what the driver wrote.
    CardError: Warning, 5 * MINUTE;
    /// A table of the card does not hold what the driver wrote.
    TableDrift: Critical, 5 * MINUTE;
    /// The punt ring was full: what the card had to say was lost.
    PuntsLost: Warning, 5 * MINUTE;
    /// New flows find no room on the card.
    FlowTableFull: Critical, 5 * MINUTE;
}
