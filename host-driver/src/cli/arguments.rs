//! What can be said on the command line.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use flow_compiler::ir::{PLATFORM_V4, PLATFORM_V6};

use crate::control::route::FLOWS_LIMIT;
use crate::daemon::DeviceKind;

/// The Headgate host driver: runs a load balancer on an offload card, and tells what it does.
#[derive(Debug, Parser)]
#[command(name = "host-driver", version)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the driver until SIGTERM, or replay a capture.
    Run(Run),
    #[command(flatten)]
    Ask(Ask),
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  host-driver run --config web.yaml --device shm:/dev/shm/headgate0
  host-driver run --config web.yaml --device sim --replay in.pcap --out out.pcap

The configuration file is watched: a valid change is applied as a whole, an invalid one is refused
and the old one stays in force. RUST_LOG sets what is logged to stderr.

Exit codes: 0 done, 1 the configuration is refused, 2 wrong usage or unreadable input, 3 device or
I/O trouble.")]
pub(super) struct Run {
    /// The configuration file.
    #[arg(long, value_name = "FILE")]
    pub(super) config: PathBuf,
    /// The card: sim (simulated in this process), shm:DIR (of a running hw-sim), or pci:ADDRESS.
    #[arg(long, value_name = "DEVICE")]
    pub(super) device: DeviceKind,
    /// The control socket; without it /run/headgate/driver.sock, or a place of the user's own.
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// Serve metrics for Prometheus at this address over HTTP; anyone who reaches it can read them.
    #[arg(long, value_name = "ADDR:PORT")]
    pub(super) metrics: Option<SocketAddr>,
    /// Let the clock run this many times faster; hw-sim takes the same flag.
    #[arg(long, value_name = "N", default_value = "1")]
    pub(super) time_scale: NonZeroU32,
    /// Where probes over IPv4 come from, if this machine has the address.
    #[arg(long, value_name = "IP", default_value_t = PLATFORM_V4)]
    pub(super) probe_source_v4: Ipv4Addr,
    /// Where probes over IPv6 come from, if this machine has the address.
    #[arg(long, value_name = "IP", default_value_t = PLATFORM_V6)]
    pub(super) probe_source_v6: Ipv6Addr,
    /// How many connections the simulated card holds (--device sim).
    #[arg(long, value_name = "N")]
    pub(super) flows: Option<u32>,
    /// Replay a capture through the simulated card instead of running on (--device sim).
    #[arg(long, value_name = "PCAP")]
    pub(super) replay: Option<PathBuf>,
    /// Write what leaves the card in a replay to this file.
    #[arg(long, value_name = "PCAP", requires = "replay")]
    pub(super) out: Option<PathBuf>,
    /// How the summary of a replay is printed.
    #[arg(long, value_enum, default_value = "text", requires = "replay")]
    pub(super) format: Format,
}

/// Questions to a running driver.
#[derive(Debug, Subcommand)]
pub(super) enum Ask {
    /// Show the whole at a glance.
    Status(Options),
    /// Show what each rule does.
    Rules(Options),
    /// Show health and load of each backend.
    Backends(Options),
    /// List flows.
    Flows {
        /// The most to list.
        #[arg(long, value_name = "N", default_value_t = FLOWS_LIMIT)]
        limit: usize,
        #[command(flatten)]
        options: Options,
    },
    /// Show the SNAT ports of each instance.
    Snat(Options),
    /// Show why packets were dropped or went to the driver.
    Counters(Options),
    /// Show the health of the backends of each probed rule, and why.
    Health(Options),
    /// Show which frontend ports lead to which instances by inbound NAT rules.
    Nat(Options),
    /// Print every metric as Prometheus reads it.
    Metrics {
        /// The driver's control socket.
        #[arg(long, value_name = "PATH")]
        socket: Option<PathBuf>,
    },
    /// Show what happened; with --format json, one document a line.
    Events {
        /// Go on with what happens from now on, until interrupted.
        #[arg(long, short)]
        follow: bool,
        /// Only events after the one with this number.
        #[arg(long, value_name = "N", default_value = "0")]
        after: u64,
        #[command(flatten)]
        options: Options,
    },
    /// Say where a packet would go, and why.
    Explain {
        /// The packet, like 'tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S'.
        #[arg(long)]
        packet: String,
        /// Where it comes in: uplink, or an instance's name.
        #[arg(long, default_value = "uplink")]
        from: String,
        #[command(flatten)]
        options: Options,
    },
    /// Put a configuration in force.
    Apply {
        /// The configuration; standard input without it.
        #[arg(default_value = "-")]
        file: PathBuf,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Clone, Debug, Args)]
pub(super) struct Options {
    /// The driver's control socket.
    #[arg(long, value_name = "PATH")]
    pub(super) socket: Option<PathBuf>,
    /// How to print.
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people.
    Text,
    /// For programs.
    Json,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definitions_are_sound() {
        Arguments::command().debug_assert();
    }
}
