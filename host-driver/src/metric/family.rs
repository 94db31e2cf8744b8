//! Every metric there is.

/// How a metric moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FamilyKind {
    /// Only up, from zero at the start of what it counts.
    Counter,
    /// Up and down.
    Gauge,
}

impl FamilyKind {
    /// The name in the text format.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
        }
    }
}

macro_rules! families {
    ($($variant:ident: $kind:ident, $name:literal, $help:literal;)*) => {
        /// A metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(missing_docs, reason = "each says what it is with `help`")]
        pub enum Family { $($variant,)* }

        impl Family {
            /// Every metric.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// How it moves.
            pub const fn kind(self) -> FamilyKind {
                match self { $(Self::$variant => FamilyKind::$kind,)* }
            }

            /// What it is, in one line.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help,)* }
            }
        }
    };
}

families! {
    FrontendAvailability: Gauge, "headgate_frontend_availability_ratio",
        "VipAvailability: share of the last minute's seconds in which the card would have delivered a synthetic packet of a new flow, as the rule translates it, to a backend that takes new flows. The card traces one per rule and second; nothing of it leaves.";
    ResourceHealth: Gauge, "headgate_resource_health",
        "1 for the health that the load balancer has, 0 for the others: Available (90 % of its rules' synthetic packets over two minutes or more), Degraded, Unavailable (below 25 %), Unknown (nothing for ten minutes). Evaluated every two minutes.";
    BackendUp: Gauge, "headgate_backend_up",
        "DipAvailability: 1 if the probe or the administrator says that the backend is up, else 0. Rules without a probe have none.";
    BackendEligible: Gauge, "headgate_backend_eligible",
        "1 if the backend takes new flows of the rule, else 0.";
    BackendFlows: Gauge, "headgate_backend_flows",
        "Live flows of a rule on a backend.";
    BackendFlowsOpened: Counter, "headgate_backend_flows_opened_total",
        "Flows of a rule that began on a backend.";
    Bytes: Counter, "headgate_bytes_total",
        "ByteCount: IP total lengths of packets of known flows; direction is the packet's, inbound = toward the backend. Up to 30 s old. Not counted: packets forwarded without flow entry and learn record (replies that overtake the entries, lost learn records, no driver).";
    Packets: Counter, "headgate_packets_total",
        "PacketCount: packets of known flows, with the scope and delay of headgate_bytes_total.";
    Syns: Counter, "headgate_syns_total",
        "SYNCount: TCP SYN segments that clients sent to a rule with a backend (inbound) or that an instance sent through a SNAT port (outbound), retransmissions included. Counted as the card tells of them; those whose records were lost are not counted.";
    UnreadFlows: Counter, "headgate_unread_flows_total",
        "Flows that ended, and whose flow id was used again before their last packets and bytes were read.";
    SnatConnections: Counter, "headgate_snat_connections_total",
        "SnatConnectionCount: outbound flows that got a SNAT port (successful) or found none (failed; no frontend, since none was chosen). Any failed is port exhaustion.";
    SnatConnectionsPending: Gauge, "headgate_snat_connections_pending",
        "SnatConnectionCount, Pending: outbound packets that wait in the punt ring for a SNAT port.";
    SnatPortsAllocated: Gauge, "headgate_snat_ports_allocated",
        "AllocatedSnatPorts: SNAT ports that an instance owns on a public address.";
    SnatPortsUsed: Gauge, "headgate_snat_ports_used",
        "UsedSnatPorts: of these, ports with at least one flow.";
    SnatFlows: Gauge, "headgate_snat_flows",
        "Live outbound flows of an instance on a public address; TCP flows to different destinations share ports.";

    Flows: Gauge, "headgate_flows",
        "Live flows by kind and state.";
    FlowsCapacity: Gauge, "headgate_flows_capacity",
        "Flows that the card can hold.";
    FlowsHighWater: Gauge, "headgate_flows_high_water",
        "The most live flows at once since the driver started.";
    FlowsInstalled: Counter, "headgate_flows_installed_total",
        "Flows installed.";

    CardUp: Gauge, "headgate_card_up",
        "1 if the card forwards: present, ready, enabled, its clock runs and its engine lives; else 0.";
    CardDriverless: Gauge, "headgate_card_driverless",
        "1 if the card misses the driver's heartbeat, else 0.";
    CardError: Gauge, "headgate_card_error",
        "Code of the last error that the card latched since the driver started; 0 if none.";
    HeartbeatAge: Gauge, "headgate_heartbeat_age_seconds",
        "Time since the driver last wrote its heartbeat to the card.";
    ReceivedPackets: Counter, "headgate_card_received_packets_total",
        "Frames that the card received on all ports.";
    SentPackets: Counter, "headgate_card_sent_packets_total",
        "Frames that the card sent on all ports.";
    HeldPackets: Counter, "headgate_card_held_packets_total",
        "Packets that the card handed to the driver and took out of its pipeline.";
    ReprocessedPackets: Counter, "headgate_card_reprocessed_packets_total",
        "Held packets that the driver gave back to the card.";
    InjectedPackets: Counter, "headgate_card_injected_packets_total",
        "Packets that the driver made and the card sent.";
    DroppedPackets: Counter, "headgate_dropped_packets_total",
        "Packets that ended, by reason; driver_refused are held packets that the driver gave up, all others the card dropped.";
    Punts: Counter, "headgate_punts_total",
        "Records that the card wrote to the punt ring, by reason.";
    PuntsLost: Counter, "headgate_punts_lost_total",
        "Records that found the punt ring full, by reason. Each learn record lost is a new flow that the driver does not know yet.";
    PuntsHandled: Counter, "headgate_punts_handled_total",
        "Records that the driver handled, by reason.";
    Refusals: Counter, "headgate_refusals_total",
        "Punts that the driver did not do, by cause.";

    TableEntries: Gauge, "headgate_table_entries",
        "Entries in a table of the card, those in its stash included.";
    TableCapacity: Gauge, "headgate_table_capacity_entries",
        "Slots of a table, its stash not included.";
    TableHighWater: Gauge, "headgate_table_entries_high_water",
        "The most entries at once since the driver started.";
    TableStash: Gauge, "headgate_table_stash_entries",
        "Entries in a table's stash.";
    TableStashCapacity: Gauge, "headgate_table_stash_capacity_entries",
        "Slots of a table's stash.";
    TableDisplacements: Counter, "headgate_table_displacements_total",
        "Entries moved to make room.";
    TableFailures: Counter, "headgate_table_insert_failures_total",
        "Entries refused because the table was full.";
    TableAudits: Counter, "headgate_table_audited_entries_total",
        "Entries that were read back from the card.";
    TableDrifts: Counter, "headgate_table_drifted_entries_total",
        "Entries read back that were not what the driver wrote.";

    RingSlots: Gauge, "headgate_ring_slots",
        "Slots of a ring.";
    RingUsedSlots: Gauge, "headgate_ring_used_slots",
        "Slots of a ring that wait for their reader now.";
    RingErrors: Counter, "headgate_ring_errors_total",
        "Punt ring: records that were not sound. Inject ring: frames that found no room.";
    BarReads: Counter, "headgate_bar_reads_total",
        "Loads from a BAR by this driver.";
    BarWrites: Counter, "headgate_bar_writes_total",
        "Stores to a BAR by this driver.";
    BarBytes: Counter, "headgate_bar_written_bytes_total",
        "Bytes stored to a BAR by this driver.";

    ConfigurationsApplied: Counter, "headgate_configurations_applied_total",
        "Configurations put in force; the number of the one in force.";
    ConfigurationsRefused: Counter, "headgate_configurations_refused_total",
        "Configurations refused.";
    ConfigurationCurrent: Gauge, "headgate_configuration_current",
        "1 if the last configuration offered is in force, 0 if it was refused.";
    Rules: Gauge, "headgate_rules",
        "Load-balancing and inbound NAT rules in force.";
    Events: Counter, "headgate_events_total",
        "Events told, by kind.";
    DriverInfo: Gauge, "headgate_driver_info",
        "1, with the driver's version and device as labels.";
    DriverUptime: Gauge, "headgate_driver_uptime_seconds",
        "Time since the driver started.";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for family in Family::ALL {
            let name = family.name();
            assert!(name.starts_with("headgate_"), "{name}");
            assert_eq!(
                name.ends_with("_total"),
                family.kind() == FamilyKind::Counter,
                "{name}"
            );
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
            assert!(name.chars().all(is_plain), "{name}");
            assert!(!family.help().contains(['\n', '\\']), "{name}");
            let same = Family::ALL.iter().filter(|other| other.name() == name);
            assert_eq!(same.count(), 1, "{name}");
        }
    }
}
