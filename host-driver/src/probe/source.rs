//! The address probes come from (PRB-04, L-PRB-12).
//!
//! Backends let the service's probe address through, so probes leave from it wherever this machine
//! has it. Where it has not, they leave from whatever address routing picks, and that is said once.
//! Each probe tries again: an address added later is used from then on. A link-local source is bound
//! to the interface that has it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use flow_compiler::ir::{PLATFORM_V4, PLATFORM_V6};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use tokio::net::TcpSocket;

/// How long it is remembered on which interface a link-local source is.
const SCOPE_HOLDS: Duration = Duration::from_secs(1);

/// Where probes come from, per address family; `None` leaves it to routing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sources {
    /// The IPv4 source.
    pub v4: Option<Ipv4Addr>,
    /// The IPv6 source.
    pub v6: Option<Ipv6Addr>,
}

impl Default for Sources {
    /// The service's own addresses.
    fn default() -> Self {
        Self {
            v4: Some(PLATFORM_V4),
            v6: Some(PLATFORM_V6),
        }
    }
}

/// Opens sockets that are bound to their family's source.
#[derive(Debug)]
pub(super) struct Opener {
    sources: Sources,
    v4_missing: AtomicBool,
    v6_missing: AtomicBool,
    /// Where the IPv6 source is, and since when that is known.
    scope: Mutex<Option<(u32, Instant)>>,
}

impl Opener {
    pub(super) fn new(sources: Sources) -> Self {
        Self {
            sources,
            v4_missing: AtomicBool::new(false),
            v6_missing: AtomicBool::new(false),
            scope: Mutex::new(None),
        }
    }

    /// A socket to reach `to` with.
    pub(super) fn open(&self, to: IpAddr) -> io::Result<TcpSocket> {
        let (socket, source, missing) = match to {
            IpAddr::V4(_) => (TcpSocket::new_v4()?, self.v4(), &self.v4_missing),
            IpAddr::V6(_) => (TcpSocket::new_v6()?, self.v6(), &self.v6_missing),
        };
        if let Some(source) = source {
            bind(&socket, source, missing)?;
        }
        Ok(socket)
    }

    fn v4(&self) -> Option<SocketAddr> {
        self.sources.v4.map(|v4| SocketAddr::new(v4.into(), 0))
    }

    fn v6(&self) -> Option<SocketAddr> {
        let v6 = self.sources.v6?;
        let scope = if v6.is_unicast_link_local() {
            self.scope(v6)
        } else {
            0
        };
        Some(SocketAddrV6::new(v6, 0, 0, scope).into())
    }

    fn scope(&self, v6: Ipv6Addr) -> u32 {
        let mut known = self.scope.lock().expect("nobody panics with it");
        match *known {
            Some((scope, since)) if since.elapsed() < SCOPE_HOLDS => scope,
            _ => {
                let scope = scope_of(v6);
                *known = Some((scope, Instant::now()));
                scope
            }
        }
    }
}

/// The interface that has a link-local address, by its index; 0 when none has it.
fn scope_of(address: Ipv6Addr) -> u32 {
    let all = getifaddrs().into_iter().flatten();
    let mut of_v6 = all.filter_map(|interface| interface.address?.as_sockaddr_in6().copied());
    let found = of_v6.find(|found| found.ip() == address);
    found.map_or(0, |found| found.scope_id())
}

fn bind(socket: &TcpSocket, source: SocketAddr, missing: &AtomicBool) -> io::Result<()> {
    // The port is picked on connect, for this destination alone. Picked here it would have to be
    // free for all of them, and the closed connections of a few thousand targets use up the ports.
    setsockopt(socket, IpBindAddressNoPort, &true)?;
    match socket.bind(source) {
        Ok(()) => {
            missing.store(false, Ordering::Relaxed);
            Ok(())
        }
        Err(error) if is_missing(source, &error) => {
            if !missing.swap(true, Ordering::Relaxed) {
                let source = source.ip();
                tracing::warn!(%source, %error, "probes leave from the default source");
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// Linux calls a link-local address without an interface invalid rather than not available.
fn is_missing(source: SocketAddr, error: &io::Error) -> bool {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable => true,
        io::ErrorKind::InvalidInput => matches!(source, SocketAddr::V6(v6) if v6.scope_id() == 0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);

    fn bound(opener: &Opener, to: IpAddr) -> IpAddr {
        let socket = opener.open(to).expect("a socket");
        socket.local_addr().expect("its address").ip()
    }

    #[tokio::test]
    async fn prb_04_l_prb_12_the_service_addresses_where_bound_else_the_default() {
        let opener = Opener::new(Sources::default());
        for (to, wanted, none) in [
            (V4, "168.63.129.16", IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            (
                V6,
                "fe80::1234:5678:9abc",
                IpAddr::V6(Ipv6Addr::UNSPECIFIED),
            ),
        ] {
            let wanted: IpAddr = wanted.parse().expect("an address");
            let bound = bound(&opener, to);
            assert!(bound == wanted || bound == none, "bound to {bound}");
        }
    }

    #[tokio::test]
    async fn a_source_of_this_machine_is_used() {
        let v4 = Ipv4Addr::new(127, 0, 0, 9);
        let v6 = Ipv6Addr::LOCALHOST;
        let opener = Opener::new(Sources {
            v4: Some(v4),
            v6: Some(v6),
        });
        assert_eq!(
            (bound(&opener, V4), bound(&opener, V6)),
            (v4.into(), v6.into())
        );
    }

    #[tokio::test]
    async fn a_missing_source_is_noted_and_forgotten_once_it_binds() {
        let nowhere = Sources {
            v4: Some(Ipv4Addr::new(192, 0, 2, 77)),
            ..Sources::default()
        };
        let mut opener = Opener::new(nowhere);
        assert!(bound(&opener, V4).is_unspecified());
        assert!(opener.v4_missing.load(Ordering::Relaxed));
        opener.sources.v4 = Some(Ipv4Addr::LOCALHOST);
        assert_eq!(bound(&opener, V4), V4);
        assert!(!opener.v4_missing.load(Ordering::Relaxed));
    }
}
