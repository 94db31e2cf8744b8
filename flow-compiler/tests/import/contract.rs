//! What the specification says of what is imported, behaviour by behaviour.

use std::fmt::Write as _;

use flow_compiler::import::{Imported, Options, arm, csdef};
use flow_compiler::source::Source;

use super::samples::sample;

const PROVIDERS: &str = "/providers/Microsoft.Network";

fn of_balancer(part: &str) -> String {
    format!(r#"{{ "id": "{PROVIDERS}/loadBalancers/lb/{part}" }}"#)
}

/// A Standard load balancer of a public frontend and a pool, with these other fields and resources.
fn import(fields: &str, resources: &str) -> Imported {
    let text = format!(
        r#"[
{{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": {{ "name": "Standard" }}, "properties": {{
  "frontendIPConfigurations": [{{ "name": "f", "properties": {{ "publicIPAddress": {{ "id": "{PROVIDERS}/publicIPAddresses/ip" }} }} }}],
  "backendAddressPools": [{{ "name": "p" }}]{fields}
}} }},
{{ "type": "Microsoft.Network/publicIPAddresses", "name": "ip", "sku": {{ "name": "Standard" }}, "properties": {{ "ipAddress": "203.0.113.10", "idleTimeoutInMinutes": 4 }} }}{resources}
]"#
    );
    arm(&[Source::new("case.json", text)], 0, &Options::default())
}

/// An interface of an instance in the pool, with this further IP configuration.
fn interface(name: &str, last: u8, second: &str) -> String {
    let pool = of_balancer("backendAddressPools/p");
    format!(
        r#", {{ "type": "Microsoft.Network/networkInterfaces", "name": "{name}", "properties": {{ "macAddress": "00-0D-3A-00-00-{last:02X}", "ipConfigurations": [
  {{ "name": "one", "properties": {{ "primary": true, "privateIPAddress": "10.0.0.{last}", "loadBalancerBackendAddressPools": [{pool}] }} }}{second} ] }} }}"#
    )
}

fn rule(fields: &str) -> String {
    let (frontend, pool) = (
        of_balancer("frontendIPConfigurations/f"),
        of_balancer("backendAddressPools/p"),
    );
    format!(
        r#", "loadBalancingRules": [{{ "name": "r", "properties": {{ "frontendIPConfiguration": {frontend}, "backendAddressPool": {pool}, "protocol": "Tcp", "frontendPort": 80, "backendPort": 8080{fields} }} }}]"#
    )
}

fn yaml(imported: &Imported) -> &str {
    imported.yaml.as_deref().expect("something was found")
}

fn codes(imported: &Imported) -> Vec<&'static str> {
    let numbers = imported.diagnostics.iter().map(|d| d.code.number());
    numbers.filter(|number| *number != "HG0807").collect()
}

#[test]
fn gen_05_who_is_a_member_is_said_by_the_interfaces() {
    let imported = import("", &(interface("n", 4, "") + &interface("m", 5, "")));
    assert!(imported.is_complete());
    assert!(yaml(&imported).contains("{ name: p, members: [{ instance: n }, { instance: m }] }"));
}

#[test]
fn sku_03_public_addresses_have_the_sku_of_their_load_balancer() {
    let text = r#"[{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": { "name": "SKU" }, "properties": { "frontendIPConfigurations": [{ "name": "f", "properties": { "publicIPAddress": { "id": "/providers/Microsoft.Network/publicIPAddresses/ip" } } }] } },
      { "type": "Microsoft.Network/publicIPAddresses", "name": "ip", "sku": { "name": "Basic" }, "properties": { "ipAddress": "203.0.113.10" } }]"#;
    for (sku, expected) in [("Standard", &["HG0821"][..]), ("Basic", &[])] {
        let source = Source::new("case.json", text.replace("SKU", sku));
        assert_eq!(
            codes(&arm(&[source], 0, &Options::default())),
            expected,
            "{sku}"
        );
    }
}

/// SKU-06, L-FIP-13: one virtual network; L-BEP-01: members of one kind.
#[test]
fn sku_06_l_fip_13_l_bep_01_02_members_of_one_kind_and_network() {
    let subnet = |network: &str| {
        format!(r#""subnet": {{ "id": "{PROVIDERS}/virtualNetworks/{network}/subnets/s" }}"#)
    };
    let member = |address: &str, network: &str| {
        format!(
            r#"{{ "name": "a{address}", "properties": {{ "ipAddress": "{address}", "virtualNetwork": {{ "id": "{PROVIDERS}/virtualNetworks/{network}" }} }} }}"#
        )
    };
    let import = |sku: &str, members: &[String], more: &str| {
        let text = format!(
            r#"{{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": {{ "name": "{sku}" }}, "properties": {{
  "frontendIPConfigurations": [{{ "name": "f", "properties": {{ "privateIPAddress": "10.0.0.9", {} }} }}],
  "backendAddressPools": [{{ "name": "p", "properties": {{ {more} "loadBalancerBackendAddresses": [{}] }} }}]{} }} }}"#,
            subnet("one"),
            members.join(", "),
            rule("")
        );
        codes(&arm(
            &[Source::new("case.json", text)],
            0,
            &Options::default(),
        ))
    };
    let (a, b) = (member("10.0.0.4", "one"), member("10.0.0.5", "one"));
    assert_eq!(import("Standard", &[a.clone(), b.clone()], ""), [""; 0]);
    assert_eq!(
        import("Standard", &[a.clone(), member("10.0.0.5", "two")], ""),
        ["HG0823"]
    );
    let elsewhere = [member("10.0.0.4", "two"), member("10.0.0.5", "two")];
    assert_eq!(
        import("Standard", &elsewhere, ""),
        ["HG0823"],
        "not the frontend's"
    );
    assert_eq!(import("Basic", std::slice::from_ref(&a), ""), ["HG0825"]);
    let by_interface = format!(
        r#""backendIPConfigurations": [{{ "id": "{PROVIDERS}/networkInterfaces/n/ipConfigurations/c" }}],"#
    );
    assert!(import("Standard", &[a], &by_interface).contains(&"HG0824"));
}

/// An address that no interface has yet: an instance all the same, which its probe decides about.
#[test]
fn l_bep_03_a_member_by_address_need_not_exist() {
    let fields = rule("");
    let pool = r#"{ "name": "p", "properties": { "loadBalancerBackendAddresses": [{ "name": "later", "properties": { "ipAddress": "10.0.0.44" } }] } }"#;
    let text = format!(
        r#"[{{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": {{ "name": "Standard" }}, "properties": {{
  "frontendIPConfigurations": [{{ "name": "f", "properties": {{ "publicIPAddress": {{ "ipAddress": "203.0.113.10" }} }} }}],
  "backendAddressPools": [{pool}]{fields} }} }}]"#
    );
    let imported = arm(&[Source::new("case.json", text)], 0, &Options::default());
    assert!(imported.is_complete(), "{:?}", imported.diagnostics);
    assert!(yaml(&imported).contains("{ name: later, addresses: [10.0.0.44]"));
    assert!(yaml(&imported).contains("byAddress: true"));
}

#[test]
fn l_bep_06_the_mode_of_synchronization_is_told_and_left_out() {
    let text = import("", "").yaml.expect("something");
    assert!(!text.contains("syncMode"));
    let pool = r#"{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": { "name": "Standard" }, "properties": { "frontendIPConfigurations": [{ "name": "f", "properties": { "publicIPAddress": { "ipAddress": "203.0.113.10" } } }], "backendAddressPools": [{ "name": "p", "properties": { "syncMode": "Automatic", "virtualNetwork": { "id": "/x" } } }] } }"#;
    let imported = arm(&[Source::new("case.json", pool)], 0, &Options::default());
    let told = imported
        .diagnostics
        .iter()
        .find(|d| d.message.contains("syncMode"));
    assert_eq!(told.expect("it is told").code.number(), "HG0802");
}

/// Explicit, with a virtual network, from API version 2023-04-01, and not beside NAT pools.
#[test]
fn l_bep_06_a_mode_of_synchronization_that_azure_does_not_take_is_refused() {
    let import = |mode: &str, network: &str, version: &str, more: &str| {
        let text = format!(
            r#"{{ "type": "Microsoft.Network/loadBalancers", {version} "name": "lb", "sku": {{ "name": "Standard" }}, "properties": {{
  "frontendIPConfigurations": [{{ "name": "f", "properties": {{ "publicIPAddress": {{ "ipAddress": "203.0.113.10" }} }} }}],
  "backendAddressPools": [{{ "name": "p", "properties": {{ "syncMode": {mode}{network} }} }}]{more} }} }}"#
        );
        let imported = arm(&[Source::new("case.json", text)], 0, &Options::default());
        let of_mode = imported
            .diagnostics
            .iter()
            .filter(|d| d.code.number() == "HG0845");
        of_mode.map(|d| d.message.clone()).collect::<Vec<_>>()
    };
    let network = r#", "virtualNetwork": { "id": "/x" }"#;
    let nat_pool = nat("inboundNatPools", 50_000, 50_010, "ssh");
    for mode in [r#""Automatic""#, r#""manual""#, "null"] {
        for version in ["", r#""apiVersion": "2023-04-01","#] {
            assert_eq!(import(mode, network, version, ""), [""; 0], "{mode}");
        }
    }
    for (mode, network, version, more, why) in [
        (r#""Sometimes""#, network, "", "", "`Sometimes` is none"),
        (r#""Manual""#, "", "", "", "no virtual network"),
        (
            r#""Manual""#,
            network,
            r#""apiVersion": "2022-07-01","#,
            "",
            "API version 2022-07-01 does not know it",
        ),
        (
            r#""Manual""#,
            network,
            "",
            nat_pool.as_str(),
            "its load balancer has inbound NAT pools",
        ),
    ] {
        let expected = format!("backend pool `p` has a `syncMode`, but {why}");
        assert_eq!(import(mode, network, version, more), [expected]);
    }
}

/// Machines say which availability set they are in; ids of scale sets name the set themselves.
#[test]
fn sku_04_06_l_bep_05_sets_are_those_of_machines_and_ids() {
    let compute = "/providers/Microsoft.Compute";
    let nics = interface("n", 4, "") + &interface("m", 5, "") + &interface("o", 6, "");
    let machine = |name: &str, set: &str, nic: &str| {
        format!(
            r#", {{ "type": "Microsoft.Compute/virtualMachines", "name": "{name}", "properties": {{ {set} "hardwareProfile": {{ "vmSize": "s" }}, "networkProfile": {{ "networkInterfaces": [{{ "id": "{PROVIDERS}/networkInterfaces/{nic}" }}] }} }} }}"#
        )
    };
    let set =
        |kind: &str, name: &str| format!(r#""{kind}": {{ "id": "{compute}/{kind}s/{name}" }},"#);
    let machines = machine("one", &set("availabilitySet", "Web"), "n")
        + &machine("two", &set("virtualMachineScaleSet", "flex"), "m")
        + &machine("three", "", "o");
    let imported = import("", &(nics + &machines));
    assert_eq!(codes(&imported), [""; 0]);
    let text = yaml(&imported);
    let line = |name: &str| {
        let start = format!("name: {name},");
        let mut lines = text.lines();
        lines
            .find(|line| line.contains(&start))
            .expect("an instance")
            .to_owned()
    };
    assert!(line("n").contains("availabilitySet: web"), "{text}");
    assert!(line("m").contains("scaleSet: flex"), "{text}");
    assert!(!line("o").contains("Set:"), "{text}");

    let pool = of_balancer("backendAddressPools/p");
    let listed = format!(
        r#", {{ "id": "{compute}/virtualMachineScaleSets/Uniform/virtualMachines/0/networkInterfaces/nic", "type": "Microsoft.Compute/virtualMachineScaleSets/virtualMachines/networkInterfaces", "name": "nic", "properties": {{ "ipConfigurations": [
  {{ "name": "c", "properties": {{ "primary": true, "privateIPAddress": "10.0.0.4", "loadBalancerBackendAddressPools": [{pool}] }} }}] }} }}"#
    );
    let imported = import("", &listed);
    assert!(
        yaml(&imported).contains("scaleSet: uniform"),
        "{}",
        yaml(&imported)
    );
}

/// L-FIP-09, L-OUT-21, L-IP6-02, A-41: secondary IPv4 configurations are no members.
#[test]
fn l_fip_09_l_out_21_l_ip6_02_a_41_secondary_configurations() {
    let pool = of_balancer("backendAddressPools/p");
    let second = |address: &str, version: &str| {
        format!(
            r#", {{ "name": "two", "properties": {{ "primary": false, "privateIPAddress": "{address}", "privateIPAddressVersion": "{version}", "loadBalancerBackendAddressPools": [{pool}] }} }}"#
        )
    };
    let outbound = format!(
        r#", "outboundRules": [{{ "name": "o", "properties": {{ "protocol": "All", "frontendIPConfigurations": [{}], "backendAddressPool": {pool}, "allocatedOutboundPorts": 8 }} }}]"#,
        of_balancer("frontendIPConfigurations/f")
    );
    let four = import(&outbound, &interface("n", 4, &second("10.0.0.77", "IPv4")));
    assert_eq!(codes(&four), ["HG0827", "HG0826"]);
    let six = import(&outbound, &interface("n", 4, &second("fd00::77", "IPv6")));
    assert!(six.is_complete(), "{:?}", six.diagnostics);
    assert!(
        yaml(&six).contains("addresses: [10.0.0.4, \"fd00::77\"]"),
        "{}",
        yaml(&six)
    );
}

/// L-IDLE-03, A-04: a public address's own timeout decides nothing; L-IDLE-08: no reset unless said.
#[test]
fn l_idle_03_08_a_04_defaults_of_rules_are_those_of_the_resource_model() {
    let imported = import(&rule(""), &interface("n", 4, ""));
    assert!(imported.is_complete());
    assert!(
        !yaml(&imported).contains("idleTimeoutInMinutes:")
            && !yaml(&imported).contains("enableTcpReset:")
    );
    let imported = import(
        &rule(r#", "idleTimeoutInMinutes": 20, "enableTcpReset": true"#),
        &interface("n", 4, ""),
    );
    assert!(
        yaml(&imported).contains("idleTimeoutInMinutes: 20")
            && yaml(&imported).contains("enableTcpReset: true")
    );
}

/// L-IDLE-03, A-04: the timeout of a public address is its frontend's; of an instance's own it is
/// nobody's.
#[test]
fn l_idle_03_a_04_a_public_address_s_timeout_goes_to_its_frontend() {
    let public = |name: &str, last: u8, minutes: u32| {
        format!(
            r#"{{ "type": "Microsoft.Network/publicIPAddresses", "name": "{name}", "sku": {{ "name": "Standard" }}, "properties": {{ "ipAddress": "203.0.113.{last}", "idleTimeoutInMinutes": {minutes} }} }}"#
        )
    };
    let of_public = |name: &str| format!(r#"{{ "id": "{PROVIDERS}/publicIPAddresses/{name}" }}"#);
    let import = |frontend: &str, more: &str| {
        let text = format!(
            r#"[{{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": {{ "name": "Standard" }}, "properties": {{
  "frontendIPConfigurations": [{{ "name": "f", "properties": {{ "publicIPAddress": {frontend} }} }}] }} }}{more}]"#
        );
        arm(&[Source::new("case.json", text)], 0, &Options::default())
    };
    let field = "address: 203.0.113.10, idleTimeoutInMinutes: 12 }";
    let referred = import(&of_public("ip"), &format!(", {}", public("ip", 10, 12)));
    assert!(yaml(&referred).contains(field), "{}", yaml(&referred));
    assert_eq!(codes(&referred), [""; 0]);
    let inline = r#"{ "properties": { "ipAddress": "203.0.113.10", "idleTimeoutInMinutes": 12 } }"#;
    assert!(yaml(&import(inline, "")).contains(field));
    let default = import(&of_public("ip"), &format!(", {}", public("ip", 10, 4)));
    assert!(!yaml(&default).contains("idleTimeoutInMinutes"));

    let interface = format!(
        r#", {}, {{ "type": "Microsoft.Network/networkInterfaces", "name": "n", "properties": {{ "macAddress": "00-0D-3A-00-00-04", "ipConfigurations": [
  {{ "name": "one", "properties": {{ "primary": true, "privateIPAddress": "10.0.0.4", "publicIPAddress": {} }} }}] }} }}"#,
        public("own", 99, 12),
        of_public("own")
    );
    let own = import(
        r#"{ "properties": { "ipAddress": "203.0.113.10" } }"#,
        &interface,
    );
    assert!(!yaml(&own).contains("idleTimeoutInMinutes: 12"));
    let told = own.diagnostics.iter();
    let told = told.filter(|d| d.message.contains("idleTimeoutInMinutes"));
    assert_eq!(
        told.map(|d| d.code.number()).collect::<Vec<_>>(),
        ["HG0802"]
    );
}

/// A NAT rule of a range, and a NAT pool.
fn nat(kind: &str, first: u32, last: u32, name: &str) -> String {
    let target = if kind == "inboundNatRules" {
        format!(
            r#", "backendAddressPool": {}"#,
            of_balancer("backendAddressPools/p")
        )
    } else {
        String::new()
    };
    format!(
        r#", "{kind}": [{{ "name": "{name}", "properties": {{ "frontendIPConfiguration": {}, "protocol": "Tcp", "frontendPortRangeStart": {first}, "frontendPortRangeEnd": {last}, "backendPort": 22{target} }} }}]"#,
        of_balancer("frontendIPConfigurations/f")
    )
}

#[test]
fn l_nat_05_rules_and_pools_exclude_each_other() {
    let both = nat("inboundNatRules", 500, 509, "a") + &nat("inboundNatPools", 600, 609, "b");
    assert!(codes(&import(&both, &interface("n", 4, ""))).contains(&"HG0832"));
    let one = import(
        &nat("inboundNatRules", 500, 509, "a"),
        &interface("n", 4, ""),
    );
    assert_eq!(codes(&one), [""; 0]);
}

/// L-NAT-06, A-19: the range has as many ports as it has numbers.
#[test]
fn l_nat_06_a_19_both_ends_of_a_range_count() {
    let two = interface("n", 4, "") + &interface("m", 5, "");
    assert_eq!(
        codes(&import(&nat("inboundNatRules", 500, 501, "a"), &two)),
        [""; 0]
    );
    assert_eq!(
        codes(&import(&nat("inboundNatRules", 500, 500, "a"), &two)),
        ["HG0521"]
    );
}

#[test]
fn l_out_27_every_address_of_a_prefix_is_a_frontend() {
    let text = format!(
        r#"[{{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": {{ "name": "Standard" }}, "properties": {{
  "frontendIPConfigurations": [{{ "name": "f", "properties": {{ "publicIPPrefix": {{ "id": "{PROVIDERS}/publicIPPrefixes/x" }} }} }}],
  "backendAddressPools": [{{ "name": "p" }}],
  "outboundRules": [{{ "name": "o", "properties": {{ "protocol": "All", "frontendIPConfigurations": [{}], "backendAddressPool": {}, "allocatedOutboundPorts": 64000 }} }}] }} }},
{{ "type": "Microsoft.Network/publicIPPrefixes", "name": "x", "sku": {{ "name": "Standard" }}, "properties": {{ "ipPrefix": "203.0.113.32/30" }} }}{}]"#,
        of_balancer("frontendIPConfigurations/f"),
        of_balancer("backendAddressPools/p"),
        (4..8)
            .map(|i| interface(&format!("n{i}"), i, ""))
            .collect::<String>()
    );
    let imported = arm(&[Source::new("case.json", text)], 0, &Options::default());
    assert!(
        imported.is_complete(),
        "four times 64,000 ports: {:?}",
        imported.diagnostics
    );
    let addresses = (32..36).filter(|n| yaml(&imported).contains(&format!("203.0.113.{n}")));
    assert!(addresses.count() == 4 || yaml(&imported).contains("203.0.113.32/30"));
}

/// Roles with these probes and endpoints, one instance each.
fn service(probes: &str, roles: &[(&str, &str)]) -> Imported {
    let mut text =
        format!("<ServiceDefinition name=\"s\"><LoadBalancerProbes>{probes}</LoadBalancerProbes>");
    let mut addresses = vec![("vip".to_owned(), "203.0.113.1".to_owned())];
    for (i, (role, endpoints)) in roles.iter().enumerate() {
        let _ = write!(
            text,
            "<WorkerRole name=\"{role}\"><Endpoints>{endpoints}</Endpoints></WorkerRole>"
        );
        addresses.push((format!("{role}_IN_0"), format!("10.0.0.{}", 4 + i)));
    }
    text.push_str("</ServiceDefinition>");
    let options = Options {
        addresses: addresses.into_iter().collect(),
        instances: roles
            .iter()
            .map(|(role, _)| ((*role).to_owned(), 1))
            .collect(),
        ..Options::default()
    };
    csdef(&[Source::new("case.csdef", text)], &options)
}

const ENDPOINT: &str =
    r#"<InputEndpoint name="e" protocol="tcp" port="80" localPort="8080" loadBalancerProbe="p" />"#;

#[test]
fn csd_01_probes_are_of_the_service_and_shared_by_roles() {
    let probes = r#"<LoadBalancerProbe name="p" protocol="tcp" port="9000" /><LoadBalancerProbe name="q" protocol="http" path="/h" port="9001" />"#;
    let second = r#"<InputEndpoint name="f" protocol="udp" port="81" loadBalancerProbe="p" /><InputEndpoint name="g" protocol="tcp" port="82" loadBalancerProbe="q" />"#;
    let imported = service(probes, &[("r", ENDPOINT), ("s", second)]);
    assert!(imported.is_complete(), "{:?}", imported.diagnostics);
    let yaml = yaml(&imported);
    assert_eq!(yaml.matches("{ name: p, protocol: Tcp").count(), 1);
    assert_eq!(yaml.matches("probe: p }").count(), 2, "{yaml}");
    assert_eq!(yaml.matches("probe: q }").count(), 1);
    let alone = service(
        "",
        &[("r", r#"<LoadBalancerProbe name="p" protocol="tcp" />"#)],
    );
    assert!(
        !yaml_of(&alone).contains("name: p,"),
        "not outside its list"
    );
}

fn yaml_of(imported: &Imported) -> String {
    imported.yaml.clone().unwrap_or_default()
}

#[test]
fn csd_02_05_without_a_probe_the_agent_s_would_decide_and_with_one_it_does_not() {
    let own = ENDPOINT.replace(" loadBalancerProbe=\"p\"", "");
    let imported = service("", &[("r", &own)]);
    assert_eq!(
        codes(&imported),
        ["HG0843"],
        "the agent's port is to be said"
    );
    let imported = service(
        r#"<LoadBalancerProbe name="p" protocol="tcp" />"#,
        &[("r", ENDPOINT)],
    );
    assert_eq!(codes(&imported), [""; 0]);
    assert!(yaml(&imported).contains("probe: p") && !yaml(&imported).contains("GuestAgent"));
}

#[test]
fn csd_09_10_11_12_13_14_attributes_of_a_probe() {
    let with = |attributes: &str| {
        codes(&service(
            &format!("<LoadBalancerProbe {attributes} />"),
            &[("r", ENDPOINT)],
        ))
    };
    let twice = r#"<LoadBalancerProbe name="p" protocol="tcp" /><LoadBalancerProbe name="p" protocol="tcp" />"#;
    assert_eq!(codes(&service(twice, &[("r", ENDPOINT)])), ["HG0202"]);
    assert!(with(r#"protocol="tcp""#).contains(&"HG0102"), "no name");
    for (attributes, code) in [
        (r#"name="p""#, "HG0102"),
        (r#"name="p" protocol="https" path="/""#, "HG0105"),
        (r#"name="p" protocol="udp""#, "HG0105"),
        (r#"name="p" protocol="http""#, "HG0602"),
        (r#"name="p" protocol="tcp" path="/""#, "HG0603"),
        (r#"name="p" protocol="tcp" port="0""#, "HG0104"),
        (r#"name="p" protocol="tcp" port="65536""#, "HG0104"),
        (r#"name="p" protocol="tcp" intervalInSeconds="4""#, "HG0104"),
        (r#"name="p" protocol="tcp" timeoutInSeconds="10""#, "HG0104"),
    ] {
        assert_eq!(with(attributes), [code], "{attributes}");
    }
    for least in [
        r#"name="p" protocol="tcp" port="1""#,
        r#"name="p" protocol="tcp" port="65535""#,
        r#"name="p" protocol="tcp" intervalInSeconds="5" timeoutInSeconds="11""#,
    ] {
        assert_eq!(with(least), [""; 0], "{least}");
    }
    let plain = service(
        r#"<LoadBalancerProbe name="p" protocol="tcp" />"#,
        &[("r", ENDPOINT)],
    );
    let defaults = "intervalInSeconds: 15, timeoutInSeconds: 31, port: 8080";
    assert!(
        yaml(&plain).contains(defaults),
        "the endpoint's own port: {}",
        yaml(&plain)
    );
}

#[test]
fn csd_16_a_udp_endpoint_is_asked_by_tcp() {
    let udp = ENDPOINT.replace("\"tcp\"", "\"udp\"");
    let imported = service(
        r#"<LoadBalancerProbe name="p" protocol="tcp" />"#,
        &[("r", &udp)],
    );
    assert!(imported.is_complete());
    assert!(
        yaml(&imported).contains("protocol: Udp")
            && yaml(&imported).contains("protocol: Tcp, intervalInSeconds")
    );
}

/// CSD-17: the file of the sample ends so. OUT-09: roles get out by the service's address only.
#[test]
fn csd_17_out_09_a_service_definition_has_no_public_address_for_an_instance() {
    let source = sample("../examples/import", "service.csdef");
    let options = Options {
        addresses: [
            ("vip", "203.0.113.40"),
            ("Front_IN_0", "10.0.0.4"),
            ("Media_IN_0", "10.0.0.6"),
        ]
        .map(|(name, address)| (name.to_owned(), address.to_owned()))
        .into(),
        instances: [("Front".to_owned(), 1), ("Media".to_owned(), 1)].into(),
        ..Options::default()
    };
    let imported = csdef(&[source], &options);
    assert!(imported.is_complete());
    assert!(!yaml(&imported).contains("publicAddress") && yaml(&imported).contains("sku: Basic"));
}

#[test]
fn l_dist_09_classic_names_of_the_modes() {
    let probe = r#"<LoadBalancerProbe name="p" protocol="tcp" />"#;
    for (classic, ours) in [
        ("sourceIP", "loadDistribution: SourceIP }"),
        ("sourceIPProtocol", "loadDistribution: SourceIPProtocol }"),
    ] {
        let endpoint = ENDPOINT.replace(
            " />",
            &format!(" loadBalancerDistribution=\"{classic}\" />"),
        );
        assert!(
            yaml_of(&service(probe, &[("r", &endpoint)])).contains(ours),
            "{classic}"
        );
    }
    for endpoint in [
        ENDPOINT.to_owned(),
        ENDPOINT.replace(" />", " loadBalancerDistribution=\"none\" />"),
    ] {
        assert!(!yaml_of(&service(probe, &[("r", &endpoint)])).contains("loadDistribution"));
    }
}

#[test]
fn l_lim_06_endpoints_of_a_service() {
    let internal = |count: usize| "<InternalEndpoint name=\"i\" protocol=\"tcp\" />".repeat(count);
    let has = |count: usize| codes(&service("", &[("r", &internal(count))])).contains(&"HG0842");
    assert!(!has(25) && has(26));
    let port = |port: &str| {
        let endpoint = ENDPOINT.replace("\"80\"", &format!("\"{port}\""));
        codes(&service(
            r#"<LoadBalancerProbe name="p" protocol="tcp" />"#,
            &[("r", &endpoint)],
        ))
        .contains(&"HG0104")
    };
    assert!(!port("1") && !port("65534") && port("0") && port("65536"));
}

#[test]
fn prot_03_what_ends_tls_or_reads_requests_is_not_carried_over() {
    let https = ENDPOINT.replace("protocol=\"tcp\"", "protocol=\"https\" certificate=\"c\"");
    let imported = service(
        r#"<LoadBalancerProbe name="p" protocol="tcp" />"#,
        &[("r", &https)],
    );
    assert_eq!(codes(&imported), ["HG0802"]);
    assert!(
        yaml(&imported).contains("protocol: Tcp, frontend"),
        "{}",
        yaml(&imported)
    );
}
