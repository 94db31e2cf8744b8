//! The lab's configuration file.

use std::fmt::Write as _;

use firmware_api::Family;

use super::plan::{
    BACKENDS, FAMILIES, HOST_MAC, UPLINK_MAC, backend, backend_mac, backend_name, frontend, prober,
};

/// Frontend port of the rule with `enableTcpReset`; balanced to port 8080.
pub const HTTP: u16 = 80;
/// Frontend port of the rule that lets idle connections go silently; balanced to port 8081.
pub const SILENT: u16 = 81;
/// Frontend port of a TCP rule; balanced to port 8082, where nobody listens.
pub const CLOSED: u16 = 82;
/// Frontend port of the inbound NAT rule to web-1, port 22.
pub const SSH: u16 = 50001;
/// Frontend port of a UDP rule; balanced to port 7007.
pub const ECHO: u16 = 7;
/// Frontend port of a UDP rule; balanced to port 7009, where nobody listens.
pub const NOBODY: u16 = 9;

/// TCP ports that backends listen on.
pub const BACKEND_TCP: [u16; 3] = [8080, 8081, 22];
/// UDP ports that backends listen on.
pub const BACKEND_UDP: [u16; 1] = [7007];

/// The internal frontend of a hub; port 80 is balanced to port 8080.
pub const INNER: &str = "10.0.1.1:80";
const HUB: &str = "  - name: hub
    sku: Standard
    frontends: [ { name: f, address: 10.0.9.4, internal: true } ]
    backendPools: [ { name: p, members: [ { instance: web-3 } ] } ]
    loadBalancingRules:
      - { name: all, protocol: All, frontend: f, frontendPort: 0, backendPool: p, backendPort: 0 }
  - name: inner
    sku: Standard
    frontends: [ { name: f, address: 10.0.1.1, internal: true } ]
    backendPools: [ { name: p, members: [ { instance: web-1 }, { instance: web-2 } ] } ]
    loadBalancingRules:
      - { name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080 }
";

/// What a test varies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Numbers of the pool's members, counted from 0.
    pub members: Vec<usize>,
    /// The probe's interval, on the scaled clock.
    pub probe_seconds: u32,
    /// The last backend forwards for others, and is the next hop of the other two, which stand behind
    /// [`INNER`] as well.
    pub is_hub: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            members: (0..BACKENDS).collect(),
            probe_seconds: 5,
            is_hub: false,
        }
    }
}

impl Config {
    /// The file's text.
    pub fn to_yaml(&self) -> String {
        format!(
            "headgate: 1\n\
             profile: current\n\
             {}\
             instances:\n{}\
             loadBalancers:\n\
             \x20 - name: web\n\
             \x20   sku: Standard\n\
             \x20   frontends:\n{}\
             \x20   backendPools:\n\
             \x20     - {{ name: web, members: [{}] }}\n\
             \x20   probes:\n\
             \x20     - {{ name: http, protocol: Http, port: 8080, requestPath: /healthz, \
             intervalInSeconds: {}, probeThreshold: 2 }}\n\
             \x20   loadBalancingRules:\n{}\
             \x20   inboundNatRules:\n{}{}",
            uplink(),
            instances(self.is_hub),
            each_family(|f| format!("{{ name: {}, address: \"{}\" }}", name(f), frontend(f))),
            self.members(),
            self.probe_seconds,
            rules(),
            each_family(nat_rule),
            if self.is_hub { HUB } else { "" },
        )
    }

    fn members(&self) -> String {
        let members = self.members.iter().map(|&index| backend_name(index));
        let members: Vec<_> = members
            .map(|name| format!("{{ instance: {name} }}"))
            .collect();
        members.join(", ")
    }
}

fn uplink() -> String {
    format!(
        "uplink:\n\
         \x20 mac: \"{UPLINK_MAC}\"\n\
         \x20 address: 203.0.113.2/24\n\
         \x20 addressV6: \"2001:db8::2/64\"\n\
         \x20 nextHop: 203.0.113.1\n\
         \x20 nextHopV6: \"2001:db8::1\"\n"
    )
}

fn instances(is_hub: bool) -> String {
    let mut text = String::new();
    let mut instance = |name: &str,
                        address: &dyn Fn(Family) -> String,
                        vport,
                        mac: &str,
                        more: &str| {
        let [v4, v6] = FAMILIES.map(address);
        let line = format!(
            "  - {{ name: {name}, addresses: [{v4}, \"{v6}\"], vport: {vport}, mac: \"{mac}\"{more} }}"
        );
        writeln!(text, "{line}").expect("a String");
    };
    for index in 0..BACKENDS {
        let address = |family| backend(index, family).to_string();
        instance(
            &backend_name(index),
            &address,
            index + 1,
            &backend_mac(index),
            match (is_hub, index + 1) {
                (false, _) => "",
                (true, BACKENDS) => ", ipForwarding: true",
                (true, _) => ", nextHop: 10.0.9.4",
            },
        );
    }
    instance(
        "host",
        &|family| prober(family).to_string(),
        BACKENDS + 1,
        HOST_MAC,
        "",
    );
    text
}

fn rules() -> String {
    let rule = |rule: &str, protocol: &str, ports: (u16, u16), more: &str| {
        each_family(|f| {
            format!(
                "{{ name: {rule}-{f}, protocol: {protocol}, frontend: {public}, \
                 frontendPort: {}, backendPool: web, backendPort: {}, probe: http{more} }}",
                ports.0,
                ports.1,
                f = suffix(f),
                public = name(f),
            )
        })
    };
    let idle = ", idleTimeoutInMinutes: 4, enableTcpReset: ";
    [
        rule("http", "Tcp", (HTTP, 8080), &format!("{idle}true")),
        rule("silent", "Tcp", (SILENT, 8081), &format!("{idle}false")),
        rule("closed", "Tcp", (CLOSED, 8082), ""),
        rule("echo", "Udp", (ECHO, 7007), ""),
        rule("nobody", "Udp", (NOBODY, 7009), ""),
    ]
    .concat()
}

fn nat_rule(family: Family) -> String {
    format!(
        "{{ name: ssh-1-{}, protocol: Tcp, frontend: {}, frontendPort: {SSH}, target: web-1, \
         backendPort: 22 }}",
        suffix(family),
        name(family)
    )
}

fn name(family: Family) -> String {
    format!("public-{}", suffix(family))
}

fn suffix(family: Family) -> &'static str {
    match family {
        Family::V4 => "v4",
        Family::V6 => "v6",
    }
}

/// A list item for each family.
fn each_family(item: impl Fn(Family) -> String) -> String {
    FAMILIES
        .map(|family| format!("      - {}\n", item(family)))
        .concat()
}
