// The packets of no known flow: which table claims them. All tables are asked first; then the
// decision graph of ARCHITECTURE.md says which answer counts.

control miss(in headers_t hdr, inout metadata_t meta) {
    find_frontend() here;
    find_frontend() at_uplink;
    find_owner() owner_here;
    find_owner() owner_at_uplink;
    find_snat_block() snat;
    find_return_path() reply;
    find_instance() receiver;
    find_next_hop() next_hop;
    balance_flow() balance;
    one_to_one() deliver;
    way_out() outbound;

    apply {
        frontend_t frontend;
        frontend_t public_frontend = { ... };
        owner_t owner;
        owner_t public_owner = { ... };
        bool is_snat_block;
        return_path_t return_path = { ... };
        instance_t instance = { ... };
        bool steered = false;
        bit<16> steering_rule = 0;

        here.apply(hdr, meta, meta.network, frontend);
        owner_here.apply(meta.network, meta.destination, owner);
        snat.apply(meta, is_snat_block);
        if (owner.valid) {
            receiver.apply(owner.instance, instance);
        }
        if (meta.network != ZONE_UPLINK) {
            if (!is_request(meta) && meta.source_is != Source.FOREIGN) {
                reply.apply(hdr, meta, return_path);
            }
            owner_at_uplink.apply(ZONE_UPLINK, meta.destination, public_owner);
            at_uplink.apply(hdr, meta, ZONE_UPLINK, public_frontend);
            next_hop.apply(meta, owner.valid, instance, steered, steering_rule);
        }
        if (steered && frontend.does == FrontendAction.NONE && !return_path.valid) {
            frontend.does = FrontendAction.STEER;
            frontend.rule = steering_rule;
        }
        bool is_broken = owner.valid && !instance.valid;

        if (meta.class == Class.ICMP_ERROR) {
            hold(meta, PUNT_ICMP_ERROR);
        } else if (frontend.does == FrontendAction.STEER && is_broken) {
            drop(meta, DROP_BROKEN_REFERENCE);
        } else if (frontend.does == FrontendAction.STEER && !has_flow(meta)) {
            drop_unclaimed(meta, DROP_NO_OUTBOUND);
        } else if (frontend.does != FrontendAction.NONE) {
            balance.apply(hdr, meta, frontend);
        } else if (meta.network == ZONE_UPLINK) {
            if (owner.valid) {
                deliver.apply(instance, meta);
            } else if (is_snat_block) {
                hold(meta, PUNT_MIDFLOW);
            } else {
                drop_unclaimed(meta, DROP_NO_FRONTEND);
            }
        } else if (return_path.valid) {
            // Between instances it may be a reply through an internal frontend or a connection of
            // its own: the driver knows. Without it, it counts as a reply; so does a fragment, of
            // which the driver knows nothing. In the name of an internal frontend nothing goes to
            // anybody else: only the driver knows behind which instance its client is (FWD-09).
            bool is_fragment = meta.class == Class.FRAGMENT;
            bool is_unknown = !owner.valid && return_path.internal == 1;
            if (is_fragment && (return_path.fragments == 0 || is_unknown)) {
                drop(meta, DROP_FRAGMENT);
            } else if (!is_fragment && (is_unknown || owner.valid && !meta.driverless)) {
                hold(meta, PUNT_MIDFLOW);
            } else if (is_broken) {
                drop(meta, DROP_BROKEN_REFERENCE);
            } else {
                meta.side = Side.SOURCE;
                meta.address = return_path.address;
                meta.port = return_path.port;
                meta.new_port = return_path.port != 0;
                meta.egress = instance.vport;
                meta.leaves = !owner.valid;
            }
        } else if (owner.valid) {
            // Between vports, as it is.
            meta.egress = instance.vport;
            if (is_broken) {
                drop(meta, DROP_BROKEN_REFERENCE);
            }
        } else {
            outbound.apply(hdr, meta);
        }

        // To the uplink, or, when the destination is ours, through the pipeline again (spec A-15).
        if (meta.leaves) {
            meta.egress = UPLINK_PORT;
            if (public_owner.valid || is_snat_block || public_frontend.does != FrontendAction.NONE) {
                meta.egress = EGRESS_RECIRCULATE;
            }
        }
    }
}
