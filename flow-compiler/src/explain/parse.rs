//! Reads a packet from words. Errors say at which character, and what to write instead.

use std::net::IpAddr;

use firmware_api::Protocol;
use firmware_api::flow_state::tcp_flags;

use super::packet::{LETTERS, Packet, Shape};
use crate::ir::family_of;

/// Why a text is not a packet.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at character {position}: {message}; {cure}")]
pub struct PacketError {
    /// The character, counted from 1.
    pub position: usize,
    /// What is wrong.
    pub message: String,
    /// What cures it.
    pub cure: String,
}

const EXAMPLE: &str = "write it as `tcp 198.51.100.7:40000 > 203.0.113.10:80 flags S`";

/// Takes a packet's words one by one.
pub(super) struct Reader<'t> {
    words: Vec<(usize, &'t str)>,
    next: usize,
    end: usize,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let offset = |word: &str| word.as_ptr() as usize - text.as_ptr() as usize;
        let position = |word: &str| text[..offset(word)].chars().count() + 1;
        Self {
            words: text
                .split_whitespace()
                .map(|word| (position(word), word))
                .collect(),
            next: 0,
            end: text.chars().count() + 1,
        }
    }

    pub(super) fn packet(mut self) -> Result<Packet, PacketError> {
        let (position, word) = self.word("a protocol")?;
        let mut shape = match word {
            "tcp" => Shape::Tcp {
                flags: tcp_flags::SYN,
            },
            "udp" => Shape::Udp,
            "icmp" => Shape::Echo,
            "fragment" => self.fragment()?,
            _ => {
                let cure = "use tcp, udp or icmp, or fragment";
                return Err(error(position, format!("`{word}` is no protocol"), cure));
            }
        };
        let is_icmp = shape == Shape::Echo;
        if is_icmp && let Some(kind) = self.icmp_kind() {
            shape = kind;
        }
        let has_ports = matches!(shape, Shape::Tcp { .. } | Shape::Udp);
        let (source, source_port) = self.endpoint(has_ports)?;
        self.arrow()?;
        let to = self.peek();
        let (destination, destination_port) = self.endpoint(has_ports)?;
        if family_of(source) != family_of(destination) {
            let cure = "use two IPv4 or two IPv6 addresses";
            return Err(error(
                to,
                "the addresses are of two families".to_owned(),
                cure,
            ));
        }
        shape = self.ending(shape)?;
        Ok(Packet {
            shape,
            source,
            source_port,
            destination,
            destination_port,
        })
    }

    /// What may follow the addresses, and nothing else.
    fn ending(&mut self, shape: Shape) -> Result<Shape, PacketError> {
        let shape = match shape {
            Shape::Tcp { flags } => Shape::Tcp {
                flags: self.flags()?.unwrap_or(flags),
            },
            Shape::Echo => self.icmp_kind().unwrap_or(shape),
            shape => shape,
        };
        match self.words.get(self.next) {
            None => Ok(shape),
            Some((position, word)) => {
                let message = format!("`{word}` is too much");
                Err(error(*position, message, "end the packet before it"))
            }
        }
    }

    fn word(&mut self, what: &str) -> Result<(usize, &'t str), PacketError> {
        let word = self.words.get(self.next).copied();
        self.next += 1;
        word.ok_or_else(|| error(self.end, format!("{what} is missing"), EXAMPLE))
    }

    /// The position of the next word.
    fn peek(&self) -> usize {
        self.words
            .get(self.next)
            .map_or(self.end, |(position, _)| *position)
    }

    /// What a fragment is of.
    fn fragment(&mut self) -> Result<Shape, PacketError> {
        let (position, word) = self.word("the protocol of the fragment")?;
        let protocol = match word {
            "tcp" => Protocol::Tcp,
            "udp" => Protocol::Udp,
            "icmp" => Protocol::Icmp,
            "other" => Protocol::None,
            _ => {
                let cure = "use tcp, udp, icmp or other";
                return Err(error(position, format!("`{word}` is no protocol"), cure));
            }
        };
        Ok(Shape::Fragment(protocol))
    }

    fn icmp_kind(&mut self) -> Option<Shape> {
        let shape = match self.words.get(self.next)?.1 {
            "echo" => Shape::Echo,
            "error" => Shape::IcmpError,
            _ => return None,
        };
        self.next += 1;
        Some(shape)
    }

    fn arrow(&mut self) -> Result<(), PacketError> {
        match self.word("`>`")? {
            (_, ">") => Ok(()),
            (position, word) => {
                let message = format!("`{word}` stands where `>` should");
                Err(error(
                    position,
                    message,
                    "write `SOURCE > DESTINATION`, with blanks",
                ))
            }
        }
    }

    fn endpoint(&mut self, with_port: bool) -> Result<(IpAddr, u16), PacketError> {
        let (position, word) = self.word("an address")?;
        if with_port {
            endpoint(position, word)
        } else {
            let bare = word
                .strip_prefix('[')
                .and_then(|w| w.strip_suffix(']'))
                .unwrap_or(word);
            Ok((address(position, bare)?, 0))
        }
    }

    fn flags(&mut self) -> Result<Option<u8>, PacketError> {
        if self
            .words
            .get(self.next)
            .is_none_or(|(_, word)| *word != "flags")
        {
            return Ok(None);
        }
        self.next += 1;
        let (position, word) = self.word("the flags")?;
        if word == "." {
            return Ok(Some(tcp_flags::ACK));
        }
        let mut flags = 0;
        for (index, letter) in word.chars().enumerate() {
            let found = LETTERS
                .iter()
                .find(|(l, _)| l.eq_ignore_ascii_case(&letter));
            let Some((_, flag)) = found else {
                let message = format!("`{letter}` is no TCP flag");
                return Err(error(
                    position + index,
                    message,
                    "use letters of FSRPA, such as SA",
                ));
            };
            flags |= flag;
        }
        Ok(Some(flags))
    }
}

fn endpoint(position: usize, word: &str) -> Result<(IpAddr, u16), PacketError> {
    let cure = "write ADDRESS:PORT, IPv6 as [ADDRESS]:PORT";
    let no_port = || error(position, format!("`{word}` has no port"), cure);
    let (bare, port, port_at) = if let Some(rest) = word.strip_prefix('[') {
        let (bare, port) = rest.split_once("]:").ok_or_else(no_port)?;
        (bare, port, bare.chars().count() + 3)
    } else {
        let (bare, port) = word.rsplit_once(':').ok_or_else(no_port)?;
        if bare.contains(':') {
            return Err(error(position, format!("`{word}` needs brackets"), cure));
        }
        (bare, port, bare.chars().count() + 1)
    };
    let address = address(position, bare)?;
    let number = port.parse().map_err(|_| {
        let message = format!("`{port}` is no port");
        error(position + port_at, message, "use a number from 0 to 65535")
    })?;
    Ok((address, number))
}

fn address(position: usize, word: &str) -> Result<IpAddr, PacketError> {
    let parsed = word.parse::<IpAddr>().map(|address| address.to_canonical());
    parsed.map_err(|_| {
        let message = format!("`{word}` is no IP address");
        error(
            position,
            message,
            "use an address such as 203.0.113.10 or 2001:db8::10",
        )
    })
}

fn error(position: usize, message: String, cure: &str) -> PacketError {
    PacketError {
        position,
        message,
        cure: cure.to_owned(),
    }
}
