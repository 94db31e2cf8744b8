//! The namespaces and what connects them.

use std::io;

use super::netns::{self, Netns};
use super::plan::{BACKENDS, HOST_MAC, UPLINK_MAC, backend_mac};

/// All namespaces of a lab. The picture is in [`super::plan`].
#[derive(Debug)]
pub struct Topology {
    /// The physical network.
    pub router: Netns,
    /// Who uses the frontends.
    pub client: Netns,
    /// Whom backends talk to of their own accord.
    pub internet: Netns,
    /// Where the card and its driver run.
    pub switch: Netns,
    /// The instances.
    pub backends: Vec<Netns>,
}

/// Set before there are interfaces: addresses are usable at once, and nobody configures himself.
const QUIET: [&str; 6] = [
    "ipv6/conf/all/accept_dad=0",
    "ipv6/conf/default/accept_dad=0",
    "ipv6/conf/default/accept_ra=0",
    "ipv6/conf/default/router_solicitations=0",
    "ipv4/conf/all/rp_filter=0",
    "ipv4/conf/default/rp_filter=0",
];

impl Topology {
    /// Builds everything; names begin with the prefix.
    pub fn build(prefix: &str) -> io::Result<Self> {
        let make = |name: &str| {
            let namespace = Netns::create(format!("{prefix}{name}"))?;
            namespace.sysctl(&QUIET)?;
            Ok::<_, io::Error>(namespace)
        };
        let topology = Self {
            router: make("router")?,
            client: make("client")?,
            internet: make("internet")?,
            switch: make("switch")?,
            backends: (1..=BACKENDS)
                .map(|number| make(&format!("b{number}")))
                .collect::<Result<_, _>>()?,
        };
        topology.physical_network()?;
        topology.card_ports()?;
        topology.instances()?;
        topology.host()?;
        Ok(topology)
    }

    /// Changes the MTU of the router's link to the client, on the router's side only: the client
    /// goes on to announce the large segment size, so that the router has to complain.
    pub fn narrow_client_link(&self, mtu: u16) -> io::Result<()> {
        self.router.ip(&format!("link set rcl mtu {mtu}"))
    }

    fn physical_network(&self) -> io::Result<()> {
        let (router, switch) = (&self.router, &self.switch);
        router.sysctl(&["ipv4/ip_forward=1", "ipv6/conf/all/forwarding=1"])?;
        // What comes in on the card's ports is for the card: the kernel stays out of it.
        switch.sysctl(&[
            "ipv4/ip_forward=0",
            "ipv4/conf/all/arp_ignore=1",
            "ipv6/conf/default/disable_ipv6=1",
        ])?;
        connect((router, "rup", ""), (switch, "up0", UPLINK_MAC))?;
        connect((router, "rcl", ""), (&self.client, "eth0", ""))?;
        connect((router, "rin", ""), (&self.internet, "eth0", ""))?;
        router.ip("addr add 203.0.113.1/24 dev rup\n\
             addr add 2001:db8::1/64 dev rup nodad\n\
             addr add 198.51.100.1/24 dev rcl\n\
             addr add 2001:db8:c::1/64 dev rcl nodad\n\
             addr add 192.0.2.1/24 dev rin\n\
             addr add 2001:db8:e::1/64 dev rin nodad\n")?;
        self.client.ip("addr add 198.51.100.2/24 dev eth0\n\
             addr add 2001:db8:c::2/64 dev eth0 nodad\n\
             route add default via 198.51.100.1\n\
             route add default via 2001:db8:c::1\n")?;
        self.internet.ip("addr add 192.0.2.2/24 dev eth0\n\
             addr add 192.0.2.3/24 dev eth0\n\
             addr add 2001:db8:e::2/64 dev eth0 nodad\n\
             addr add 2001:db8:e::3/64 dev eth0 nodad\n\
             route add default via 192.0.2.1\n\
             route add default via 2001:db8:e::1\n")
    }

    fn card_ports(&self) -> io::Result<()> {
        for (index, backend) in self.backends.iter().enumerate() {
            let port = format!("v{}", index + 1);
            let mac = backend_mac(index);
            connect((&self.switch, &port, ""), (backend, "eth0", &mac))?;
        }
        connect((&self.switch, "vh", ""), (&self.switch, "host0", HOST_MAC))?;
        self.switch.sysctl(&["ipv6/conf/host0/disable_ipv6=0"])
    }

    fn instances(&self) -> io::Result<()> {
        for (index, backend) in self.backends.iter().enumerate() {
            let last = 4 + index;
            backend.ip(&format!(
                "addr add 10.0.0.{last}/24 dev eth0\n\
                 addr add fd00::{last}/64 dev eth0 nodad\n\
                 route add default via 10.0.0.1\n\
                 route add default via fd00::1\n"
            ))?;
        }
        Ok(())
    }

    fn host(&self) -> io::Result<()> {
        self.switch.ip("addr add 168.63.129.16/32 dev host0\n\
             addr add fe80::1234:5678:9abc/64 dev host0 nodad\n\
             route add 10.0.0.0/24 dev host0 src 168.63.129.16\n\
             route add fd00::/64 dev host0\n")
    }
}

/// One end of a link: where, the interface's name, its MAC or nothing.
type End<'a> = (&'a Netns, &'a str, &'a str);

/// Connects two namespaces by a veth pair without offloads: what the kernel leaves to a network
/// card, above all checksums, would reach the other side undone.
fn connect(a: End<'_>, b: End<'_>) -> io::Result<()> {
    let end = |(namespace, name, mac): End<'_>| {
        let mac = match mac {
            "" => String::new(),
            mac => format!(" address {mac}"),
        };
        format!("name {name}{mac} netns {}", namespace.name())
    };
    netns::ip(&format!("link add {} type veth peer {}", end(a), end(b)))?;
    for (namespace, name, _) in [a, b] {
        let inside = format!("netns exec {} ethtool -K {name}", namespace.name());
        netns::ip(&format!(
            "{inside} tx off rx off tso off gso off gro off sg off"
        ))?;
        namespace.ip(&format!("link set {name} up"))?;
    }
    Ok(())
}
