//! What the oracle says of a row's packets, as far as it knows: sound packets of no known flow,
//! a driver that lives, tables as the compiler wrote them.

use firmware_api::{EGRESS_RECIRCULATE, Protocol, PuntReason};

use super::judge::ends;
use super::packet::{Head, Packet};
use super::row::{Fate, Row, Step};
use crate::frame::flags;
use crate::oracle::{self, Leaving};

/// What may be said of a packet that the oracle judges: what no stage looks at, and the tag.
const HARMLESS: [&str; 20] = [
    "tag",
    "fragment",
    "tos",
    "label",
    "id",
    "ttl",
    "options",
    "flags",
    "seq",
    "ack",
    "window",
    "urgent",
    "tcp-options",
    "type",
    "code",
    "rest",
    "checksum",
    "data",
    "about",
    "pad",
];

impl Row {
    /// Asks the oracle about every packet that it can judge; returns how many those are.
    ///
    /// # Errors
    /// The packet about which it differs.
    pub fn ask_the_oracle(&self) -> Result<usize, String> {
        let prepared = self.prepare()?;
        let Some(ir) = prepared.ir.filter(|_| self.edits.is_empty()) else {
            return Ok(0);
        };
        let mut judged = 0;
        for step in &self.steps {
            let Some(packet) = packet(step) else { continue };
            judged += 1;
            let fate = oracle::fate(&ir, &packet);
            if !permits(&fate, step) {
                let wrong = format!(
                    "  in        {} {}\n  expected  {}\n  found     {fate:?}\n",
                    step.ingress, step.packet, step.fate
                );
                return Err(self.wrong(step.line, "the oracle", &wrong));
            }
        }
        Ok(judged)
    }
}

/// The packet as the oracle sees it, if it can.
fn packet(step: &Step) -> Option<oracle::Packet> {
    let Step {
        packet, ingress, ..
    } = step;
    let when = step.when;
    let usual = !(when.driver_absent || when.reprocess || when.ring_full);
    let number = |name: &str| packet.number(name).unwrap_or(0);
    let protocol = match packet.head {
        Head::Ip(source, _) if fragment(packet)? == Fragment::Later => {
            of_number(number("protocol"), source.is_ipv4())
        }
        Head::Tcp(..) => Protocol::Tcp,
        Head::Udp(..) => Protocol::Udp,
        Head::Icmp(..) => Protocol::Icmp,
        Head::Ip(..) => Protocol::None,
        Head::Arp(..) | Head::Ethernet | Head::Frame(_) => return None,
    };
    let is_harmless = |name: &str| {
        HARMLESS.contains(&name)
            || name == "zeros" && number(name) <= 1400
            || name == "protocol" && (protocol != Protocol::None || is_other(number(name)))
    };
    let all_harmless = packet.facts.iter().all(|fact| is_harmless(fact.name));
    let fragment = fragment(packet)?;
    let is_fragment = fragment != Fragment::Whole;
    let kind = packet.number("type").unwrap_or(8);
    let (source, destination) = ends(packet)?;
    let is_v4 = source.0.is_ipv4();
    let is_icmp = protocol == Protocol::Icmp;
    let is_neighbor = is_icmp && !is_fragment && !is_v4 && (133..=137).contains(&kind);
    let (request, reply) = if is_v4 { (8, 0) } else { (128, 129) };
    let is_reply = is_icmp && !is_fragment && packet.number("type") == Some(reply);
    if !usual || *ingress == EGRESS_RECIRCULATE || !all_harmless || is_neighbor || is_reply {
        return None;
    }
    let errors: &[u64] = if is_v4 { &[3, 11, 12] } else { &[1, 2, 3, 4] };
    let is_echo = packet.number("type").is_none_or(|kind| kind == request);
    let protocol = if is_icmp && !is_fragment && !is_echo {
        Protocol::None
    } else {
        protocol
    };
    let tcp_flags = number("flags") as u8;
    Some(oracle::Packet {
        protocol,
        source: source.0,
        destination: destination.0,
        source_port: if is_fragment { 0 } else { source.1 },
        destination_port: if is_fragment { 0 } else { destination.1 },
        opens: protocol == Protocol::Tcp && !is_fragment && tcp_flags & flags::SA == flags::S,
        is_error: is_icmp && !is_fragment && errors.contains(&kind),
        is_fragment,
        vlan: (number("tag") & 0x0fff) as u16,
        ingress: *ingress,
    })
}

/// What of a datagram a packet is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fragment {
    Whole,
    First,
    Later,
}

/// `None` for what only the parser can judge: a first fragment without a transport header.
fn fragment(packet: &Packet) -> Option<Fragment> {
    let word = packet.number("fragment");
    let is_v4 = packet.addresses()?.0.is_ipv4();
    let (is_fragment, offset) = match word {
        None => (false, 0),
        Some(word) if is_v4 => (word & 0x3fff != 0, word & 0x1fff),
        Some(word) => (true, word >> 3 & 0x1fff),
    };
    match (is_fragment, offset) {
        (false, _) => Some(Fragment::Whole),
        (true, 0) if matches!(packet.head, Head::Ip(..)) => None,
        (true, 0) => Some(Fragment::First),
        (true, _) => Some(Fragment::Later),
    }
}

fn of_number(number: u64, is_v4: bool) -> Protocol {
    match (number, is_v4) {
        (6, _) => Protocol::Tcp,
        (17, _) => Protocol::Udp,
        (1, true) | (58, false) => Protocol::Icmp,
        _ => Protocol::None,
    }
}

/// Whether no stage knows the protocol, whatever the family.
fn is_other(number: u64) -> bool {
    ![0, 1, 6, 17, 43, 44, 58, 60].contains(&number)
}

/// Whether the oracle's answer allows what the row says.
fn permits(fate: &oracle::Fate, step: &Step) -> bool {
    let leaves = |egress, packet: &Packet, ways: &[Leaving], record: Option<PuntReason>| {
        let Some((mut source, mut destination)) = ends(packet) else {
            return false;
        };
        if fragment(packet) != Some(Fragment::Whole) {
            (source.1, destination.1) = (0, 0);
        }
        let told = step.copies.iter().map(|told| told.reason);
        ways.contains(&Leaving {
            egress,
            source,
            destination,
        }) && told.eq(record)
    };
    match (fate, &step.fate) {
        (oracle::Fate::Dropped(reason), Fate::Dropped(said)) => reason == said,
        (oracle::Fate::Held(reason), Fate::Held(said)) => *reason == said.reason,
        (oracle::Fate::Leaves(ways, record), Fate::Leaves(port, change)) => {
            leaves(*port, &change.of(&step.packet), ways, *record)
        }
        (oracle::Fate::Leaves(ways, record), Fate::LeavesAs(port, packet)) => {
            leaves(*port, packet, ways, *record)
        }
        _ => false,
    }
}
