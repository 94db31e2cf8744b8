//! Wire formats of the headers that Headgate reads and writes, all fields in network byte order.

use zerocopy::byteorder::{NetworkEndian, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `EtherType` numbers.
pub mod ethertype {
    /// IPv4.
    pub const IPV4: u16 = 0x0800;
    /// ARP.
    pub const ARP: u16 = 0x0806;
    /// An 802.1Q tag.
    pub const VLAN: u16 = 0x8100;
    /// IPv6.
    pub const IPV6: u16 = 0x86dd;
}

/// IP protocol and next-header numbers.
pub mod ip {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP for IPv4.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// ICMP for IPv6.
    pub const ICMPV6: u8 = 58;
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
}

/// Bytes of an ARP packet for IPv4 over Ethernet.
pub const ARP_LEN: usize = size_of::<Arp>();

macro_rules! header {
    ($(#[$doc:meta])* $name:ident, $len:literal { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
        #[repr(C)]
        pub struct $name { $($(#[$fdoc])* pub $field: $type,)* }
        const _: () = assert!(size_of::<$name>() == $len);
    };
}

header! {
    /// Ethernet II.
    Ethernet, 14 {
        /// Destination address.
        destination: [u8; 6],
        /// Source address.
        source: [u8; 6],
        /// What follows.
        ethertype: U16<NetworkEndian>,
    }
}

header! {
    /// An 802.1Q tag behind the `EtherType` that announces it.
    VlanTag, 4 {
        /// Priority (3 bits), DEI, VLAN id (12 bits).
        tci: U16<NetworkEndian>,
        /// What follows.
        ethertype: U16<NetworkEndian>,
    }
}

header! {
    /// ARP for IPv4 over Ethernet (RFC 826).
    Arp, 28 {
        /// 1 = Ethernet.
        hardware: U16<NetworkEndian>,
        /// 0x0800 = IPv4.
        protocol: U16<NetworkEndian>,
        /// 6.
        hardware_len: u8,
        /// 4.
        protocol_len: u8,
        /// 1 = request, 2 = reply.
        operation: U16<NetworkEndian>,
        /// Sender's Ethernet address.
        sender_mac: [u8; 6],
        /// Sender's IPv4 address.
        sender_ip: [u8; 4],
        /// Target's Ethernet address.
        target_mac: [u8; 6],
        /// Target's IPv4 address.
        target_ip: [u8; 4],
    }
}

header! {
    /// IPv4 without options (RFC 791).
    Ipv4, 20 {
        /// Version (4 bits) and header length in 32-bit words.
        version_ihl: u8,
        /// DSCP and ECN.
        tos: u8,
        /// Bytes of header and payload.
        total_len: U16<NetworkEndian>,
        /// Identification.
        id: U16<NetworkEndian>,
        /// Flags (3 bits) and fragment offset in 8-byte units.
        fragment: U16<NetworkEndian>,
        /// Time to live.
        ttl: u8,
        /// What follows.
        protocol: u8,
        /// Header checksum.
        checksum: U16<NetworkEndian>,
        /// Source address.
        source: [u8; 4],
        /// Destination address.
        destination: [u8; 4],
    }
}

header! {
    /// The fixed IPv6 header (RFC 8200).
    Ipv6, 40 {
        /// Version (4 bits), traffic class (8), flow label (20).
        version_class_flow: [u8; 4],
        /// Bytes behind this header.
        payload_len: U16<NetworkEndian>,
        /// What follows.
        next_header: u8,
        /// Hop limit.
        hop_limit: u8,
        /// Source address.
        source: [u8; 16],
        /// Destination address.
        destination: [u8; 16],
    }
}

header! {
    /// The IPv6 fragment header (RFC 8200 §4.5).
    Ipv6Fragment, 8 {
        /// What follows.
        next_header: u8,
        /// 0.
        reserved: u8,
        /// Offset in 8-byte units (13 bits), two zero bits, "more fragments".
        offset_more: U16<NetworkEndian>,
        /// Identification.
        id: U32<NetworkEndian>,
    }
}

header! {
    /// TCP without options (RFC 9293).
    Tcp, 20 {
        /// Source port.
        source_port: U16<NetworkEndian>,
        /// Destination port.
        destination_port: U16<NetworkEndian>,
        /// Sequence number.
        seq: U32<NetworkEndian>,
        /// Acknowledgement number.
        ack: U32<NetworkEndian>,
        /// Header length in 32-bit words (upper 4 bits).
        data_offset: u8,
        /// CWR, ECE, URG, ACK, PSH, RST, SYN, FIN.
        flags: u8,
        /// Receive window.
        window: U16<NetworkEndian>,
        /// Checksum with pseudo-header.
        checksum: U16<NetworkEndian>,
        /// Urgent pointer.
        urgent: U16<NetworkEndian>,
    }
}

header! {
    /// UDP (RFC 768).
    Udp, 8 {
        /// Source port.
        source_port: U16<NetworkEndian>,
        /// Destination port.
        destination_port: U16<NetworkEndian>,
        /// Bytes of header and payload.
        len: U16<NetworkEndian>,
        /// Checksum with pseudo-header; 0 = none (IPv4).
        checksum: U16<NetworkEndian>,
    }
}

header! {
    /// The first eight bytes of ICMP (RFC 792) and ICMPv6 (RFC 4443).
    Icmp, 8 {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// Checksum; ICMPv6 includes the pseudo-header.
        checksum: U16<NetworkEndian>,
        /// Depends on the type.
        rest: [u8; 4],
    }
}
