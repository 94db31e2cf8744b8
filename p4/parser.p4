// From bytes to headers and back. The parser extracts what is there and judges nothing: `check`
// says what is wrong with a frame, in the order of firmware-api `packet::parse`.

parser parse_frame(packet_in packet,
                   out headers_t hdr,
                   inout metadata_t meta,
                   inout standard_metadata_t standard) {
    // BMv2 parses a copy anew, with metadata of any packet before it, but with the port that the
    // packet came in by. On a second pass the port is 0, which no packet comes in by, and what
    // metadata says is the packet's own.
    state start {
        transition select(standard.ingress_port) {
            CPU_PORT: record;
            0: second_pass;
            default: ethernet;
        }
    }

    state second_pass {
        transition select(meta.record) {
            1: record;
            default: ethernet;
        }
    }

    state record {
        packet.extract(hdr.inject);
        transition select(hdr.inject.kind) {
            KIND_REPROCESS: ethernet;
            KIND_TRACE: ethernet;
            default: accept;
        }
    }

    state ethernet {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ethertype) {
            ETHERTYPE_VLAN: vlan;
            ETHERTYPE_IPV4: ipv4;
            ETHERTYPE_IPV6: ipv6;
            ETHERTYPE_ARP: arp;
            default: accept;
        }
    }

    state vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.ethertype) {
            ETHERTYPE_IPV4: ipv4;
            ETHERTYPE_IPV6: ipv6;
            ETHERTYPE_ARP: arp;
            default: accept;
        }
    }

    state arp {
        packet.extract(hdr.arp);
        transition accept;
    }

    state ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.header_words) {
            0 .. 4: accept;
            5: ipv4_payload;
            default: ipv4_options;
        }
    }

    state ipv4_options {
        packet.extract(hdr.ipv4_options, ((bit<32>) hdr.ipv4.header_words - 5) << 5);
        transition ipv4_payload;
    }

    state ipv4_payload {
        transition select(hdr.ipv4.offset, hdr.ipv4.protocol) {
            (0, IP_TCP): tcp;
            (0, IP_UDP): udp;
            (0, IP_ICMP): icmp;
            default: accept;
        }
    }

    state ipv6 {
        packet.extract(hdr.ipv6);
        transition select(hdr.ipv6.next_header) {
            IP_TCP: tcp;
            IP_UDP: udp;
            IP_ICMPV6: icmp;
            IP_FRAGMENT: ipv6_fragment;
            default: accept;
        }
    }

    state ipv6_fragment {
        packet.extract(hdr.ipv6_fragment);
        transition select(hdr.ipv6_fragment.offset, hdr.ipv6_fragment.next_header) {
            (0, IP_TCP): tcp;
            (0, IP_UDP): udp;
            (0, IP_ICMPV6): icmp;
            default: accept;
        }
    }

    state tcp {
        packet.extract(hdr.tcp);
        transition accept;
    }

    state udp {
        packet.extract(hdr.udp);
        transition accept;
    }

    state icmp {
        packet.extract(hdr.icmp);
        transition accept;
    }
}

control deparse_frame(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.inject);
        packet.emit(hdr.punt);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.vlan);
        packet.emit(hdr.arp);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.ipv4_options);
        packet.emit(hdr.ipv6);
        packet.emit(hdr.ipv6_fragment);
        packet.emit(hdr.tcp);
        packet.emit(hdr.udp);
        packet.emit(hdr.icmp);
    }
}
