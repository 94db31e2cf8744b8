// `frontend`: is the destination a frontend? The one of the port, or else the HA-ports frontend of
// the address (spec L-HA-02). Then a new flow is balanced by the rule's hash, or forwarded to the
// one backend of an inbound NAT rule, or an echo request is answered by the driver. What only passes
// a rule's members, as the next hop of its sender, is selected here as well.

control match_frontend(in headers_t hdr, in metadata_t meta, in bit<5> zone, in bit<16> port,
                       inout frontend_t found) {
    action balance(bit<16> rule) {
        found.does = FrontendAction.BALANCE;
        found.rule = rule;
    }

    action port_forward(bit<16> rule, bit<16> backend) {
        found.does = FrontendAction.PORT_FORWARD;
        found.rule = rule;
        found.backend = backend;
    }

    action answer_echo() {
        found.does = FrontendAction.ANSWER_ECHO;
    }

    table frontend_v4 {
        key = {
            zone:                 exact @name("zone");
            meta.protocol:        exact @name("protocol");
            hdr.ipv4.destination: exact @name("destination");
            port:                 exact @name("port");
        }
        actions = { balance; port_forward; answer_echo; NoAction; }
        default_action = NoAction;
        size = FRONTEND_V4_SIZE;
    }

    table frontend_v6 {
        key = {
            zone:                 exact @name("zone");
            meta.protocol:        exact @name("protocol");
            hdr.ipv6.destination: exact @name("destination");
            port:                 exact @name("port");
        }
        actions = { balance; port_forward; answer_echo; NoAction; }
        default_action = NoAction;
        size = FRONTEND_V6_SIZE;
    }

    apply {
        if (meta.is_v6) {
            frontend_v6.apply();
        } else {
            frontend_v4.apply();
        }
    }
}

control find_frontend(in headers_t hdr, in metadata_t meta, in bit<5> zone,
                      out frontend_t found) {
    match_frontend() exactly;
    match_frontend() any_port;

    apply {
        found = { ... };
        if (is_claimable(meta)) {
            exactly.apply(hdr, meta, zone, meta.destination_port, found);
            if (found.does == FrontendAction.NONE) {
                any_port.apply(hdr, meta, zone, 0, found);
            }
        }
    }
}

// Selects the backend of a new flow by the rule's hash (DIST-01): CRC-32 over the tuple that the
// mode names, modulo the selection's size. Of a steered flow the lower end, by address and then
// port, stands in the place of the source, so that both directions select the same (L-HA-08).
control select_backend(in headers_t hdr, inout metadata_t meta, inout frontend_t frontend) {
    bool valid = false;
    bit<2> tuple_of = 0;
    bit<32> base = 0;
    bit<32> slots = 0;
    bit<32> slot = 0;
    bool takes_fragments = false;

    action select_by_hash(bit<2> mode, bit<24> selector_base, bit<20> selector_size,
                          bit<1> floating_ip, bit<1> reset, bit<1> fragments) {
        valid = true;
        tuple_of = mode;
        base = (bit<32>) selector_base;
        slots = (bit<32>) selector_size;
        takes_fragments = fragments == 1;
    }

    table rule {
        key = { frontend.rule: exact @name("rule"); }
        actions = { select_by_hash; NoAction; }
        default_action = NoAction;
        size = RULE_SIZE;
    }

    action choose(bit<16> backend) {
        frontend.backend = backend;
    }

    table selector {
        key = { slot: exact @name("slot"); }
        actions = { choose; NoAction; }
        default_action = NoAction;
        size = SELECTOR_SIZE;
    }

    apply {
        rule.apply();
        bool is_fragment = meta.class == Class.FRAGMENT;
        if (is_fragment) {
            // All that every fragment of a datagram has are its addresses (spec A-17).
            tuple_of = HASH_TWO_TUPLE;
        }
        if (!valid) {
            drop(meta, DROP_BROKEN_REFERENCE);
        } else if (is_fragment && !takes_fragments) {
            drop(meta, DROP_FRAGMENT);
        } else if (slots == 0) {
            drop(meta, DROP_NO_BACKEND);
        } else {
            // An echo has no ports here: its identifier does not decide.
            bit<32> ports = 0;
            if (has_ports(meta)) {
                ports = meta.source_port ++ meta.destination_port;
            }
            bit<128> first = meta.source;
            bit<128> second = meta.destination;
            bool is_descending = meta.source > meta.destination
                || meta.source == meta.destination && ports[31:16] > ports[15:0];
            if (frontend.does == FrontendAction.STEER && is_descending) {
                first = meta.destination;
                second = meta.source;
                ports = ports[15:0] ++ ports[31:16];
            }
            if (meta.is_v6) {
                if (tuple_of == HASH_TWO_TUPLE) {
                    hash(slot, HashAlgorithm.crc32, base,
                         { first, second }, slots);
                } else if (tuple_of == HASH_THREE_TUPLE) {
                    hash(slot, HashAlgorithm.crc32, base,
                         { first, second, meta.ip_protocol }, slots);
                } else {
                    hash(slot, HashAlgorithm.crc32, base,
                         { first, second, meta.ip_protocol,
                           ports }, slots);
                }
            } else {
                if (tuple_of == HASH_TWO_TUPLE) {
                    hash(slot, HashAlgorithm.crc32, base,
                         { first[31:0], second[31:0] }, slots);
                } else if (tuple_of == HASH_THREE_TUPLE) {
                    hash(slot, HashAlgorithm.crc32, base,
                         { first[31:0], second[31:0], meta.ip_protocol }, slots);
                } else {
                    hash(slot, HashAlgorithm.crc32, base,
                         { first[31:0], second[31:0], meta.ip_protocol,
                           ports }, slots);
                }
            }
            if (slot >= SELECTOR_SIZE) {
                drop(meta, DROP_BROKEN_REFERENCE);
            } else if (!selector.apply().hit) {
                drop(meta, DROP_NO_BACKEND);
            }
        }
    }
}

// Forwards a new flow to a backend (GEN-01, NATR-01), or through it, and tells the driver of it.
control balance_flow(in headers_t hdr, inout metadata_t meta, inout frontend_t frontend) {
    select_backend() by_hash;
    bool valid = false;

    action forward_v4(bit<32> address, bit<16> port, bit<16> egress) {
        valid = !meta.is_v6;
        meta.address = (bit<128>) address;
        meta.port = port;
        meta.egress = egress;
    }

    action forward_v6(bit<128> address, bit<16> port, bit<16> egress) {
        valid = meta.is_v6;
        meta.address = address;
        meta.port = port;
        meta.egress = egress;
    }

    table backend {
        key = { frontend.backend: exact @name("backend"); }
        actions = { forward_v4; forward_v6; NoAction; }
        default_action = NoAction;
        size = BACKEND_SIZE;
    }

    apply {
        if (meta.class == Class.TCP && !opens_tcp(meta) && !meta.driverless) {
            hold(meta, PUNT_MIDFLOW);
        } else if (frontend.does == FrontendAction.BALANCE
                || frontend.does == FrontendAction.STEER) {
            by_hash.apply(hdr, meta, frontend);
        } else if (frontend.does == FrontendAction.ANSWER_ECHO) {
            if (meta.class == Class.ECHO_REQUEST) {
                hold(meta, PUNT_ECHO);
            } else {
                drop_unclaimed(meta, DROP_NO_FRONTEND);
            }
        } else if (meta.class == Class.FRAGMENT) {
            drop_unclaimed(meta, DROP_NO_FRONTEND);
        }
        if (meta.fate == Fate.GOES_ON) {
            backend.apply();
            if (valid) {
                meta.copy = !meta.driverless && meta.class != Class.FRAGMENT;
                if (frontend.does == FrontendAction.STEER) {
                    meta.punt = PUNT_STEER;
                } else {
                    meta.side = Side.DESTINATION;
                    meta.new_port = meta.port != 0;
                    meta.punt = PUNT_LEARN;
                }
                meta.rule = frontend.rule;
                meta.backend = frontend.backend;
            } else {
                drop(meta, DROP_BROKEN_REFERENCE);
            }
        }
    }
}
