//! Why a packet was dropped or handed to the driver: closed sets whose number is the index of the
//! counter register, on the card, in P4, in metrics and in every message.

macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($(#[$rdoc:meta])* $variant:ident = $number:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$rdoc])* $variant = $number,)* }

        impl $name {
            /// Every reason, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The name in metrics, P4 and messages.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            /// The reason of that number.
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(self.name())
            }
        }

        const _: () = {
            let mut i = 0;
            while i < $name::ALL.len() {
                assert!($name::ALL[i] as usize == i, "reasons are numbered without gaps");
                i += 1;
            }
        };
    };
}

reasons! {
    /// Why the card dropped a packet.
    DropReason {
        /// The ingress port is off or not in the `port` table.
        PortOff = 0, "port_off";
        /// The frame ends before the headers it announces.
        Truncated = 1, "truncated";
        /// The frame is longer than the card takes.
        Oversized = 2, "oversized";
        /// The 802.1Q tag is not the port's, or a tag is missing.
        VlanMismatch = 3, "vlan_mismatch";
        /// Neither IPv4, IPv6 nor ARP.
        UnsupportedEthertype = 4, "unsupported_ethertype";
        /// The IP version field contradicts the `EtherType`.
        BadVersion = 5, "bad_version";
        /// IPv4 header length, TCP data offset or UDP length is impossible.
        BadHeaderLength = 6, "bad_header_length";
        /// The IP length is below its header or beyond the frame.
        BadTotalLength = 7, "bad_total_length";
        /// The IPv4 header checksum is wrong.
        BadChecksum = 8, "bad_checksum";
        /// An IP fragment (spec A-17, L-FRAG-01, L-OUT-20).
        Fragment = 9, "fragment";
        /// A transport protocol that is neither balanced nor translated (PROT-01, PROT-02).
        UnsupportedProtocol = 10, "unsupported_protocol";
        /// A vport sent from an address that is not its instance's.
        SpoofedSource = 11, "spoofed_source";
        /// No frontend, public address or SNAT block owns the destination (GEN-01: silence).
        NoFrontend = 12, "no_frontend";
        /// The rule has no backend that may take a new flow (FWD-05: silence).
        NoBackend = 13, "no_backend";
        /// The instance has no way out for this protocol (L-OUT-05).
        NoOutbound = 14, "no_outbound";
        /// A packet that needs the driver came while its heartbeat is stale.
        Driverless = 15, "driverless";
        /// A packet that needs the driver found the punt ring full.
        PuntRingFull = 16, "punt_ring_full";
        /// The egress port is off or does not exist.
        EgressOff = 17, "egress_off";
        /// A packet that the driver handed back missed again.
        ReprocessMiss = 18, "reprocess_miss";
        /// A packet came through the pipeline more often than any valid configuration needs.
        RecirculationLimit = 19, "recirculation_limit";
        /// A table entry names a rule, backend or instance that is not valid.
        BrokenReference = 20, "broken_reference";
        /// Ethernet source is a group address, or the frame is not for this card.
        NotForUs = 21, "not_for_us";
        /// The driver gave a held packet up (no flow, no SNAT port, a late packet); it counts these.
        DriverRefused = 22, "driver_refused";
    }
}

reasons! {
    /// Why the card handed a packet, or its headers, to the driver.
    PuntReason {
        /// A new flow was forwarded by a rule; the record names the backend. Headers only.
        Learn = 0, "learn";
        /// TCP without a flow entry and not a SYN. The packet is held by the record.
        Midflow = 1, "midflow";
        /// A new outbound flow that needs a SNAT port. The packet is held by the record.
        SnatMiss = 2, "snat_miss";
        /// FIN, RST or a new SYN of a known flow; the packet itself was forwarded. Headers only.
        Teardown = 3, "teardown";
        /// ARP or neighbour discovery. The packet is held by the record.
        Neighbor = 4, "neighbor";
        /// An ICMP error about a translated packet. The packet is held by the record.
        IcmpError = 5, "icmp_error";
        /// An echo request to a frontend (spec A-13). The packet is held by the record.
        Echo = 6, "echo";
        /// What would become of a frame that the driver had traced ([`crate::trace`]): a synthetic
        /// packet, or one that is explained. Its headers, if it would leave.
        Trace = 7, "trace";
        /// A new flow was steered to a member of a rule that is its sender's next hop; the record
        /// names the backend. Headers only.
        Steer = 8, "steer";
    }
}

impl PuntReason {
    /// Whether the record only tells of a packet; with any other the driver holds it.
    pub const fn is_copy(self) -> bool {
        matches!(
            self,
            Self::Learn | Self::Teardown | Self::Trace | Self::Steer
        )
    }
}
