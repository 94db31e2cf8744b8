// `rewrite`: one side of a packet, and the checksums that cover it (RFC 1624). Everything else
// stays (FWD-03).

// Folds a sum of 16-bit words to 16 bits.
bit<16> fold(in bit<32> total) {
    bit<32> once = (total & 0xffff) + (total >> 16);
    return once[15:0] + once[31:16];
}

bit<16> sum_v4(in bit<32> address) {
    return fold((bit<32>) address[31:16] + (bit<32>) address[15:0]);
}

bit<16> sum_v6(in bit<128> address) {
    return fold((bit<32>) address[127:112] + (bit<32>) address[111:96]
        + (bit<32>) address[95:80] + (bit<32>) address[79:64]
        + (bit<32>) address[63:48] + (bit<32>) address[47:32]
        + (bit<32>) address[31:16] + (bit<32>) address[15:0]);
}

// What replacing `old` by `new`, both sums, adds to a sum that covers it.
bit<32> difference(in bit<16> old, in bit<16> new) {
    return (bit<32>) (~old) + (bit<32>) new;
}

// The checksum field after the replacements.
bit<16> updated(in bit<16> checksum, in bit<32> delta) {
    return ~fold(delta + (bit<32>) (~checksum));
}

control rewrite(inout headers_t hdr, in metadata_t meta) {
    apply {
        bool is_source = meta.side == Side.SOURCE;
        bit<32> delta;
        if (meta.is_v6) {
            if (is_source) {
                delta = difference(sum_v6(hdr.ipv6.source), sum_v6(meta.address));
                hdr.ipv6.source = meta.address;
            } else {
                delta = difference(sum_v6(hdr.ipv6.destination), sum_v6(meta.address));
                hdr.ipv6.destination = meta.address;
            }
        } else {
            bit<32> address = meta.address[31:0];
            if (is_source) {
                delta = difference(sum_v4(hdr.ipv4.source), sum_v4(address));
                hdr.ipv4.source = address;
            } else {
                delta = difference(sum_v4(hdr.ipv4.destination), sum_v4(address));
                hdr.ipv4.destination = address;
            }
            hdr.ipv4.checksum = updated(hdr.ipv4.checksum, delta);
        }

        // All fragments of a datagram keep their ports: only the first has them.
        bool new_port = meta.new_port && meta.class != Class.FRAGMENT;
        if (hdr.tcp.isValid()) {
            if (new_port && is_source) {
                delta = delta + difference(hdr.tcp.source_port, meta.port);
                hdr.tcp.source_port = meta.port;
            } else if (new_port) {
                delta = delta + difference(hdr.tcp.destination_port, meta.port);
                hdr.tcp.destination_port = meta.port;
            }
            hdr.tcp.checksum = updated(hdr.tcp.checksum, delta);
        } else if (hdr.udp.isValid()) {
            if (new_port && is_source) {
                delta = delta + difference(hdr.udp.source_port, meta.port);
                hdr.udp.source_port = meta.port;
            } else if (new_port) {
                delta = delta + difference(hdr.udp.destination_port, meta.port);
                hdr.udp.destination_port = meta.port;
            }
            // No checksum stays none, and a result of 0 is written as 0xffff (RFC 768).
            if (hdr.udp.checksum != 0) {
                hdr.udp.checksum = updated(hdr.udp.checksum, delta);
                if (hdr.udp.checksum == 0) {
                    hdr.udp.checksum = 0xffff;
                }
            }
        } else if (meta.is_v6 && hdr.icmp.isValid()) {
            hdr.icmp.checksum = updated(hdr.icmp.checksum, delta);
        }
    }
}
