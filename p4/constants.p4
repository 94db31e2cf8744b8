// The numbers that the pipeline shares with the driver, from firmware-api. Written by
// `p4/compile`; not to be edited.

// Why a packet is dropped.
const bit<8> DROP_PORT_OFF = 0;
const bit<8> DROP_TRUNCATED = 1;
const bit<8> DROP_OVERSIZED = 2;
const bit<8> DROP_VLAN_MISMATCH = 3;
const bit<8> DROP_UNSUPPORTED_ETHERTYPE = 4;
const bit<8> DROP_BAD_VERSION = 5;
const bit<8> DROP_BAD_HEADER_LENGTH = 6;
const bit<8> DROP_BAD_TOTAL_LENGTH = 7;
const bit<8> DROP_BAD_CHECKSUM = 8;
const bit<8> DROP_FRAGMENT = 9;
const bit<8> DROP_UNSUPPORTED_PROTOCOL = 10;
const bit<8> DROP_SPOOFED_SOURCE = 11;
const bit<8> DROP_NO_FRONTEND = 12;
const bit<8> DROP_NO_BACKEND = 13;
const bit<8> DROP_NO_OUTBOUND = 14;
const bit<8> DROP_DRIVERLESS = 15;
const bit<8> DROP_PUNT_RING_FULL = 16;
const bit<8> DROP_EGRESS_OFF = 17;
const bit<8> DROP_REPROCESS_MISS = 18;
const bit<8> DROP_RECIRCULATION_LIMIT = 19;
const bit<8> DROP_BROKEN_REFERENCE = 20;
const bit<8> DROP_NOT_FOR_US = 21;
const bit<8> DROP_DRIVER_REFUSED = 22;

// Why the driver sees a packet, or its headers.
const bit<8> PUNT_LEARN = 0;
const bit<8> PUNT_MIDFLOW = 1;
const bit<8> PUNT_SNAT_MISS = 2;
const bit<8> PUNT_TEARDOWN = 3;
const bit<8> PUNT_NEIGHBOR = 4;
const bit<8> PUNT_ICMP_ERROR = 5;
const bit<8> PUNT_ECHO = 6;
const bit<8> PUNT_TRACE = 7;
const bit<8> PUNT_STEER = 8;

// Sizes: entries of tables, flow-state blocks, drop reasons.
const bit<32> PORT_SIZE = 504;
const bit<32> FLOW_V4_SIZE = 131136;
const bit<32> FLOW_V6_SIZE = 131136;
const bit<32> FRONTEND_V4_SIZE = 16448;
const bit<32> FRONTEND_V6_SIZE = 16448;
const bit<32> RULE_SIZE = 16384;
const bit<32> SELECTOR_SIZE = 131072;
const bit<32> BACKEND_SIZE = 16384;
const bit<32> RETURN_PATH_V4_SIZE = 16448;
const bit<32> RETURN_PATH_V6_SIZE = 16448;
const bit<32> INSTANCE_SIZE = 4096;
const bit<32> ADDRESS_SIZE = 16448;
const bit<32> SNAT_BLOCK_SIZE = 65600;
const bit<32> FLOWS = 32768;
const bit<32> DROP_REASONS = 23;

// Ports of the switch.
const bit<9> FENCE_PORT = 504;
const bit<9> UPLINK_INGRESS = 509;
const bit<9> CPU_PORT = 510;

// The mirroring session that copies packets to the CPU port.
const bit<32> CPU_SESSION = 1;

// Kinds of records from the driver, and from the shell around the pipeline.
const bit<8> KIND_TRANSMIT = 0;
const bit<8> KIND_REPROCESS = 1;
const bit<8> KIND_TRACE = 2;
const bit<8> KIND_FENCE = 255;

// Port numbers and ids with a meaning.
const bit<16> UPLINK_PORT = 0;
const bit<16> EGRESS_RECIRCULATE = 0xfffe;
const bit<16> NO_ID = 0xffff;

// No flow.
const bit<32> NO_FLOW = 0xffffffff;

// Zones.
const bit<5> ZONE_UPLINK = 0;
const bit<5> ZONE_VNET = 1;
const bit<5> ZONE_FORWARD = 2;

// Transport protocols in keys.
const bit<3> PROTOCOL_TCP = 1;
const bit<3> PROTOCOL_UDP = 2;
const bit<3> PROTOCOL_ICMP = 3;

// Hash modes of rules; any other is the 5-tuple.
const bit<2> HASH_TWO_TUPLE = 1;
const bit<2> HASH_THREE_TUPLE = 2;

// Ways out of instances.
const bit<2> WAY_OUT_NONE = 0;
const bit<2> WAY_OUT_ONE_TO_ONE = 1;
const bit<2> WAY_OUT_SNAT = 2;

// Ethertypes.
const bit<16> ETHERTYPE_IPV4 = 0x800;
const bit<16> ETHERTYPE_ARP = 0x806;
const bit<16> ETHERTYPE_VLAN = 0x8100;
const bit<16> ETHERTYPE_IPV6 = 0x86dd;

// IP protocols and next headers.
const bit<8> IP_HOP_BY_HOP = 0;
const bit<8> IP_ICMP = 1;
const bit<8> IP_TCP = 6;
const bit<8> IP_UDP = 17;
const bit<8> IP_ROUTING = 43;
const bit<8> IP_FRAGMENT = 44;
const bit<8> IP_ICMPV6 = 58;
const bit<8> IP_DESTINATION_OPTIONS = 60;

// TCP flags.
const bit<8> TCP_FIN = 1;
const bit<8> TCP_SYN = 2;
const bit<8> TCP_RST = 4;
const bit<8> TCP_ACK = 16;

// Bytes: of headers, of a record before its frame, of the frame that one slot of a ring holds, of the longest frame.
const bit<16> ETHERNET_LEN = 14;
const bit<16> VLAN_LEN = 4;
const bit<16> ARP_LEN = 28;
const bit<16> IPV6_LEN = 40;
const bit<16> IPV6_FRAGMENT_LEN = 8;
const bit<16> TCP_LEN = 20;
const bit<16> UDP_LEN = 8;
const bit<16> ICMP_LEN = 8;
const bit<16> RECORD_LEN = 24;
const bit<16> ONE_SLOT_PAYLOAD = 96;
const bit<16> MAX_FRAME = 9216;

// ::ffff:0.0.0.0: IPv4 addresses in 128 bits (RFC 4291 section 2.5.5.2).
const bit<128> IPV4_MAPPED = 0xffff00000000;
