//! What each reason means, in a few words.

/// What a reason of a drop, a punt or a refusal means; empty for one that is not known here.
pub fn meaning(reason: &str) -> &'static str {
    match reason {
        "port_off" => "the port is off",
        "truncated" => "the frame ends before its headers do",
        "oversized" => "the frame is longer than the card takes",
        "vlan_mismatch" => "another VLAN tag than the port's",
        "unsupported_ethertype" => "neither IPv4, IPv6 nor ARP",
        "bad_version" => "the IP version contradicts the EtherType",
        "bad_header_length" => "an impossible header length",
        "bad_total_length" => "an impossible IP length",
        "bad_checksum" => "the IPv4 header checksum is wrong",
        "fragment" => "an IP fragment",
        "unsupported_protocol" => "neither TCP nor UDP",
        "spoofed_source" => "an instance sent from an address that is not its own",
        "no_frontend" => "no frontend or public address at the destination",
        "no_backend" => "the rule has no healthy backend",
        "no_outbound" => "the instance has no way out",
        "driverless" => "it needed the driver, which was silent",
        "punt_ring_full" => "it needed the driver, which was too busy",
        "egress_off" => "the port it would leave by is off",
        "reprocess_miss" => "the driver gave it back and it missed again",
        "recirculation_limit" => "it went round the pipeline too often",
        "broken_reference" => "a table entry names something that is not valid",
        "not_for_us" => "the frame is for another station",
        "driver_refused" => "the driver gave it up",
        "learn" => "a new connection through a rule",
        "midflow" => "a TCP packet of no known connection",
        "snat_miss" => "a new outbound connection",
        "teardown" => "the end of a connection, or its start anew",
        "neighbor" => "ARP or neighbour discovery",
        "icmp_error" => "an ICMP error about a connection",
        "echo" => "a ping to a frontend",
        "trace" => "what would become of a synthetic packet of the driver",
        "steer" => "a new connection through a next hop",
        "unknown_flow" => "a TCP packet of no connection, not a SYN",
        "late_packet" => "a packet of a connection that idled out: answered with a reset",
        "snat_exhausted" => "no free SNAT port toward that destination",
        "no_snat_ports" => "the instance has no SNAT ports",
        "table_full" => "no room in the flow table",
        "flow_ids_exhausted" => "no flow-state block is free",
        "key_in_use" => "another connection has the same addresses and ports",
        "stale_reference" => "the rule or backend is gone from the configuration",
        "unparsed" => "no packet that the pipeline accepts",
        "not_our_neighbor" => "it asks for no address of ours",
        "no_flow_quoted" => "the ICMP error quotes no connection",
        "inject_ring_full" => "the ring back to the card was full",
        "unsupported" => "the driver has no use for it",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use firmware_api::{DropReason, PuntReason};

    use super::*;

    #[test]
    fn every_reason_of_the_card_is_explained() {
        let drops = DropReason::ALL.iter().map(|reason| reason.name());
        for name in drops.chain(PuntReason::ALL.iter().map(|reason| reason.name())) {
            assert!(!meaning(name).is_empty(), "{name}");
        }
    }
}
