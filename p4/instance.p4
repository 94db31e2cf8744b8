// `instance`: an instance's addresses, its vport, and its ways out to public destinations.

control find_instance(in bit<16> number, out instance_t found) {
    action is_instance(bit<32> address_v4, bit<128> address_v6, bit<32> public_v4,
                       bit<128> public_v6, bit<2> way_out_v4_tcp, bit<2> way_out_v4_udp,
                       bit<2> way_out_v6_tcp, bit<2> way_out_v6_udp, bit<16> vport,
                       bit<1> floating_ip) {
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

// 1:1 (OUT-03), a SNAT port from the driver (OUT-01), or nothing (L-OUT-05).
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
        } else if (meta.class == Class.TCP) {
            way = tcp;
        } else if (meta.class == Class.UDP) {
            way = udp;
        }

        if (!meta.from_instance) {
            drop_unclaimed(meta, DROP_NO_OUTBOUND);
        } else if (way == WAY_OUT_ONE_TO_ONE && !one_to_one) {
            drop(meta, DROP_BROKEN_REFERENCE);
        } else if (way == WAY_OUT_ONE_TO_ONE) {
            meta.side = Side.SOURCE;
            meta.address = public;
            meta.leaves = true;
        } else if (way == WAY_OUT_SNAT && meta.class == Class.TCP && !opens_tcp(meta)) {
            hold(meta, PUNT_MIDFLOW);
        } else if (way == WAY_OUT_SNAT) {
            hold(meta, PUNT_SNAT_MISS);
        } else {
            drop_unclaimed(meta, DROP_NO_OUTBOUND);
        }
    }
}
