// Headgate's pipeline for v1model: an Azure-style layer-4 load balancer. The decision graph is in
// ARCHITECTURE.md; hw-sim/src/pipeline is the same pipeline natively, stage by stage.
//
//   check          is the frame sound, and what is it?
//   ingress_port   port, VLAN, MACs, spoofing
//   flow_lookup    known flows: translate, update state
//   miss           from the uplink: frontend, address, snat_block
//                  from an instance: frontend, return_path, next hop, address, instance
//   rewrite        one side, checksums
//   egress_port    link header; or once more as from the uplink
//
// A table that is looked up at several places exists once per place, with the same entries: a
// control `find_…` is the table, its instances are the places.
//
// `p4/compile` makes headgate.json and headgate.p4info.txtpb of these files.

#include <core.p4>
#include <v1model.p4>

// BMv2's mark of a packet that was copied at ingress.
const bit<32> INSTANCE_TYPE_INGRESS_CLONE = 1;

// Which metadata outlives a packet's copy and its second pass.
enum bit<8> FieldList {
    COPY  = 1,
    AGAIN = 2
}

#include "constants.p4"
#include "headers.p4"
#include "parser.p4"
#include "check.p4"
#include "instance.p4"
#include "address.p4"
#include "return_path.p4"
#include "frontend.p4"
#include "ingress_port.p4"
#include "flow_lookup.p4"
#include "miss.p4"
#include "rewrite.p4"
#include "egress_port.p4"
#include "records.p4"

control ingress(inout headers_t hdr, inout metadata_t meta,
                inout standard_metadata_t standard) {
    check() check_frame;
    ingress_port() admit;
    flow_lookup() flow;
    miss() decide;
    rewrite() translate;
    egress_port() emit;
    copied_headers() headers_of;
    tell_verdict() verdict;
    write_punt() record;

    // What the shell around the pipeline says of the device: its clock in milliseconds, and
    // whether the driver's heartbeat is stale.
    register<bit<32>>(1) tick;
    register<bit<1>>(1) driverless;
    // Dropped packets; the index is the reason.
    counter(DROP_REASONS, CounterType.packets) drops;

    apply {
        bit<1> stale;
        tick.read(meta.tick, 0);
        driverless.read(stale, 0);
        meta.driverless = stale == 1;
        meta.timestamp = meta.tick;
        meta.rule = NO_ID;
        meta.backend = NO_ID;
        meta.flow = NO_FLOW;
        meta.length = (bit<16>) standard.packet_length;
        if (standard.ingress_port == UPLINK_INGRESS) {
            meta.ingress = UPLINK_PORT;
        } else {
            meta.ingress = (bit<16>) standard.ingress_port;
        }

        bool is_fence = hdr.inject.isValid() && hdr.inject.kind == KIND_FENCE;
        bool is_transmit = hdr.inject.isValid() && hdr.inject.kind == KIND_TRANSMIT;
        if (hdr.inject.isValid()) {
            meta.length = meta.length - RECORD_LEN;
            meta.ingress = little_16(hdr.inject.port);
            meta.traced = hdr.inject.kind == KIND_TRACE;
            if (meta.traced) {
                meta.tag = hdr.inject.tick;
            }
        }
        if (meta.second_pass == 1 && !is_fence) {
            meta.ingress = EGRESS_RECIRCULATE;
        }

        if (is_fence) {
            // It goes the longest way round, so that it is behind all that came before it.
            if (meta.second_pass == 1) {
                standard.egress_spec = (bit<9>) meta.ingress;
            } else {
                tick.write(0, little_32(hdr.inject.tick));
                driverless.write(0, hdr.inject.driverless[0:0]);
                meta.again = true;
            }
        } else if (is_transmit) {
            meta.egress = meta.ingress;
        } else {
            if (hdr.inject.isValid() && !meta.traced) {
                meta.reprocess = 1;
            }
            if (meta.ingress == EGRESS_RECIRCULATE) {
                meta.second_pass = 1;
            }
            check_frame.apply(hdr, meta);
            if (meta.fate == Fate.GOES_ON) {
                admit.apply(hdr, meta);
            }
            bool hit = false;
            if (meta.fate == Fate.GOES_ON && has_flow(meta)) {
                flow.apply(hdr, meta, hit);
            }
            if (meta.fate == Fate.GOES_ON && !hit) {
                decide.apply(hdr, meta);
            }
            if (meta.fate == Fate.GOES_ON && meta.copy && !meta.traced) {
                headers_of.apply(hdr, meta);
                clone_preserving_field_list(CloneType.I2E, CPU_SESSION, (bit<8>) FieldList.COPY);
            }
            if (meta.fate == Fate.GOES_ON && meta.side != Side.NONE) {
                translate.apply(hdr, meta);
            }
        }

        bit<16> link_len = ETHERNET_LEN;
        if (hdr.vlan.isValid()) {
            link_len = ETHERNET_LEN + VLAN_LEN;
        }
        if (meta.fate == Fate.GOES_ON && !is_fence) {
            if (meta.egress != EGRESS_RECIRCULATE) {
                emit.apply(hdr, meta, standard);
            } else if (meta.second_pass == 1 || is_transmit) {
                drop(meta, is_transmit ? DROP_EGRESS_OFF : DROP_RECIRCULATION_LIMIT);
            } else {
                meta.again = true;
            }
        }
        if (meta.again) {
            standard.egress_spec = FENCE_PORT;
            meta.record = (bit<1>) hdr.inject.isValid();
        } else if (!is_fence) {
            hdr.inject.setInvalid();
        }

        if (meta.fate == Fate.HELD && meta.driverless) {
            drop(meta, DROP_DRIVERLESS);
        } else if (meta.fate == Fate.HELD && meta.reprocess == 1) {
            drop(meta, DROP_REPROCESS_MISS);
        }
        bool told = meta.fate == Fate.HELD;
        if (meta.traced && !meta.again) {
            told = true;
            verdict.apply(hdr, meta, link_len);
        } else if (told) {
            meta.punt = meta.reason;
            meta.captured = meta.length;
            meta.flow = NO_FLOW;
        }
        if (told) {
            record.apply(hdr, meta);
            standard.egress_spec = CPU_PORT;
        } else if (meta.fate == Fate.DROPPED) {
            drops.count((bit<32>) meta.reason);
            mark_to_drop(standard);
        }
    }
}

control egress(inout headers_t hdr, inout metadata_t meta,
               inout standard_metadata_t standard) {
    write_punt() record;

    apply {
        if (standard.instance_type == INSTANCE_TYPE_INGRESS_CLONE) {
            record.apply(hdr, meta);
            truncate((bit<32>) (RECORD_LEN + meta.captured));
        } else if (meta.again) {
            meta.second_pass = 1;
            recirculate_preserving_field_list((bit<8>) FieldList.AGAIN);
        }
    }
}

control no_checksums(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

V1Switch(parse_frame(), no_checksums(), ingress(), egress(), no_checksums(), deparse_frame()) main;
