// Headers as they are on the wire, and what the stages know of a packet.

header ethernet_t {
    bit<48> destination;
    bit<48> source;
    bit<16> ethertype;
}

// An 802.1Q tag behind the ethertype that announces it.
header vlan_t {
    bit<4>  priority_dei;
    bit<12> id;
    bit<16> ethertype;
}

// Only its length matters to the pipeline: the driver answers.
header arp_t {
    bit<224> packet;
}

header ipv4_t {
    bit<4>  version;
    bit<4>  header_words;
    bit<8>  tos;
    bit<16> total_len;
    bit<16> id;
    bit<2>  flags_high;
    bit<1>  more;
    bit<13> offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> source;
    bit<32> destination;
}

header ipv4_options_t {
    varbit<320> octets;
}

header ipv6_t {
    bit<4>   version;
    bit<28>  class_flow;
    bit<16>  payload_len;
    bit<8>   next_header;
    bit<8>   hop_limit;
    bit<128> source;
    bit<128> destination;
}

header ipv6_fragment_t {
    bit<8>  next_header;
    bit<8>  reserved;
    bit<13> offset;
    bit<3>  more;
    bit<32> id;
}

header tcp_t {
    bit<16> source_port;
    bit<16> destination_port;
    bit<32> seq;
    bit<32> ack;
    bit<4>  data_words;
    bit<4>  reserved;
    bit<8>  flags;
    bit<16> window;
    bit<16> checksum;
    bit<16> urgent;
}

header udp_t {
    bit<16> source_port;
    bit<16> destination_port;
    bit<16> len;
    bit<16> checksum;
}

header icmp_t {
    bit<8>  kind;
    bit<8>  code;
    bit<16> checksum;
    // Of echo requests and replies.
    bit<16> identifier;
    bit<16> sequence;
}

// A record from the driver on the CPU port: firmware-api `inject`, or `schema::FENCE`. The ring's
// words are little-endian; fields of more than a byte are swapped where they are used.
header inject_t {
    bit<8>  kind;
    bit<8>  driverless;
    bit<16> port;
    // Of a trace, its tag.
    bit<32> tick;
    bit<64> sequence;
    bit<64> length;
}

// A record to the driver on the CPU port: firmware-api `punt`, little-endian as above. The flow
// hash is the card's to fill in, which has the secret; a traced frame's tag stands there as it came.
header punt_t {
    bit<8>  reason;
    bit<8>  zero;
    bit<16> ingress;
    bit<32> timestamp;
    bit<16> rule;
    bit<16> backend;
    bit<32> flow_hash;
    bit<32> flow;
    bit<16> length;
    bit<16> captured;
}

struct headers_t {
    inject_t       inject;
    punt_t         punt;
    ethernet_t     ethernet;
    vlan_t         vlan;
    arp_t          arp;
    ipv4_t         ipv4;
    ipv4_options_t ipv4_options;
    ipv6_t         ipv6;
    ipv6_fragment_t ipv6_fragment;
    // Of a packet that is whole, and of a first fragment.
    tcp_t          tcp;
    udp_t          udp;
    icmp_t         icmp;
}

// What kind of packet it is, as far as the stages differ.
enum bit<3> Class {
    OTHER        = 0,
    TCP          = 1,
    UDP          = 2,
    ECHO_REQUEST = 3,
    ECHO_REPLY   = 4,
    ICMP_ERROR   = 5,
    NEIGHBOR     = 6,
    FRAGMENT     = 7
}

// What becomes of a packet, with the numbers of a trace's verdict. `reason` says why when it does
// not go on.
enum bit<2> Fate {
    GOES_ON = 0,
    DROPPED = 1,
    HELD    = 2
}

// Whose source address a packet from an instance has: its own, that of a frontend for which it
// answers (floating IP), or that of somebody for whom it forwards.
enum bit<2> Source {
    OWN      = 0,
    FRONTEND = 1,
    FOREIGN  = 2
}

enum bit<2> Side {
    NONE        = 0,
    SOURCE      = 1,
    DESTINATION = 2
}

// An instance, as `instance` has it.
struct instance_t {
    bool     valid;
    bit<32>  address_v4;
    bit<128> address_v6;
    bit<32>  public_v4;
    bit<128> public_v6;
    bit<2>   way_out_v4_tcp;
    bit<2>   way_out_v4_udp;
    bit<2>   way_out_v6_tcp;
    bit<2>   way_out_v6_udp;
    bit<16>  vport;
    bit<1>   floating_ip;
    bit<1>   ip_forwarding;
    bit<1>   platform;
    bit<1>   steers_v4;
    bit<16>  next_hop_v4;
    bit<1>   steers_v6;
    bit<16>  next_hop_v6;
}

enum bit<3> FrontendAction {
    NONE         = 0,
    BALANCE      = 1,
    PORT_FORWARD = 2,
    ANSWER_ECHO  = 3,
    // No frontend: through a member of the rule that is the sender's next hop.
    STEER        = 4
}

// What `frontend` says, or the sender's next hop.
struct frontend_t {
    FrontendAction does;
    bit<16> rule;
    bit<16> backend;
}

// What `return_path` says.
struct return_path_t {
    bool     valid;
    bit<128> address;
    bit<16>  port;
    bit<1>   internal;
    bit<1>   fragments;
}

// A port, as `port` has it.
struct port_t {
    bool    valid;
    bool    is_vport;
    bit<16> instance;
    bit<5>  zone;
    bit<48> own_mac;
    bit<48> peer_mac_v4;
    bit<48> peer_mac_v6;
    bit<12> vlan;
}

struct metadata_t {
    // The device, when the packet came.
    bit<32> tick;
    bool    driverless;

    // From the parser: addresses as 128 bits, IPv4 mapped (RFC 4291 section 2.5.5.2).
    Class    class;
    bit<3>   protocol;
    bit<8>   ip_protocol;
    bool     is_v6;
    bit<128> source;
    bit<128> destination;
    bit<16>  source_port;
    bit<16>  destination_port;
    bit<8>   tcp_flags;
    // Bytes from the frame's start to the transport header, of the IP packet, of the frame.
    bit<16>  l4;
    bit<16>  ip_len;
    @field_list(FieldList.COPY)
    bit<16>  length;

    // Where it comes from.
    @field_list(FieldList.COPY)
    bit<16>    ingress;
    bit<5>     zone;
    // The zone of the tables that it meets.
    bit<5>     network;
    bool       from_instance;
    Source     source_is;
    instance_t instance;

    // It came back from the driver; it went through the pipeline once already.
    @field_list(FieldList.AGAIN)
    bit<1> reprocess;
    @field_list(FieldList.AGAIN)
    bit<1> second_pass;
    // The record from the driver is still in front of it.
    @field_list(FieldList.AGAIN)
    bit<1> record;
    // It goes through the pipeline once more.
    bool   again;
    // What would become of it is told, and nothing else happens.
    bool    traced;
    bit<32> tag;

    // What becomes of it.
    Fate     fate;
    bit<8>   reason;
    Side     side;
    bit<128> address;
    bit<16>  port;
    bool     new_port;
    // The destination is public: to the uplink, unless it is ours.
    bool     leaves;
    bit<16>  egress;

    // What the driver is told of it.
    bool copy;
    @field_list(FieldList.COPY)
    bit<8>  punt;
    @field_list(FieldList.COPY)
    bit<16> rule;
    @field_list(FieldList.COPY)
    bit<16> backend;
    @field_list(FieldList.COPY)
    bit<32> flow;
    @field_list(FieldList.COPY)
    bit<16> captured;
    @field_list(FieldList.COPY)
    bit<32> timestamp;
}

bool has_ports(in metadata_t meta) {
    return meta.class == Class.TCP || meta.class == Class.UDP;
}

// Whether the packet can be of a flow: TCP, UDP, or an echo, whose identifier is the port of the
// side that asks (RFC 5508 section 3.1).
bool has_flow(in metadata_t meta) {
    return has_ports(meta) || meta.class == Class.ECHO_REQUEST || meta.class == Class.ECHO_REPLY;
}

// Whether a frontend or a return path may claim the packet. A fragment has port 0, so only those of
// every port (HA ports) can.
bool is_claimable(in metadata_t meta) {
    return has_flow(meta) || meta.class == Class.FRAGMENT;
}

// Whether the packet opens a TCP connection: SYN without ACK.
bool opens_tcp(in metadata_t meta) {
    return meta.class == Class.TCP && (meta.tcp_flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

// Whether the packet can be no reply.
bool is_request(in metadata_t meta) {
    return opens_tcp(meta) || meta.class == Class.ECHO_REQUEST;
}

action drop(inout metadata_t meta, bit<8> reason) {
    meta.fate = Fate.DROPPED;
    meta.reason = reason;
}

action hold(inout metadata_t meta, bit<8> reason) {
    meta.fate = Fate.HELD;
    meta.reason = reason;
}

// Drops a packet that nothing claims: `flows` is the reason for TCP and UDP.
action drop_unclaimed(inout metadata_t meta, bit<8> flows) {
    meta.fate = Fate.DROPPED;
    meta.reason = DROP_UNSUPPORTED_PROTOCOL;
    if (has_ports(meta)) {
        meta.reason = flows;
    } else if (meta.class == Class.FRAGMENT) {
        meta.reason = DROP_FRAGMENT;
    }
}
