// `ingress_port`: uplink or vport; a frame has to be for this card, and a vport may send only from
// its instance's addresses, or, with floating IP, from a frontend's: one that `return_path` knows
// and that is no other instance's own (spec L-FIP-03). Others' pass an instance that forwards.

control find_port(in bit<16> number, out port_t found) {
    action uplink(bit<5> zone, bit<48> own_mac, bit<48> peer_mac_v4, bit<48> peer_mac_v6,
                  bit<12> vlan) {
        found.valid = true;
        found.zone = zone;
        found.own_mac = own_mac;
        found.peer_mac_v4 = peer_mac_v4;
        found.peer_mac_v6 = peer_mac_v6;
        found.vlan = vlan;
    }

    action vport(bit<16> instance, bit<5> zone, bit<48> own_mac, bit<48> peer_mac_v4,
                 bit<48> peer_mac_v6, bit<12> vlan) {
        found.is_vport = true;
        found.instance = instance;
        uplink(zone, own_mac, peer_mac_v4, peer_mac_v6, vlan);
    }

    table port {
        key = { number: exact @name("port"); }
        actions = { uplink; vport; NoAction; }
        default_action = NoAction;
        size = PORT_SIZE;
    }

    apply {
        found = { ... };
        port.apply();
    }
}

control ingress_port(in headers_t hdr, inout metadata_t meta) {
    find_port() arrival;
    find_instance() sender;
    find_owner() source;
    find_return_path() floating;

    apply {
        if (meta.ingress == EGRESS_RECIRCULATE) {
            meta.zone = ZONE_UPLINK;
            meta.network = ZONE_UPLINK;
        } else {
            port_t port;
            arrival.apply(meta.ingress, port);
            bool from_one = hdr.ethernet.source[40:40] == 0;
            bool to_group = hdr.ethernet.destination[40:40] == 1;
            bool neighbor = meta.class == Class.NEIGHBOR;
            bool for_us = hdr.ethernet.destination == port.own_mac || neighbor && to_group;
            bit<12> vlan = 0;
            if (hdr.vlan.isValid()) {
                vlan = hdr.vlan.id;
            }
            meta.zone = port.zone;
            meta.network = port.zone == ZONE_FORWARD ? ZONE_VNET : port.zone;
            meta.from_instance = port.is_vport;
            if (!port.valid) {
                drop(meta, DROP_PORT_OFF);
            } else if (vlan != port.vlan) {
                drop(meta, DROP_VLAN_MISMATCH);
            } else if (!from_one || !for_us) {
                drop(meta, DROP_NOT_FOR_US);
            } else if (neighbor) {
                hold(meta, PUNT_NEIGHBOR);
            } else if (port.is_vport) {
                sender.apply(port.instance, meta.instance);
                bool own;
                if (meta.is_v6) {
                    own = meta.source == meta.instance.address_v6 && meta.source != 0;
                } else {
                    own = hdr.ipv4.source == meta.instance.address_v4 && hdr.ipv4.source != 0;
                }
                if (!meta.instance.valid) {
                    drop(meta, DROP_BROKEN_REFERENCE);
                } else if (!own) {
                    owner_t owner;
                    return_path_t frontend;
                    source.apply(meta.network, meta.source, owner);
                    floating.apply(hdr, meta, frontend);
                    if (meta.instance.floating_ip == 1 && is_claimable(meta) && !owner.valid
                            && frontend.valid) {
                        meta.source_is = Source.FRONTEND;
                    } else if (meta.instance.ip_forwarding == 1) {
                        meta.source_is = Source.FOREIGN;
                    } else {
                        drop(meta, DROP_SPOOFED_SOURCE);
                    }
                }
            }
        }
    }
}
