// Records on the CPU port, in the layout of firmware-api `punt` and `inject`.

bit<16> little_16(in bit<16> value) {
    return value[7:0] ++ value[15:8];
}

bit<32> little_32(in bit<32> value) {
    return value[7:0] ++ value[15:8] ++ value[23:16] ++ value[31:24];
}

// A copy has the frame up to the end of its transport header; TCP options as far as one slot goes.
control copied_headers(in headers_t hdr, inout metadata_t meta) {
    apply {
        if (meta.class == Class.TCP) {
            bit<16> most = meta.l4 + TCP_LEN;
            if (most < ONE_SLOT_PAYLOAD) {
                most = ONE_SLOT_PAYLOAD;
            }
            bit<16> end = meta.l4 + ((bit<16>) hdr.tcp.data_words << 2);
            meta.captured = end < most ? end : most;
        } else {
            bit<16> end = meta.l4 + UDP_LEN;
            meta.captured = end < meta.length ? end : meta.length;
        }
    }
}

// What would become of a traced frame: firmware-api `trace`. `link_len` are the bytes of the link
// header that the frame came with.
control tell_verdict(in headers_t hdr, inout metadata_t meta, in bit<16> link_len) {
    copied_headers() headers_of;

    apply {
        meta.punt = PUNT_TRACE;
        meta.captured = 0;
        if (meta.fate == Fate.GOES_ON) {
            bit<16> leaving_len = ETHERNET_LEN;
            if (hdr.vlan.isValid()) {
                leaving_len = ETHERNET_LEN + VLAN_LEN;
            }
            meta.reason = 0;
            meta.l4 = meta.l4 - link_len + leaving_len;
            meta.length = meta.length - link_len + leaving_len;
            headers_of.apply(hdr, meta);
        } else {
            meta.egress = 0;
        }
        meta.flow = 6w0 ++ (bit<2>) meta.fate ++ meta.reason ++ meta.egress;
        if (!meta.copy) {
            meta.rule = NO_ID;
            meta.backend = NO_ID;
        }
    }
}

// Puts the record in front of the packet, of which `captured` bytes follow.
control write_punt(inout headers_t hdr, in metadata_t meta) {
    apply {
        hdr.inject.setInvalid();
        hdr.punt.setValid();
        hdr.punt.reason = meta.punt;
        hdr.punt.zero = 0;
        hdr.punt.ingress = little_16(meta.ingress);
        hdr.punt.timestamp = little_32(meta.timestamp);
        hdr.punt.rule = little_16(meta.rule);
        hdr.punt.backend = little_16(meta.backend);
        hdr.punt.flow_hash = meta.tag;
        hdr.punt.flow = little_32(meta.flow);
        hdr.punt.length = little_16(meta.length);
        hdr.punt.captured = little_16(meta.captured);
    }
}
