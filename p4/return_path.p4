// `return_path`: replies of backends whose flow entry is not installed yet, or no longer: by the
// port, or else by the address alone (HA ports).

control match_return_path(in headers_t hdr, in metadata_t meta, in bit<16> wanted,
                          inout return_path_t found) {
    action reply_from_v4(bit<32> address, bit<16> port, bit<1> internal,
                         bit<1> fragments) {
        found.valid = true;
        found.address = (bit<128>) address;
        found.port = port;
        found.internal = internal;
        found.fragments = fragments;
    }

    action reply_from_v6(bit<128> address, bit<16> port, bit<1> internal,
                         bit<1> fragments) {
        found.valid = true;
        found.address = address;
        found.port = port;
        found.internal = internal;
        found.fragments = fragments;
    }

    table return_path_v4 {
        key = {
            meta.network:    exact @name("zone");
            meta.protocol:   exact @name("protocol");
            hdr.ipv4.source: exact @name("source");
            wanted:          exact @name("port");
        }
        actions = { reply_from_v4; NoAction; }
        default_action = NoAction;
        size = RETURN_PATH_V4_SIZE;
    }

    table return_path_v6 {
        key = {
            meta.network:    exact @name("zone");
            meta.protocol:   exact @name("protocol");
            hdr.ipv6.source: exact @name("source");
            wanted:          exact @name("port");
        }
        actions = { reply_from_v6; NoAction; }
        default_action = NoAction;
        size = RETURN_PATH_V6_SIZE;
    }

    apply {
        if (meta.is_v6) {
            return_path_v6.apply();
        } else {
            return_path_v4.apply();
        }
    }
}

control find_return_path(in headers_t hdr, in metadata_t meta, out return_path_t found) {
    match_return_path() exactly;
    match_return_path() any_port;

    apply {
        found = { ... };
        if (is_claimable(meta)) {
            exactly.apply(hdr, meta, meta.source_port, found);
            if (!found.valid) {
                any_port.apply(hdr, meta, 0, found);
            }
        }
    }
}
