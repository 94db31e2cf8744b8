//! What the sections and fields of a configuration mean, and what holds where a field is absent.
//!
//! Only meanings: names, kinds, ranges and words come from the readers. IDs such as `L-PRB-22` name
//! rules of Azure's behaviour that the field obeys.

/// What a mapping means.
pub(super) struct SectionText {
    /// Where it stands.
    pub(super) path: &'static str,
    pub(super) meaning: &'static str,
    pub(super) fields: &'static [FieldText],
}

/// What a field means.
pub(super) struct FieldText {
    pub(super) name: &'static str,
    pub(super) meaning: &'static str,
    /// The value that an absent field stands for, as JSON.
    pub(super) default: Option<&'static str>,
}

/// The text of the section at a path.
pub(super) fn section(path: &str) -> &'static SectionText {
    const NONE: SectionText = SectionText {
        path: "",
        meaning: "",
        fields: &[],
    };
    let found = SECTIONS.iter().find(|section| section.path == path);
    found.unwrap_or(&NONE)
}

impl SectionText {
    /// The text of a field.
    pub(super) fn field(&self, name: &str) -> &'static FieldText {
        const NONE: FieldText = text("", "");
        let found = self.fields.iter().find(|field| field.name == name);
        found.unwrap_or(&NONE)
    }
}

const fn text(name: &'static str, meaning: &'static str) -> FieldText {
    FieldText {
        name,
        meaning,
        default: None,
    }
}

const fn with(name: &'static str, default: &'static str, meaning: &'static str) -> FieldText {
    FieldText {
        name,
        meaning,
        default: Some(default),
    }
}

const NAME: FieldText = text(
    "name",
    "What messages call it and other fields refer to; unique among its kind.",
);
const RESET: FieldText = with(
    "enableTcpReset",
    "false",
    "Whether both ends of a TCP flow that idled out are told by a reset (RST-02). Standard only.",
);
const ALLOW_INBOUND: FieldText = text(
    "allowInbound",
    "Whether new flows may come in by the rule. It has an effect with `secureByDefault` alone, and there on public \
     Standard load balancers: what says nothing is closed (SKU-08).",
);
const FLOATING: FieldText = with(
    "enableFloatingIP",
    "false",
    "Whether backends get packets with the frontend's address as destination, not their own (L-FIP-03). \
     The guest has to have that address on a loopback interface.",
);

/// Every section, in the order of the page.
pub(super) const SECTIONS: &[SectionText] = &[
    SectionText {
        path: "",
        meaning: "A file holds one YAML or JSON document. Names of fields are those of the public ARM schema \
             where it has them.",
        fields: &[
            text("headgate", "The version of this format."),
            with(
                "profile",
                "\"seed\"",
                "Which generation of Azure's documents holds where they differ: `seed` the older, `current` \
                 the newest. `current` allows longer idle timeouts and larger pools and answers pings \
                 (A-01, A-13, A-24). `settings` choose one by one.",
            ),
            with(
                "secureByDefault",
                "false",
                "Whether public Standard load balancers are closed (SKU-08): new flows come in by the rules that say \
                 `allowInbound: true`, and by no others. SNAT, probes, internal and Basic load balancers are as \
                 always, and so are flows that exist.",
            ),
            text(
                "uplink",
                "The card's link to the physical network. Without it, everything goes from \
                 02:00:5e:00:00:01 to 02:00:5e:00:00:fe, untagged.",
            ),
            text(
                "settings",
                "What holds on the whole card where Azure's documents contradict each other. Takes effect with the \
                 configuration, without a restart.",
            ),
            text("instances", "The virtual machines of this host."),
            text("loadBalancers", "The load balancers."),
        ],
    },
    SectionText {
        path: "settings",
        meaning: "What holds on the whole card where Azure's documents contradict each other.",
        fields: &[
            with(
                "frontendIdlePrecedence",
                "false",
                "Whether the idle timeout of a frontend beats those of the load-balancing and inbound NAT rules that \
                 listen on it (L-IDLE-03, A-04). Flows keep the timeout they began with.",
            ),
            with(
                "adminDownReset",
                "false",
                "Whether the established TCP flows of a member whose `adminState` is Down are reset at both ends at \
                 once, whatever `drainPeriodInSeconds` says; else they go on until they end (A-11). UDP flows move in \
                 either case.",
            ),
            text(
                "frontendPing",
                "Whether public Standard frontends answer pings (A-13). Absent: the profile decides, `seed` no, \
                 `current` yes.",
            ),
            with(
                "udpPortShareByDestIp",
                "false",
                "Whether UDP sources of one instance may share a SNAT port toward different destination addresses, \
                 never toward the same one (A-16). A source then has a port for each destination address instead of \
                 one for all. Taking the sharing back ends UDP flows that need another port then.",
            ),
            with(
                "flapWindowInSeconds",
                "60",
                "A member that goes down within so many seconds after it came up flaps: the good answers that its next \
                 coming up takes double. Each such time that it stays up takes one doubling off. 0 turns that off \
                 (A-32, L-PRB-09).",
            ),
            with(
                "flapMaxDoublings",
                "3",
                "How often they double at most; 0 turns that off (A-32).",
            ),
            with(
                "adoptMidflow",
                "false",
                "Whether TCP of no known connection toward a frontend, other than SYN, goes on to the member that its \
                 hash selects, so that connections outlive a restart of the driver (A-33). Else it is dropped. Late \
                 packets of a flow that was reset on idle are answered by a reset in either case.",
            ),
            with(
                "haForwardFragments",
                "false",
                "Whether HA-ports rules forward IP fragments, which are dropped otherwise (A-17, L-HA-10). Only the \
                 first fragment of a datagram has ports, so all of them go by source and destination address \
                 alone, without a flow: when the pool changes, they go where the changed pool says. What a member \
                 of such a rule sends to instances in fragments comes from the frontend's address, whatever it answers.",
            ),
        ],
    },
    SectionText {
        path: "uplink",
        meaning: "The card's link to the physical network. A family without a next hop has no way out of the card.",
        fields: &[
            with(
                "mac",
                "\"02:00:5e:00:00:01\"",
                "The card's own Ethernet address, also the gateway's on every vport.",
            ),
            text(
                "address",
                "The card's own IPv4 address, which ARP asks from. Without `/` and a length, the address alone.",
            ),
            text(
                "addressV6",
                "The card's own IPv6 address, which neighbour discovery asks from.",
            ),
            text(
                "nextHop",
                "The IPv4 router that packets for elsewhere go to. Has to be in the prefix of `address`.",
            ),
            text(
                "nextHopV6",
                "The IPv6 router; in the prefix of `addressV6`, or a link-local address.",
            ),
            text(
                "nextHopMac",
                "The router's Ethernet address, for both families. Without it the driver asks by ARP and \
                 neighbour discovery.",
            ),
            with("vlan", "0", "The 802.1Q VLAN of the uplink; 0 is untagged."),
            text(
                "defaultOutboundAddress",
                "Default outbound access: the platform's public IPv4 address, by whose SNAT ports instances leave that \
                 have no other way out (OUT-06, L-OUT-01). Without it they have none. Not for instances behind a \
                 Standard load balancer, nor for the rest of their set (L-OUT-03, SKU-09); members of a pool with \
                 `byAddress` keep it (L-OUT-24). All who leave by it share its ports by the default table \
                 (SNAT-11..16). It is no frontend: nothing new comes in by it.",
            ),
            text("defaultOutboundAddressV6", "The same for IPv6."),
        ],
    },
    SectionText {
        path: "instances[]",
        meaning: "A virtual machine behind a port of the card.",
        fields: &[
            NAME,
            text(
                "addresses",
                "Its own addresses: one IPv4 address, one IPv6 address, or one of each.",
            ),
            text(
                "vport",
                "The port of the card that leads to it; nobody else's.",
            ),
            text("mac", "Its Ethernet address; nobody else's."),
            text(
                "publicAddress",
                "A public IPv4 address that is its alone: both ways, ports unchanged, no rule and no SNAT \
                 ports (SNAT-24).",
            ),
            text("publicAddressV6", "The same for IPv6."),
            with(
                "powerState",
                "\"Running\"",
                "Whether it runs. One that is stopped or deallocated is not probed, and is down for rules with a probe \
                 (L-PRB-13).",
            ),
            text(
                "availabilitySet",
                "The availability set that the machine was made in; not together with `scaleSet`. In pools where \
                 some member names a set, one that names none is a standalone machine (SKU-04, SKU-06, L-BEP-05, \
                 L-LIM-04, L-OUT-23).",
            ),
            text("scaleSet", "The scale set that the machine is of."),
            with(
                "ipForwarding",
                "false",
                "Whether it may send packets whose source is not its own, as a gateway to other networks or a \
                 network appliance does (FWD-09); `enableIPForwarding` of a network interface. Only its own \
                 address is ever translated on the way out. A change ends its flows.",
            ),
            text(
                "nextHop",
                "The address of an internal IPv4 frontend with HA ports. What the instance sends to others \
                 than internal frontends, the platform and instances that forward goes untranslated to a \
                 member of that rule's pool, the same for both directions of a connection when both ends \
                 have this next hop (L-HA-08). What is neither TCP, UDP nor a ping, and fragments, go nowhere \
                 then. The members need `ipForwarding`. In Azure a route with next hop type VirtualAppliance.",
            ),
            text("nextHopV6", "The same for IPv6."),
        ],
    },
    SectionText {
        path: "loadBalancers[]",
        meaning: "A load balancer. All of its frontends are public, or all are internal (GEN-04).",
        fields: &[
            NAME,
            with(
                "sku",
                "\"Basic\"",
                "What it may do and how large it may be (SKU-07, L-LIM-01). Absent is Basic, with a warning (A-31).",
            ),
            text("frontends", "The addresses that clients connect to."),
            text("backendPools", "The instances that flows are spread over."),
            text("probes", "What decides whether a member takes new flows."),
            text(
                "loadBalancingRules",
                "Which frontend port leads to which pool.",
            ),
            text(
                "inboundNatRules",
                "Which frontend port leads to which instance.",
            ),
            text(
                "outboundRules",
                "How members of a pool reach public destinations. Without one: from the public frontends of \
                 their load-balancing rules, on SNAT ports by the size of the pool.",
            ),
        ],
    },
    SectionText {
        path: "loadBalancers[].frontends[]",
        meaning: "An address that clients connect to.",
        fields: &[
            NAME,
            text("address", "The address, which nothing else may have."),
            text(
                "internal",
                "Whether only instances reach it. Absent: true for private addresses (10.0.0.0/8, 172.16.0.0/12, \
                 192.168.0.0/16, fc00::/7).",
            ),
            text(
                "idleTimeoutInMinutes",
                "Minutes without a packet after which a TCP flow to it is forgotten, in the range of load-balancing \
                 rules. Holds with `settings.frontendIdlePrecedence`. Absent: 4 for a public frontend, as Azure's \
                 public addresses carry; of an internal one the rules' hold (A-04).",
            ),
        ],
    },
    SectionText {
        path: "loadBalancers[].backendPools[]",
        meaning: "Instances that flows are spread over.",
        fields: &[
            NAME,
            text(
                "members",
                "The instances. A pool without members answers nothing.",
            ),
            with(
                "drainPeriodInSeconds",
                "0",
                "Seconds after which the TCP flows of a member that left the pool, or whose `adminState` is Down, are \
                 reset at both ends; 0 is never (L-ADM-07).",
            ),
            with(
                "byAddress",
                "false",
                "Whether members are meant by address, not by interface (L-BEP-01, L-BEP-02). Standard only, and no \
                 inbound NAT rule is for such a pool. Its members leave as behind a Basic load balancer (L-OUT-24).",
            ),
        ],
    },
    SectionText {
        path: "loadBalancers[].backendPools[].members[]",
        meaning: "A member of a pool.",
        fields: &[
            text("instance", "The name of the instance; once in a pool."),
            with(
                "weight",
                "1",
                "Its share of new flows relative to the other members.",
            ),
            with(
                "adminState",
                "\"None\"",
                "Who decides whether it takes new flows: `None` the probe, `Up` always, `Down` never. Has an effect \
                 only in rules with a probe (L-ADM-01..05).",
            ),
        ],
    },
    SectionText {
        path: "loadBalancers[].probes[]",
        meaning: "How the members of a pool are asked whether they work. Probes come from 168.63.129.16 or \
             fe80::1234:5678:9abc (L-PRB-12) and go to the instance's own address.",
        fields: &[
            NAME,
            text(
                "protocol",
                "How it asks: `Tcp` opens a connection; `Http` and `Https` get a path and want 200; `GuestAgent` \
                 is the classic model's, Basic only (PRB-01).",
            ),
            text("port", "The port of the instance that it asks."),
            text(
                "requestPath",
                "The path for `Http` and `Https`, which need one, beginning with `/`. `GuestAgent` has `/` without one, \
                 `Tcp` has none.",
            ),
            with(
                "intervalInSeconds",
                "15",
                "Seconds between two questions (A-07).",
            ),
            text(
                "timeoutInSeconds",
                "The classic model's timing (CSD-14): seconds without a good answer that take a member down; as many \
                 answers as intervals fit into it change the state, and the counts below have no effect (L-PRB-22). \
                 `GuestAgent` has 31 without one.",
            ),
            with(
                "probeThreshold",
                "2",
                "How many answers in a row change the state, down as well as up (A-06, L-PRB-07).",
            ),
            text(
                "numberOfProbes",
                "The older name of `probeThreshold`, which counts where both are given.",
            ),
            with(
                "noHealthyBackendsBehavior",
                "\"AllProbedDown\"",
                "What a rule does when no member is up: `AllProbedDown` takes no new flows, `AllProbedUp` gives them to \
                 every member (L-PRB-17).",
            ),
        ],
    },
    SectionText {
        path: "loadBalancers[].loadBalancingRules[]",
        meaning: "What arrives at a frontend and port goes to a member of a pool.",
        fields: &[
            NAME,
            text(
                "protocol",
                "`All` is HA ports and wants both ports 0 (L-HA-01).",
            ),
            text("frontend", "The name of the frontend it listens on."),
            text("frontendPort", "The port it listens on; 0 with HA ports."),
            text("backendPool", "The name of the pool."),
            text(
                "backendPort",
                "The port of the members. Absent: `frontendPort`; 0 with HA ports.",
            ),
            text(
                "probe",
                "The name of the probe. Absent: every member takes new flows (L-PRB-23).",
            ),
            with(
                "loadDistribution",
                "\"Default\"",
                "What of a packet decides the member: `Default` addresses, ports and protocol; `SourceIP` both \
                 addresses; `SourceIPProtocol` both addresses and the protocol.",
            ),
            with(
                "idleTimeoutInMinutes",
                "4",
                "Minutes without a packet after which a TCP flow is forgotten (IDLE-04): up to 30 with `profile: seed`, \
                 60 with `current` and Basic, 100 with `current` and Standard (A-01). UDP flows end after 4.",
            ),
            RESET,
            FLOATING,
            ALLOW_INBOUND,
            with(
                "disableOutboundSnat",
                "false",
                "Whether the rule gives its members no way out; needed beside an outbound rule on the same frontend \
                 (L-OUT-05, L-OUT-06).",
            ),
            with(
                "enableConnectionTracking",
                "false",
                "Whether UDP flows stay on their member when the pool changes (L-DIST-11). TCP flows always do.",
            ),
        ],
    },
    SectionText {
        path: "loadBalancers[].inboundNatRules[]",
        meaning: "A frontend port that leads to one instance, probed or not; or a range of ports, one for each member \
             of a pool (L-NAT-01).",
        fields: &[
            NAME,
            text("protocol", "`All` is TCP and UDP."),
            text("frontend", "The name of the frontend it listens on."),
            text("target", "The name of the instance that the port leads to."),
            text("frontendPort", "The port it listens on."),
            text(
                "backendPool",
                "The name of the pool whose members get a port each.",
            ),
            text(
                "frontendPortRangeStart",
                "The port of the first member. Members keep their ports (L-NAT-03).",
            ),
            text(
                "frontendPortRangeEnd",
                "The last port. A pool cannot have more members than the range has ports (L-NAT-02).",
            ),
            text(
                "backendPort",
                "The port of the instance. Absent, for one instance: `frontendPort`.",
            ),
            with(
                "idleTimeoutInMinutes",
                "4",
                "Minutes without a packet after which a TCP flow is forgotten (IDLE-04). UDP flows end after 4.",
            ),
            RESET,
            FLOATING,
            ALLOW_INBOUND,
        ],
    },
    SectionText {
        path: "loadBalancers[].outboundRules[]",
        meaning: "How the members of a pool reach public destinations. Public Standard load balancers only (SKU-07).",
        fields: &[
            NAME,
            text("protocol", "What it is for; `All` is TCP and UDP."),
            text(
                "frontends",
                "The names of the frontends whose addresses flows leave from, used in this order (A-27).",
            ),
            text("backendPool", "The name of the pool."),
            with(
                "allocatedOutboundPorts",
                "0",
                "SNAT ports of each member over all frontends, a multiple of 8; 0 is by the size of the pool \
                 (L-OUT-10).",
            ),
            with(
                "idleTimeoutInMinutes",
                "4",
                "Minutes without a packet after which a flow gives its SNAT port back (A-01).",
            ),
            RESET,
        ],
    },
];
