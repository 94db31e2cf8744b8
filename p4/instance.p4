// `instance`: an instance's addresses, its vport, and its ways out to public destinations.

control find_instance(in bit<16> number, out instance_t found) {
    action is_instance(bit<32> address_v4, bit<128> address_v6, bit<32> public_v4,
                       bit<128> public_v6, bit<2> way_out_v4_tcp, bit<2> way_out_v4_udp,
                       bit<2> way_out_v6_tcp, bit<2> way_out_v6_udp, bit<16> vport,
                       bit<1> floating_ip, bit<1> ip_forwarding, bit<1> platform,
                       bit<1> steers_v4, bit<16> next_hop_v4, bit<1> steers_v6,
                       bit<16> next_hop_v6) {
        found.valid = true;
        found.address_v4 = address_v4;
        found.address_v6 = address_v6;
        found.public_v4 = public_v4;
        found.public_v6 = public_v6;
        found.way_out_v4_tcp = way_out_v4_tcp;
        found.way_out_v4_udp = way_out_v4_udp;
        found.way_out_v6_tcp = way_out_v6_tcp;
        found.way_out_v6_udp = way_out_v6_udp;
        found.vport = vport;
        found.floating_ip = floating_ip;
        found.ip_forwarding = ip_forwarding;
        found.platform = platform;
        found.steers_v4 = steers_v4;
        found.next_hop_v4 = next_hop_v4;
        found.steers_v6 = steers_v6;
        found.next_hop_v6 = next_hop_v6;
    }

    table instance {
        key = { number: exact @name("instance"); }
        actions = { is_instance; NoAction; }
        default_action = NoAction;
        size = INSTANCE_SIZE;
    }

    apply {
        found = { ... };
        instance.apply();
    }
}

// The rule through whose members a packet has to go, toward an instance or anybody else. What is for
// the platform or for an instance that forwards is not steered.
control find_next_hop(in metadata_t meta, in bool is_owned, in instance_t owner, out bool steered,
                      out bit<16> rule) {
    apply {
        bit<1> steers = meta.is_v6 ? meta.instance.steers_v6 : meta.instance.steers_v4;
        rule = meta.is_v6 ? meta.instance.next_hop_v6 : meta.instance.next_hop_v4;
        bool is_exempt = is_owned && (owner.platform == 1 || owner.ip_forwarding == 1);
        steered = meta.from_instance && steers == 1 && !is_exempt;
    }
}

// 1:1 (OUT-03), a SNAT port from the driver (OUT-01), or nothing (L-OUT-05); for the instance's own
// address only (L-FIP-08).
control way_out(in headers_t hdr, inout metadata_t meta) {
    apply {
        bool one_to_one;
        bit<128> public;
        bit<2> tcp;
        bit<2> udp;
        if (meta.is_v6) {
            one_to_one = meta.instance.public_v6 != 0;
            public = meta.instance.public_v6;
            tcp = meta.instance.way_out_v6_tcp;
            udp = meta.instance.way_out_v6_udp;
        } else {
            one_to_one = meta.instance.public_v4 != 0;
            public = (bit<128>) meta.instance.public_v4;
            tcp = meta.instance.way_out_v4_tcp;
            udp = meta.instance.way_out_v4_udp;
        }
        bit<2> way = WAY_OUT_NONE;
        if (one_to_one) {
            way = WAY_OUT_ONE_TO_ONE;
        } else if (meta.protocol == PROTOCOL_TCP) {
            way = tcp;
        } else if (meta.protocol == PROTOCOL_UDP) {
            way = udp;
        }

        if (!meta.from_instance || meta.source_is != Source.OWN) {
            drop_unclaimed(meta, DROP_NO_OUTBOUND);
        } else if (way == WAY_OUT_ONE_TO_ONE && !one_to_one) {
            drop(meta, DROP_BROKEN_REFERENCE);
        } else if (way == WAY_OUT_ONE_TO_ONE) {
            meta.side = Side.SOURCE;
            meta.address = public;
            meta.leaves = true;
        } else if (way == WAY_OUT_SNAT && meta.class == Class.FRAGMENT) {
            drop_unclaimed(meta, DROP_NO_OUTBOUND);
        } else if (way == WAY_OUT_SNAT && meta.class == Class.TCP && !opens_tcp(meta)) {
            hold(meta, PUNT_MIDFLOW);
        } else if (way == WAY_OUT_SNAT) {
            hold(meta, PUNT_SNAT_MISS);
        } else {
            drop_unclaimed(meta, DROP_NO_OUTBOUND);
        }
    }
}
