//! Ethernet addresses of single stations.

use std::fmt;
use std::str::FromStr;

/// An Ethernet address of one station: neither a group address nor all zeros.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MacAddr([u8; 6]);

/// Why a text is not an Ethernet address of one station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MacError {
    /// Not six pairs of hexadecimal digits.
    #[error("not six pairs of hexadecimal digits")]
    Form,
    /// The group bit is set.
    #[error("a group address")]
    Group,
    /// All zeros.
    #[error("all zeros")]
    Zero,
}

impl MacAddr {
    /// The address of these octets.
    pub const fn new(octets: [u8; 6]) -> Result<Self, MacError> {
        match octets {
            [0, 0, 0, 0, 0, 0] => Err(MacError::Zero),
            [first, ..] if first & 1 != 0 => Err(MacError::Group),
            _ => Ok(Self(octets)),
        }
    }

    /// The octets, in the order on the wire.
    pub const fn octets(self) -> [u8; 6] {
        self.0
    }

    /// A constant that is known to be one station's.
    pub(crate) const fn constant(octets: [u8; 6]) -> Self {
        match Self::new(octets) {
            Ok(mac) => mac,
            Err(_) => panic!("not one station's address"),
        }
    }
}

impl FromStr for MacAddr {
    type Err = MacError;

    fn from_str(text: &str) -> Result<Self, MacError> {
        let mut octets = [0; 6];
        let mut parts = text.split([':', '-']);
        for octet in &mut octets {
            *octet = parts.next().and_then(octet_of).ok_or(MacError::Form)?;
        }
        match parts.next() {
            None => Self::new(octets),
            Some(_) => Err(MacError::Form),
        }
    }
}

fn octet_of(part: &str) -> Option<u8> {
    let is_pair = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
    is_pair.then(|| u8::from_str_radix(part, 16).ok()).flatten()
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{octet:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_octets_agree() {
        let mac: MacAddr = "02:00:5e:00:00:FE".parse().unwrap();
        assert_eq!(mac.octets(), [2, 0, 0x5e, 0, 0, 0xfe]);
        assert_eq!(mac.to_string(), "02:00:5e:00:00:fe");
    }

    #[test]
    fn what_no_station_can_have_is_refused() {
        let parse = |text: &str| text.parse::<MacAddr>();
        assert_eq!(parse("ff:ff:ff:ff:ff:ff"), Err(MacError::Group));
        assert_eq!(parse("00:00:00:00:00:00"), Err(MacError::Zero));
        for form in [
            "",
            "02",
            "02:00:00:00:00",
            "02:00:00:00:00:00:00",
            "02:00:00:00:00:+1",
        ] {
            assert_eq!(parse(form), Err(MacError::Form), "{form}");
        }
    }
}
