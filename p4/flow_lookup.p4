// `flow_lookup`: the packets of known flows. A hit translates one side (FWD-01) and updates the
// flow's state; FIN, RST and a new SYN are told to the driver.
//
// A flow's state is firmware-api `flow_state`: `flow_seen` is word 0 of the block with the mark "in
// use" at bit 48, `flow_acks_*` are the halves of word 1, `flow_packets_*` are words 2 and 3 and
// `flow_bytes_*` words 4 and 5. Direct counters would count traced frames too. No register has 64
// bits that matter: BMv2's runtime interface reads registers as signed numbers, and gives the
// largest one for all that are larger.

control flow_lookup(in headers_t hdr, inout metadata_t meta, out bool hit) {
    bit<1> way = 0;

    register<bit<49>>(FLOWS) flow_seen;
    register<bit<32>>(FLOWS) flow_acks_forward;
    register<bit<32>>(FLOWS) flow_acks_return;
    register<bit<64>>(FLOWS) flow_packets_forward;
    register<bit<64>>(FLOWS) flow_packets_return;
    register<bit<64>>(FLOWS) flow_bytes_forward;
    register<bit<64>>(FLOWS) flow_bytes_return;
    // Which flows had packets; the card clears it when the driver has asked.
    register<bit<1>>(FLOWS) flow_active;

    action translate(Side side, bit<32> flow, bit<1> direction, bit<128> address,
                     bit<16> port, bit<16> egress) {
        hit = true;
        way = direction;
        meta.side = side;
        meta.flow = flow;
        meta.address = address;
        meta.port = port;
        meta.new_port = true;
        meta.egress = egress;
    }

    action translate_source_v4(bit<32> flow, bit<1> direction, bit<32> address, bit<16> port,
                               bit<16> egress) {
        translate(Side.SOURCE, flow, direction, (bit<128>) address, port, egress);
    }

    action translate_destination_v4(bit<32> flow, bit<1> direction, bit<32> address, bit<16> port,
                                    bit<16> egress) {
        translate(Side.DESTINATION, flow, direction, (bit<128>) address, port, egress);
    }

    action translate_source_v6(bit<32> flow, bit<1> direction, bit<128> address, bit<16> port,
                               bit<16> egress) {
        translate(Side.SOURCE, flow, direction, address, port, egress);
    }

    action translate_destination_v6(bit<32> flow, bit<1> direction, bit<128> address, bit<16> port,
                                    bit<16> egress) {
        translate(Side.DESTINATION, flow, direction, address, port, egress);
    }

    table flow_v4 {
        key = {
            meta.zone:             exact @name("zone");
            meta.protocol:         exact @name("protocol");
            hdr.ipv4.source:       exact @name("source");
            hdr.ipv4.destination:  exact @name("destination");
            meta.source_port:      exact @name("source_port");
            meta.destination_port: exact @name("destination_port");
        }
        actions = { translate_source_v4; translate_destination_v4; NoAction; }
        default_action = NoAction;
        size = FLOW_V4_SIZE;
    }

    table flow_v6 {
        key = {
            meta.zone:             exact @name("zone");
            meta.protocol:         exact @name("protocol");
            hdr.ipv6.source:       exact @name("source");
            hdr.ipv6.destination:  exact @name("destination");
            meta.source_port:      exact @name("source_port");
            meta.destination_port: exact @name("destination_port");
        }
        actions = { translate_source_v6; translate_destination_v6; NoAction; }
        default_action = NoAction;
        size = FLOW_V6_SIZE;
    }

    apply {
        hit = false;
        if (meta.is_v6) {
            flow_v6.apply();
        } else {
            flow_v4.apply();
        }
        if (hit && meta.flow >= FLOWS) {
            drop(meta, DROP_BROKEN_REFERENCE);
        } else if (hit) {
            if (!meta.traced) {
                bit<49> seen;
                bit<32> ack;
                bit<64> packets;
                bit<64> bytes;
                flow_seen.read(seen, meta.flow);
                if (seen[48:48] == 0) {
                    // The driver has installed the flow since: the block is blank.
                    seen = 0;
                    flow_acks_forward.write(meta.flow, 0);
                    flow_acks_return.write(meta.flow, 0);
                    flow_packets_forward.write(meta.flow, 0);
                    flow_packets_return.write(meta.flow, 0);
                    flow_bytes_forward.write(meta.flow, 0);
                    flow_bytes_return.write(meta.flow, 0);
                }
                if (way == 0) {
                    if (meta.tcp_flags & TCP_ACK != 0) {
                        // The highest number in sequence space (RFC 9293 section 3.4).
                        flow_acks_forward.read(ack, meta.flow);
                        bit<32> ahead = hdr.tcp.ack - ack;
                        if (seen[36:36] == 0 || ahead != 0 && ahead[31:31] == 0) {
                            flow_acks_forward.write(meta.flow, hdr.tcp.ack);
                        }
                    }
                    flow_packets_forward.read(packets, meta.flow);
                    flow_packets_forward.write(meta.flow, packets + 1);
                    flow_bytes_forward.read(bytes, meta.flow);
                    flow_bytes_forward.write(meta.flow, bytes + (bit<64>) meta.ip_len);
                    seen[39:32] = seen[39:32] | meta.tcp_flags;
                } else {
                    if (meta.tcp_flags & TCP_ACK != 0) {
                        flow_acks_return.read(ack, meta.flow);
                        bit<32> ahead = hdr.tcp.ack - ack;
                        if (seen[44:44] == 0 || ahead != 0 && ahead[31:31] == 0) {
                            flow_acks_return.write(meta.flow, hdr.tcp.ack);
                        }
                    }
                    flow_packets_return.read(packets, meta.flow);
                    flow_packets_return.write(meta.flow, packets + 1);
                    flow_bytes_return.read(bytes, meta.flow);
                    flow_bytes_return.write(meta.flow, bytes + (bit<64>) meta.ip_len);
                    seen[47:40] = seen[47:40] | meta.tcp_flags;
                }
                seen[31:0] = meta.tick;
                seen[48:48] = 1;
                flow_seen.write(meta.flow, seen);
                flow_active.write(meta.flow, 1);
            }

            bool ends = meta.tcp_flags & (TCP_FIN | TCP_RST) != 0;
            bool reopens = opens_tcp(meta) && meta.reprocess == 0;
            meta.copy = ends || reopens;
            meta.punt = PUNT_TEARDOWN;
        }
    }
}
