// `check`: is the frame sound, and what is it? The same tests in the same order as firmware-api
// `packet::parse`.

control check(in headers_t hdr, inout metadata_t meta) {
    apply {
        meta.l4 = ETHERNET_LEN;
        bit<16> ethertype = hdr.ethernet.ethertype;
        if (hdr.vlan.isValid()) {
            meta.l4 = ETHERNET_LEN + VLAN_LEN;
            ethertype = hdr.vlan.ethertype;
        }
        bit<16> available = meta.length - meta.l4;
        bit<16> transport_len = 0;
        bool is_first = false;

        if (meta.length > MAX_FRAME) {
            drop(meta, DROP_OVERSIZED);
        } else if (!hdr.ethernet.isValid() || ethertype == ETHERTYPE_VLAN && !hdr.vlan.isValid()) {
            drop(meta, DROP_TRUNCATED);
        } else if (ethertype == ETHERTYPE_ARP) {
            meta.class = Class.NEIGHBOR;
            meta.source = IPV4_MAPPED;
            meta.destination = IPV4_MAPPED;
            if (!hdr.arp.isValid()) {
                drop(meta, DROP_TRUNCATED);
            }
        } else if (ethertype == ETHERTYPE_IPV4) {
            bit<16> header_len = (bit<16>) hdr.ipv4.header_words << 2;
            transport_len = hdr.ipv4.total_len - header_len;
            meta.l4 = meta.l4 + header_len;
            meta.ip_len = hdr.ipv4.total_len;
            meta.ip_protocol = hdr.ipv4.protocol;
            meta.source = IPV4_MAPPED | (bit<128>) hdr.ipv4.source;
            meta.destination = IPV4_MAPPED | (bit<128>) hdr.ipv4.destination;
            bit<16> sum = 0;
            if (!hdr.ipv4.isValid()) {
                drop(meta, DROP_TRUNCATED);
            } else if (hdr.ipv4.version != 4) {
                drop(meta, DROP_BAD_VERSION);
            } else if (hdr.ipv4.header_words < 5) {
                drop(meta, DROP_BAD_HEADER_LENGTH);
            } else if (hdr.ipv4.total_len < header_len || hdr.ipv4.total_len > available) {
                drop(meta, DROP_BAD_TOTAL_LENGTH);
            } else {
                // Over the whole header, checksum included, a right one leaves nothing (RFC 1071).
                if (hdr.ipv4_options.isValid()) {
                    hash(sum, HashAlgorithm.csum16, 16w0, { hdr.ipv4, hdr.ipv4_options }, 32w0x10000);
                } else {
                    hash(sum, HashAlgorithm.csum16, 16w0, { hdr.ipv4 }, 32w0x10000);
                }
                if (sum != 0) {
                    drop(meta, DROP_BAD_CHECKSUM);
                } else if (hdr.ipv4.more != 0 || hdr.ipv4.offset != 0) {
                    meta.class = Class.FRAGMENT;
                    is_first = hdr.ipv4.offset == 0;
                }
            }
        } else if (ethertype == ETHERTYPE_IPV6) {
            transport_len = hdr.ipv6.payload_len;
            meta.l4 = meta.l4 + IPV6_LEN;
            meta.ip_len = IPV6_LEN + hdr.ipv6.payload_len;
            meta.ip_protocol = hdr.ipv6.next_header;
            meta.is_v6 = true;
            meta.source = hdr.ipv6.source;
            meta.destination = hdr.ipv6.destination;
            if (!hdr.ipv6.isValid()) {
                drop(meta, DROP_TRUNCATED);
            } else if (hdr.ipv6.version != 6) {
                drop(meta, DROP_BAD_VERSION);
            } else if (hdr.ipv6.payload_len > available - IPV6_LEN) {
                drop(meta, DROP_BAD_TOTAL_LENGTH);
            } else if (hdr.ipv6.next_header == IP_FRAGMENT) {
                // What stands behind the fragment header is the transport, whatever it is.
                meta.class = Class.FRAGMENT;
                meta.ip_protocol = hdr.ipv6_fragment.next_header;
                is_first = hdr.ipv6_fragment.offset == 0;
                meta.l4 = meta.l4 + IPV6_FRAGMENT_LEN;
                transport_len = transport_len - IPV6_FRAGMENT_LEN;
                if (hdr.ipv6.payload_len < IPV6_FRAGMENT_LEN) {
                    drop(meta, DROP_FRAGMENT);
                }
            } else if (hdr.ipv6.next_header == IP_HOP_BY_HOP
                    || hdr.ipv6.next_header == IP_ROUTING
                    || hdr.ipv6.next_header == IP_DESTINATION_OPTIONS) {
                drop(meta, DROP_UNSUPPORTED_PROTOCOL);
            }
        } else {
            drop(meta, DROP_UNSUPPORTED_ETHERTYPE);
        }

        if (meta.fate == Fate.GOES_ON && meta.class == Class.FRAGMENT) {
            // A first fragment has its transport header whole, or nobody translates it.
            bit<16> header_len = 0;
            if (meta.ip_protocol == IP_TCP) {
                meta.protocol = PROTOCOL_TCP;
                header_len = TCP_LEN;
            } else if (meta.ip_protocol == IP_UDP) {
                meta.protocol = PROTOCOL_UDP;
                header_len = UDP_LEN;
            } else if (meta.ip_protocol == (meta.is_v6 ? IP_ICMPV6 : IP_ICMP)) {
                meta.protocol = PROTOCOL_ICMP;
                header_len = ICMP_LEN;
            }
            if (is_first && transport_len < header_len) {
                drop(meta, DROP_FRAGMENT);
            }
        } else if (meta.fate == Fate.GOES_ON && meta.class != Class.NEIGHBOR) {
            if (meta.ip_protocol == IP_TCP) {
                bit<16> data_offset = (bit<16>) hdr.tcp.data_words << 2;
                meta.class = Class.TCP;
                meta.protocol = PROTOCOL_TCP;
                meta.source_port = hdr.tcp.source_port;
                meta.destination_port = hdr.tcp.destination_port;
                meta.tcp_flags = hdr.tcp.flags;
                if (transport_len < TCP_LEN) {
                    drop(meta, DROP_TRUNCATED);
                } else if (data_offset < TCP_LEN || data_offset > transport_len) {
                    drop(meta, DROP_BAD_HEADER_LENGTH);
                }
            } else if (meta.ip_protocol == IP_UDP) {
                meta.class = Class.UDP;
                meta.protocol = PROTOCOL_UDP;
                meta.source_port = hdr.udp.source_port;
                meta.destination_port = hdr.udp.destination_port;
                if (transport_len < UDP_LEN) {
                    drop(meta, DROP_TRUNCATED);
                } else if (hdr.udp.len < UDP_LEN || hdr.udp.len > transport_len) {
                    drop(meta, DROP_BAD_HEADER_LENGTH);
                }
            } else if (!meta.is_v6 && meta.ip_protocol == IP_ICMP) {
                meta.protocol = PROTOCOL_ICMP;
                bit<8> kind = hdr.icmp.kind;
                if (transport_len < ICMP_LEN) {
                    drop(meta, DROP_TRUNCATED);
                } else if (kind == 8) {
                    meta.class = Class.ECHO_REQUEST;
                    meta.source_port = hdr.icmp.identifier;
                } else if (kind == 0) {
                    meta.class = Class.ECHO_REPLY;
                    meta.destination_port = hdr.icmp.identifier;
                } else if (kind == 3 || kind == 11 || kind == 12) {
                    meta.class = Class.ICMP_ERROR;
                }
            } else if (meta.is_v6 && meta.ip_protocol == IP_ICMPV6) {
                meta.protocol = PROTOCOL_ICMP;
                bit<8> kind = hdr.icmp.kind;
                if (transport_len < ICMP_LEN) {
                    drop(meta, DROP_TRUNCATED);
                } else if (kind == 128) {
                    meta.class = Class.ECHO_REQUEST;
                    meta.source_port = hdr.icmp.identifier;
                } else if (kind == 129) {
                    meta.class = Class.ECHO_REPLY;
                    meta.destination_port = hdr.icmp.identifier;
                } else if (kind >= 1 && kind <= 4) {
                    meta.class = Class.ICMP_ERROR;
                } else if (kind >= 133 && kind <= 137) {
                    meta.class = Class.NEIGHBOR;
                }
            }
        }
    }
}
