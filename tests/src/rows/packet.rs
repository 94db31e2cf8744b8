//! A frame by what is in it, as rows write it. Whatever is not said is as in a sound packet.
//!
//! ```text
//! tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S tag 100 pad 6
//! udp … checksum 0 zeros 1400           icmp 10.0.0.4 > 192.0.2.1 type 3 code 4 about udp …
//! ip 10.0.0.4 > 192.0.2.1 protocol 47   arp 10.0.0.4 > 10.0.0.1
//! eth ethertype 0x88cc                  frame 020000000001…
//! ```
//! `fragment` is the word of the IPv4 header, or, in a fragment header that it adds, of IPv6.
//! `checksum +1` is one more than the right one, in ones' complement; so it stays when the packet
//! is translated. `about` ends the description: the packet behind it is quoted.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use pnet_packet::util;

use super::state::Link;
use super::value;

/// What a frame is at its core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Head {
    /// A TCP segment.
    Tcp(SocketAddr, SocketAddr),
    /// A UDP datagram.
    Udp(SocketAddr, SocketAddr),
    /// An ICMP or ICMPv6 message.
    Icmp(IpAddr, IpAddr),
    /// Any other IP packet.
    Ip(IpAddr, IpAddr),
    /// An ARP request or answer: sender and target.
    Arp(IpAddr, IpAddr),
    /// Nothing above Ethernet.
    Ethernet,
    /// These bytes.
    Frame(Vec<u8>),
}

/// What can be said about a packet beside its head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Which of [`NAMES`].
    pub name: &'static str,
    /// Its value.
    pub value: Value,
}

/// The value of a [`Fact`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// So much more than is right.
    More(u16),
    /// Bytes.
    Bytes(Vec<u8>),
    /// A quoted packet.
    Packet(Box<Packet>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    Hex,
    Mac,
    Flags,
    Checksum,
    Bytes,
    Packet,
}

/// What can be said, from the outermost header to the innermost.
const NAMES: [(&str, Kind); 33] = [
    ("from", Kind::Mac),
    ("to", Kind::Mac),
    ("tpid", Kind::Hex),
    ("tag", Kind::Number),
    ("inner-tag", Kind::Number),
    ("ethertype", Kind::Hex),
    ("operation", Kind::Number),
    ("version", Kind::Number),
    ("ihl", Kind::Number),
    ("tos", Kind::Number),
    ("label", Kind::Number),
    ("length", Kind::Number),
    ("id", Kind::Number),
    ("fragment", Kind::Hex),
    ("ttl", Kind::Number),
    ("protocol", Kind::Number),
    ("options", Kind::Bytes),
    ("header-checksum", Kind::Checksum),
    ("flags", Kind::Flags),
    ("seq", Kind::Number),
    ("ack", Kind::Number),
    ("offset", Kind::Number),
    ("window", Kind::Number),
    ("urgent", Kind::Number),
    ("tcp-options", Kind::Bytes),
    ("udp-length", Kind::Number),
    ("type", Kind::Number),
    ("code", Kind::Number),
    ("rest", Kind::Hex),
    ("checksum", Kind::Checksum),
    ("data", Kind::Bytes),
    ("zeros", Kind::Number),
    ("about", Kind::Packet),
];
/// What can be said about the whole frame.
const FRAME_NAMES: [(&str, Kind); 2] = [("pad", Kind::Number), ("cut", Kind::Number)];
const FLAGS: &str = "FSRPAUEC";

/// A frame as it is described.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// What it is.
    pub head: Head,
    /// What else is said of it.
    pub facts: Vec<Fact>,
}

impl Packet {
    /// A packet of which nothing more is said.
    pub const fn new(head: Head) -> Self {
        Self {
            head,
            facts: Vec::new(),
        }
    }

    /// The same with a number said about it.
    #[must_use]
    pub fn with(mut self, name: &str, number: u64) -> Self {
        self.set(name, Value::Number(number));
        self
    }

    /// Says something about it, instead of what was said under that name.
    ///
    /// # Panics
    /// When there is no such name.
    pub fn set(&mut self, name: &str, value: Value) {
        let (name, _) = *kind(name).expect("a name of a fact");
        self.facts.retain(|fact| fact.name != name);
        self.facts.push(Fact { name, value });
    }

    /// The number said under a name.
    pub fn number(&self, name: &str) -> Option<u64> {
        match self.value(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// What is said under a name.
    pub fn value(&self, name: &str) -> Option<&Value> {
        self.facts
            .iter()
            .find(|fact| fact.name == name)
            .map(|fact| &fact.value)
    }

    /// Says no more what is said under these names.
    #[must_use]
    pub fn without(mut self, names: &[&str]) -> Self {
        self.facts.retain(|fact| !names.contains(&fact.name));
        self
    }

    /// Source and destination, of the IP packets.
    pub const fn addresses(&self) -> Option<(IpAddr, IpAddr)> {
        match self.head {
            Head::Tcp(from, to) | Head::Udp(from, to) => Some((from.ip(), to.ip())),
            Head::Icmp(from, to) | Head::Ip(from, to) => Some((from, to)),
            Head::Arp(..) | Head::Ethernet | Head::Frame(_) => None,
        }
    }

    /// Source and destination port in the key of its flow: an echo's identifier is the port of the
    /// side that asks. `None` when it can have no flow.
    pub fn key_ports(&self) -> Option<(u16, u16)> {
        let number = |name| self.number(name);
        match self.head {
            Head::Tcp(from, to) | Head::Udp(from, to) => Some((from.port(), to.port())),
            Head::Icmp(from, _) => {
                let (request, reply) = if from.is_ipv4() { (8, 0) } else { (128, 129) };
                let identifier = (number("rest").unwrap_or(0) >> 16) as u16;
                match number("type").unwrap_or(request) {
                    kind if kind == request => Some((identifier, 0)),
                    kind if kind == reply => Some((0, identifier)),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The same with another source; port 0 keeps the port.
    #[must_use]
    pub fn source(mut self, address: IpAddr, port: u16) -> Self {
        match &mut self.head {
            Head::Tcp(from, _) | Head::Udp(from, _) => change(from, address, port),
            Head::Icmp(from, _) | Head::Ip(from, _) => *from = address,
            Head::Arp(..) | Head::Ethernet | Head::Frame(_) => {}
        }
        self
    }

    /// The same with another destination; port 0 keeps the port.
    #[must_use]
    pub fn destination(mut self, address: IpAddr, port: u16) -> Self {
        match &mut self.head {
            Head::Tcp(_, to) | Head::Udp(_, to) => change(to, address, port),
            Head::Icmp(_, to) | Head::Ip(_, to) => *to = address,
            Head::Arp(..) | Head::Ethernet | Head::Frame(_) => {}
        }
        self
    }

    /// As it comes in on a port: from who is behind it to the card, untagged.
    pub fn arriving(&self, link: &Link) -> Vec<u8> {
        let peer = if self.is_v6() {
            link.peer_v6
        } else {
            link.peer_v4
        };
        self.emit(peer, link.own, 0)
    }

    /// As it leaves by a port, the link header the port's own.
    pub fn leaving(&self, link: &Link) -> Vec<u8> {
        let peer = if self.is_v6() {
            link.peer_v6
        } else {
            link.peer_v4
        };
        self.emit(link.own, peer, link.vlan)
    }

    fn is_v6(&self) -> bool {
        self.addresses().is_some_and(|(from, _)| from.is_ipv6())
    }

    /// The frame; addresses and tag are what is not said otherwise.
    fn emit(&self, from: [u8; 6], to: [u8; 6], tag: u16) -> Vec<u8> {
        let mut frame = match &self.head {
            Head::Frame(bytes) => bytes.clone(),
            _ => [self.link(from, to, tag), self.network()].concat(),
        };
        let pad = self.number("pad").unwrap_or(0) as usize;
        frame.resize(frame.len() + pad, 0xa5);
        if let Some(cut) = self.number("cut") {
            frame.truncate(cut as usize);
        }
        frame
    }

    fn link(&self, from: [u8; 6], to: [u8; 6], tag: u16) -> Vec<u8> {
        let mac = |name, other| self.number(name).map_or(other, to_mac);
        let mut link = [mac("to", to), mac("from", from)].concat();
        let tag = self.number("tag").or((tag != 0).then_some(tag.into()));
        let mut tpid = self.number("tpid").unwrap_or(0x8100) as u16;
        for tag in [tag, self.number("inner-tag")].into_iter().flatten() {
            link.extend(tpid.to_be_bytes());
            link.extend((tag as u16).to_be_bytes());
            tpid = 0x8100;
        }
        let usual = match self.head {
            Head::Arp(..) => 0x0806,
            _ if self.is_v6() => 0x86dd,
            Head::Ethernet => 0xffff,
            _ => 0x0800,
        };
        let ethertype = self.number("ethertype").unwrap_or(usual) as u16;
        link.extend(ethertype.to_be_bytes());
        link
    }

    fn network(&self) -> Vec<u8> {
        match self.head {
            Head::Arp(sender, target) => self.arp(sender, target),
            Head::Ethernet | Head::Frame(_) => self.data(),
            _ => self.ip(),
        }
    }

    fn arp(&self, sender: IpAddr, target: IpAddr) -> Vec<u8> {
        let operation = self.number("operation").unwrap_or(1) as u16;
        let mut arp = vec![0, 1, 8, 0, 6, 4];
        arp.extend(operation.to_be_bytes());
        for address in [sender, target] {
            arp.extend([2, 0, 0, 0, 0, 0x99]);
            arp.extend(octets(address));
        }
        arp.extend(self.data());
        arp
    }

    fn ip(&self) -> Vec<u8> {
        let (source, destination) = self.addresses().expect("an IP packet");
        let protocol = self
            .number("protocol")
            .unwrap_or(match (&self.head, source) {
                (Head::Tcp(..), _) => 6,
                (Head::Udp(..), _) => 17,
                (Head::Icmp(..), IpAddr::V4(_)) => 1,
                (Head::Icmp(..), IpAddr::V6(_)) => 58,
                _ => 253,
            }) as u8;
        let transport = self.transport();
        let number = |name, usual: usize| self.number(name).unwrap_or(usual as u64);
        let ttl = number("ttl", 64) as u8;
        if source.is_ipv6() {
            let (protocol, transport) = match self.number("fragment") {
                Some(word) => {
                    let mut behind = vec![protocol, 0];
                    behind.extend((word as u16).to_be_bytes());
                    behind.extend((number("id", 0) as u32).to_be_bytes());
                    (44, [behind, transport].concat())
                }
                None => (protocol, transport),
            };
            let first = number("version", 6) << 28
                | number("tos", 0) << 20
                | number("label", 0) & 0x000f_ffff;
            let mut ip = (first as u32).to_be_bytes().to_vec();
            ip.extend((number("length", transport.len()) as u16).to_be_bytes());
            ip.extend([protocol, ttl]);
            ip.extend(octets(source));
            ip.extend(octets(destination));
            ip.extend(transport);
            return ip;
        }
        let options = self.bytes("options");
        let words = 5 + options.len() / 4;
        let first = number("version", 4) << 4 | number("ihl", words) & 0x0f;
        let mut ip = vec![first as u8, number("tos", 0) as u8];
        let length = number("length", 4 * words + transport.len()) as u16;
        ip.extend(length.to_be_bytes());
        ip.extend((number("id", 0) as u16).to_be_bytes());
        ip.extend((number("fragment", 0) as u16).to_be_bytes());
        ip.extend([ttl, protocol, 0, 0]);
        ip.extend(octets(source));
        ip.extend(octets(destination));
        ip.extend(options);
        let checksum = self.checksum("header-checksum", util::checksum(&ip, 5));
        ip[10..12].copy_from_slice(&checksum.to_be_bytes());
        ip.extend(transport);
        ip
    }

    /// Transport header and payload.
    fn transport(&self) -> Vec<u8> {
        let number = |name, usual| self.number(name).unwrap_or(usual);
        let data = self.data();
        let (mut segment, at) = match self.head {
            Head::Tcp(from, to) => {
                let options = self.bytes("tcp-options");
                let words = 5 + options.len() as u64 / 4;
                let mut tcp = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
                tcp.extend((number("seq", 0) as u32).to_be_bytes());
                tcp.extend((number("ack", 0) as u32).to_be_bytes());
                tcp.extend([
                    (number("offset", words) << 4) as u8,
                    number("flags", 0) as u8,
                ]);
                tcp.extend((number("window", 0x1000) as u16).to_be_bytes());
                tcp.extend([0, 0]);
                tcp.extend((number("urgent", 0) as u16).to_be_bytes());
                tcp.extend(options);
                (tcp, 16)
            }
            Head::Udp(from, to) => {
                let mut udp = [from.port().to_be_bytes(), to.port().to_be_bytes()].concat();
                let length = number("udp-length", 8 + data.len() as u64) as u16;
                udp.extend(length.to_be_bytes());
                udp.extend([0, 0]);
                (udp, 6)
            }
            Head::Icmp(..) => {
                let echo = if self.is_v6() { 128 } else { 8 };
                let kind = number("type", echo) as u8;
                let mut icmp = vec![kind, number("code", 0) as u8, 0, 0];
                icmp.extend((number("rest", 0) as u32).to_be_bytes());
                (icmp, 2)
            }
            _ => return data,
        };
        segment.extend(data);
        let right = self.right_checksum(&segment);
        let checksum = self.checksum("checksum", right);
        segment[at..at + 2].copy_from_slice(&checksum.to_be_bytes());
        segment
    }

    fn right_checksum(&self, segment: &[u8]) -> u16 {
        let (source, destination) = self.addresses().expect("an IP packet");
        let protocol = match (&self.head, source) {
            (Head::Tcp(..), _) => 6,
            (Head::Udp(..), _) => 17,
            (_, IpAddr::V4(_)) => return util::checksum(segment, usize::MAX),
            (_, IpAddr::V6(_)) => 58,
        };
        let mut covered = [octets(source), octets(destination)].concat();
        covered.extend([0, protocol]);
        covered.extend((segment.len() as u16).to_be_bytes());
        covered.extend(segment);
        match util::checksum(&covered, usize::MAX) {
            0 if protocol == 17 => 0xffff,
            checksum => checksum,
        }
    }

    fn checksum(&self, name: &str, right: u16) -> u16 {
        match self.value(name) {
            Some(Value::Number(number)) => *number as u16,
            Some(Value::More(more)) => {
                let sum = u32::from(right) + u32::from(*more);
                (sum + (sum >> 16)) as u16
            }
            _ => right,
        }
    }

    fn bytes(&self, name: &str) -> &[u8] {
        match self.value(name) {
            Some(Value::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    fn data(&self) -> Vec<u8> {
        let mut data = self.bytes("data").to_vec();
        if let Some(Value::Packet(quoted)) = self.value("about") {
            data.extend(quoted.network());
        }
        let zeros = self.number("zeros").unwrap_or(0) as usize;
        data.resize(data.len() + zeros, 0);
        data
    }

    /// Reads a description.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut words = text.split_whitespace();
        let packet = Self::read(&mut words)?;
        Ok(packet)
    }

    fn read<'t>(words: &mut impl Iterator<Item = &'t str>) -> Result<Self, String> {
        let mut packet = Self::new(head(words)?);
        while let Some(name) = words.next() {
            let (name, kind) =
                *kind(name).ok_or_else(|| format!("nothing is called `{name}` in a packet"))?;
            let value = if kind == Kind::Packet {
                Value::Packet(Box::new(Self::read(words)?))
            } else {
                let text = words.next().ok_or_else(|| format!("{name} of what?"))?;
                read_value(kind, text).ok_or_else(|| format!("`{text}` is no {name}"))?
            };
            packet.facts.push(Fact { name, value });
        }
        Ok(packet)
    }
}

/// What can be said under a name.
fn kind(name: &str) -> Option<&'static (&'static str, Kind)> {
    let mut names = NAMES.iter().chain(&FRAME_NAMES);
    names.find(|(known, _)| *known == name)
}

fn head<'t>(words: &mut impl Iterator<Item = &'t str>) -> Result<Head, String> {
    let name = words.next().ok_or("no packet")?;
    if name == "eth" {
        return Ok(Head::Ethernet);
    }
    let first = words.next().ok_or("a packet is `tcp A:PORT > B:PORT …`")?;
    if name == "frame" {
        let bytes = value::bytes(first).ok_or_else(|| format!("`{first}` are no bytes"))?;
        return Ok(Head::Frame(bytes));
    }
    let (Some(">"), Some(second)) = (words.next(), words.next()) else {
        return Err(format!("{name} is from whom > to whom?"));
    };
    let socket = |text: &str| {
        text.parse()
            .map_err(|_| format!("`{text}` is no address:port"))
    };
    let address = |text: &str| text.parse().map_err(|_| format!("`{text}` is no address"));
    let head = match name {
        "tcp" => Head::Tcp(socket(first)?, socket(second)?),
        "udp" => Head::Udp(socket(first)?, socket(second)?),
        "icmp" => Head::Icmp(address(first)?, address(second)?),
        "ip" => Head::Ip(address(first)?, address(second)?),
        "arp" => Head::Arp(address(first)?, address(second)?),
        _ => return Err(format!("there is no kind of packet `{name}`")),
    };
    Ok(head)
}

fn read_value(kind: Kind, text: &str) -> Option<Value> {
    Some(match kind {
        Kind::Number | Kind::Hex => Value::Number(value::number(text)?),
        Kind::Mac => Value::Number(from_mac(value::mac(text)?)),
        Kind::Flags => {
            let bit = |letter| FLAGS.find(letter).map(|at| 1 << at);
            let bits: Option<Vec<u64>> = text.trim_matches('-').chars().map(bit).collect();
            Value::Number(bits?.into_iter().sum())
        }
        Kind::Checksum => match text.strip_prefix('+') {
            Some(more) => Value::More(more.parse().ok()?),
            None => Value::Number(value::number(text)?),
        },
        Kind::Bytes => Value::Bytes(value::bytes(text)?),
        Kind::Packet => return None,
    })
}

fn print_value(kind: Kind, value: &Value) -> String {
    match (kind, value) {
        (Kind::Mac, Value::Number(number)) => value::print_mac(to_mac(*number)),
        (Kind::Flags, Value::Number(0)) => "-".to_owned(),
        (Kind::Flags, Value::Number(bits)) => {
            let set = FLAGS
                .chars()
                .enumerate()
                .filter(|(at, _)| bits >> at & 1 != 0);
            set.map(|(_, letter)| letter).collect()
        }
        (Kind::Hex | Kind::Checksum, Value::Number(number)) => format!("{number:#x}"),
        (_, Value::Number(number)) => number.to_string(),
        (_, Value::More(more)) => format!("+{more}"),
        (_, Value::Bytes(bytes)) => value::print_bytes(bytes),
        (_, Value::Packet(packet)) => packet.to_string(),
    }
}

impl fmt::Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.head {
            Head::Tcp(from, to) => write!(f, "tcp {from} > {to}")?,
            Head::Udp(from, to) => write!(f, "udp {from} > {to}")?,
            Head::Icmp(from, to) => write!(f, "icmp {from} > {to}")?,
            Head::Ip(from, to) => write!(f, "ip {from} > {to}")?,
            Head::Arp(from, to) => write!(f, "arp {from} > {to}")?,
            Head::Ethernet => write!(f, "eth")?,
            Head::Frame(bytes) => write!(f, "frame {}", value::print_bytes(bytes))?,
        }
        // A quoted packet takes the rest of the line.
        let is_quote = |fact: &&Fact| matches!(fact.value, Value::Packet(_));
        let quotes = self.facts.iter().filter(is_quote);
        let others = self.facts.iter().filter(|fact| !is_quote(fact));
        for fact in others.chain(quotes) {
            let (_, kind) = kind(fact.name).expect("facts have known names");
            write!(f, " {} {}", fact.name, print_value(*kind, &fact.value))?;
        }
        Ok(())
    }
}

fn change(end: &mut SocketAddr, address: IpAddr, port: u16) {
    let port = if port == 0 { end.port() } else { port };
    *end = SocketAddr::new(address, port);
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    }
}

fn from_mac(mac: [u8; 6]) -> u64 {
    mac.iter()
        .fold(0, |number, octet| number << 8 | u64::from(*octet))
}

fn to_mac(number: u64) -> [u8; 6] {
    std::array::from_fn(|i| (number >> (40 - 8 * i)) as u8)
}
