//! Why a backend is up or down, under the names the service reports (L-MON-07).
//!
//! Three of the service's names are not here because nothing in one load balancer can find them
//! out: `Up_Platform` and `Down_Platform` (the state of the virtual machine),
//! `Down_Probe_NoHealthyBackend` (a global load balancer).

use std::fmt;

/// Why a backend is up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The last probe succeeded.
    UpProbeSuccess,
    /// Every probed member is down and the probe says to use them all then.
    UpProbeAllDownIsUp,
    /// Up, but the last probes failed, too few of them to take it down.
    UpProbeApproachingUnhealthyThreshold,
    /// Set up by its administrator.
    UpAdmin,
    /// Down, but the last probes succeeded, too few of them to bring it up.
    DownProbeApproachingHealthyThreshold,
    /// It answered with another status than 200.
    DownProbeHttpStatusCodeError,
    /// No connection for an HTTP probe.
    DownProbeHttpEndpointUnreachable,
    /// A connection, and no HTTP reply on it.
    DownProbeHttpNoResponse,
    /// No connection for a TCP probe.
    DownProbeTcpProbeTimeout,
    /// Set down by its administrator.
    DownAdmin,
}

impl Reason {
    /// The service's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::UpProbeSuccess => "Up_Probe_Success",
            Self::UpProbeAllDownIsUp => "Up_Probe_AllDownIsUp",
            Self::UpProbeApproachingUnhealthyThreshold => "Up_Probe_ApproachingUnhealthyThreshold",
            Self::UpAdmin => "Up_Admin",
            Self::DownProbeApproachingHealthyThreshold => "Down_Probe_ApproachingHealthyThreshold",
            Self::DownProbeHttpStatusCodeError => "Down_Probe_HttpStatusCodeError",
            Self::DownProbeHttpEndpointUnreachable => "Down_Probe_HttpEndpointUnreachable",
            Self::DownProbeHttpNoResponse => "Down_Probe_HttpNoResponse",
            Self::DownProbeTcpProbeTimeout => "Down_Probe_TcpProbeTimeout",
            Self::DownAdmin => "Down_Admin",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
