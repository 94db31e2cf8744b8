// `address`, `snat_block`: whose the destination is. In zone uplink an `address` is a 1:1 public
// one, in zone vnet an instance's own; a SNAT block is eight ports of a public address.

struct owner_t {
    bool    valid;
    bit<16> instance;
}

control find_owner(in bit<5> zone, in bit<128> wanted, out owner_t found) {
    action owned_by(bit<16> instance) {
        found.valid = true;
        found.instance = instance;
    }

    table address {
        key = {
            zone:   exact @name("zone");
            wanted: exact @name("destination");
        }
        actions = { owned_by; NoAction; }
        default_action = NoAction;
        size = ADDRESS_SIZE;
    }

    apply {
        found = { ... };
        address.apply();
    }
}

control find_snat_block(in metadata_t meta, out bool found) {
    bit<16> block = meta.destination_port >> 3;

    // The vport is the driver's to read; the pipeline asks only whether the block is anybody's.
    action owned_by_vport(bit<16> vport) {
        found = true;
    }

    table snat_block {
        key = {
            meta.protocol:    exact @name("protocol");
            meta.destination: exact @name("address");
            block:            exact @name("block");
        }
        actions = { owned_by_vport; NoAction; }
        default_action = NoAction;
        size = SNAT_BLOCK_SIZE;
    }

    apply {
        found = false;
        if (has_ports(meta)) {
            snat_block.apply();
        }
    }
}

// Delivers a packet to the instance behind a 1:1 public address (OUT-03, L-OUT-02).
control one_to_one(in instance_t owner, inout metadata_t meta) {
    apply {
        meta.side = Side.DESTINATION;
        meta.egress = owner.vport;
        if (meta.is_v6) {
            meta.address = owner.address_v6;
        } else {
            meta.address = (bit<128>) owner.address_v4;
        }
        if (!owner.valid || meta.address == 0) {
            drop(meta, DROP_BROKEN_REFERENCE);
        }
    }
}
