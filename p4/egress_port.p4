// `egress`: the link header of the port that a packet leaves by.

control egress_port(inout headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t standard) {
    find_port() departure;

    apply {
        port_t port;
        departure.apply(meta.egress, port);
        standard.egress_spec = (bit<9>) meta.egress;
        if (!port.valid) {
            drop(meta, DROP_EGRESS_OFF);
        } else if (hdr.ethernet.isValid()) {
            bit<16> ethertype = ETHERTYPE_IPV4;
            hdr.ethernet.destination = port.peer_mac_v4;
            if (meta.is_v6) {
                ethertype = ETHERTYPE_IPV6;
                hdr.ethernet.destination = port.peer_mac_v6;
            }
            hdr.ethernet.source = port.own_mac;
            if (port.vlan != 0) {
                hdr.vlan.setValid();
                hdr.vlan.priority_dei = 0;
                hdr.vlan.id = port.vlan;
                hdr.vlan.ethertype = ethertype;
                hdr.ethernet.ethertype = ETHERTYPE_VLAN;
            } else {
                hdr.vlan.setInvalid();
                hdr.ethernet.ethertype = ethertype;
            }
        }
    }
}
