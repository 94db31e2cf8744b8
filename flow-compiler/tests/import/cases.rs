//! The smallest files that deserve each finding of the importer.

use flow_compiler::import::{Imported, Options, arm, csdef};
use flow_compiler::source::Source;

/// Codes, and the file that deserves them.
pub(crate) type Case = (&'static [&'static str], String);

/// A load balancer of a public frontend, a pool and these fields, with these other resources.
fn with(fields: &str, resources: &str) -> String {
    format!(
        r#"[
{{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": {{ "name": "Standard" }}, "properties": {{
  "frontendIPConfigurations": [{{ "name": "f", "properties": {{ "publicIPAddress": {{ "id": "/providers/Microsoft.Network/publicIPAddresses/ip" }} }} }}],
  "backendAddressPools": [{{ "name": "p" }}]{fields}
}} }},
{{ "type": "Microsoft.Network/publicIPAddresses", "name": "ip", "sku": {{ "name": "Standard" }}, "properties": {{ "ipAddress": "203.0.113.10" }} }}{resources}
]"#
    )
}

/// A load balancer alone, with this SKU and these fields of `properties`.
fn balancer(sku: &str, fields: &str) -> String {
    format!(
        r#"{{ "type": "Microsoft.Network/loadBalancers", "name": "lb", "sku": {sku}, "properties": {{ {fields} }} }}"#
    )
}

const SUBNET: &str = r#"{ "id": "/providers/Microsoft.Network/virtualNetworks/one/subnets/s" }"#;

/// A frontend with these fields.
fn frontend(fields: &str) -> String {
    format!(r#""frontendIPConfigurations": [{{ "name": "f", "properties": {{ {fields} }} }}]"#)
}

fn id(part: &str, name: &str) -> String {
    format!(r#"{{ "id": "/providers/Microsoft.Network/loadBalancers/lb/{part}/{name}" }}"#)
}

/// A list of inbound NAT rules or pools, each with these fields.
fn nat(kind: &str, items: &[(&str, &str)]) -> String {
    let frontend = id("frontendIPConfigurations", "f");
    let item = |(name, fields): &(&str, &str)| {
        format!(
            r#"{{ "name": "{name}", "properties": {{ "frontendIPConfiguration": {frontend}, "protocol": "Tcp", {fields} }} }}"#
        )
    };
    let items: Vec<String> = items.iter().map(item).collect();
    format!(r#", "{kind}": [{}]"#, items.join(", "))
}

/// An interface in the pool with this IP configuration and a second one.
fn interface(name: &str, address: &str, second: &str) -> String {
    let pool = id("backendAddressPools", "p");
    format!(
        r#", {{ "type": "Microsoft.Network/networkInterfaces", "name": "{name}", "properties": {{ "macAddress": "00-0D-3A-00-00-{}", "ipConfigurations": [
      {{ "name": "one", "properties": {{ "primary": true, "privateIPAddress": "{address}", "loadBalancerBackendAddressPools": [{pool}] }} }}{second} ] }} }}"#,
        &address[address.len() - 2..].replace('.', "0")
    )
}

fn template(parts: &str, name: &str) -> String {
    format!(
        r#"{{ {parts} "resources": [{{ "type": "Microsoft.Network/loadBalancers", "name": "{name}", "sku": {{ "name": "Standard" }}, "properties": {{ }} }}] }}"#
    )
}

fn arm_cases() -> Vec<Case> {
    let standard = |frontends: &str| balancer(r#"{ "name": "Standard" }"#, frontends);
    let internal = |fields: &str| frontend(&format!(r#""subnet": {SUBNET}, {fields}"#));
    let public = r#""publicIPAddress": { "ipAddress": "203.0.113.1" }"#;
    let storage = r#", { "type": "Microsoft.Storage/storageAccounts", "name": "s" }"#;
    let mut cases: Vec<Case> = vec![
        (&["HG0002"], "{ name: 1 }".to_owned()),
        (&["HG0003"], String::new()),
        (
            &["HG0005"],
            format!("{}{}", "[".repeat(200), "]".repeat(200)),
        ),
        (&["HG0007"], with(r#", "probes": [], "probes": []"#, "")),
        (&["HG0103"], with(r#", "probes": 3"#, "")),
        (
            &["HG0106"],
            standard(&internal(
                r#""privateIPAddress": "10.0.0.9", "privateIPAddressVersion": "IPv6""#,
            )),
        ),
        (&["HG0401"], balancer("null", &frontend(public))),
        (&["HG0801"], "7".to_owned()),
        (
            &["HG0801"],
            r#"{ "type": "Microsoft.Network/publicIPAddresses", "name": "n" }"#.to_owned(),
        ),
        (
            &["HG0802", "HG0803"],
            with(r#", "tags": { "a": "b" }, "probbes": [1]"#, ""),
        ),
        (&["HG0804"], with("", storage)),
        (
            &["HG0805"],
            balancer(
                r#"{ "name": "Standard", "tier": "Global" }"#,
                &frontend(public),
            ),
        ),
        (
            &["HG0401", "HG0805"],
            balancer(r#"{ "name": "Gateway" }"#, &frontend(public)),
        ),
        (
            &["HG0806"],
            standard(&internal(r#""privateIPAllocationMethod": "Static""#)),
        ),
        (&["HG0821"], with("", "").replacen("Standard", "Basic", 1)),
        (&["HG0822"], standard(&internal(public))),
        (&[], with("", "")),
        (
            &[],
            standard(&internal(r#""privateIPAddress": "10.0.0.9""#)),
        ),
    ];
    cases.extend(template_cases());
    cases.extend(pool_cases());
    cases.extend(nat_cases());
    cases
}

fn template_cases() -> Vec<Case> {
    let interface = |field: &str| {
        let other = format!(
            r#""properties": {{ }} }}, {{ "type": "Microsoft.Network/networkInterfaces", "name": "n", {field}"#
        );
        template("", "a").replace(r#""properties": { }"#, &other)
    };
    let parameter = r#""parameters": { "p": { "type": "secureString" } },"#;
    let cycle = r#""variables": { "a": "[variables('b')]", "b": "[variables('a')]" },"#;
    let object = r#""variables": { "a": { "b": 1 } },"#;
    vec![
        (&["HG0804"], interface(r#""condition": false"#)),
        (&["HG0811"], template("", "[concat('a']")),
        (&["HG0812"], template("", "[reference('a')]")),
        (
            &["HG0812"],
            interface(r#""copy": { "name": "n", "count": "[reference('a')]" }"#),
        ),
        (
            &["HG0815"],
            interface(r#""copy": { "name": "n", "count": 801 }"#),
        ),
        (&["HG0816"], template("", "[uniqueString('a')]")),
        (
            &["HG0812"],
            with(r#", "copy": [{ "name": "probes", "count": 2 }]"#, ""),
        ),
        (&["HG0813"], template(parameter, "[parameters('p')]")),
        (&["HG0814"], template(cycle, "[variables('a')]")),
        (&["HG0815"], template("", "[variables('a')]")),
        (&["HG0815"], template(object, "[variables('a').c]")),
    ]
}

/// A load-balancing rule of `f` and `p`.
fn rule(name: &str, port: u16, more: &str) -> String {
    let (frontend, pool) = (
        id("frontendIPConfigurations", "f"),
        id("backendAddressPools", "p"),
    );
    format!(
        r#"{{ "name": "{name}", "properties": {{ "frontendIPConfiguration": {frontend}, "backendAddressPool": {pool}, "protocol": "Tcp", "frontendPort": {port}, "backendPort": 80 {more} }} }}"#
    )
}

/// Load-balancing rules.
fn rules(items: &[String]) -> String {
    format!(r#", "loadBalancingRules": [{}]"#, items.join(", "))
}

fn pool_cases() -> Vec<Case> {
    let internal = frontend(&format!(
        r#""privateIPAddress": "10.0.0.9", "subnet": {SUBNET}"#
    ));
    // A pool of one member by address, with these fields besides.
    let by_address = |sku: &str, network: &str, more: &str| {
        let network =
            format!(r#"{{ "id": "/providers/Microsoft.Network/virtualNetworks/{network}" }}"#);
        let pool = format!(
            r#"{{ "name": "p", "properties": {{ {more} "loadBalancerBackendAddresses": [{{ "name": "a", "properties": {{ "ipAddress": "10.0.0.4", "virtualNetwork": {network} }} }}] }} }}"#
        );
        let rules = rules(&[rule("r", 80, "")]);
        let fields = format!(r#"{internal}, "backendAddressPools": [{pool}]{rules}"#);
        balancer(&format!(r#"{{ "name": "{sku}" }}"#), &fields)
    };
    let by_interface = r#""backendIPConfigurations": [{ "id": "/providers/Microsoft.Network/networkInterfaces/n/ipConfigurations/c" }],"#;
    let pool = id("backendAddressPools", "p");
    let second = format!(
        r#", {{ "name": "two", "properties": {{ "privateIPAddress": "10.0.0.77", "loadBalancerBackendAddressPools": [{pool}] }} }}"#
    );
    let outbound = format!(
        r#", "outboundRules": [{{ "name": "o", "properties": {{ "protocol": "All", "frontendIPConfigurations": [{}], "backendAddressPool": {pool} }} }}]"#,
        id("frontendIPConfigurations", "f"),
    );
    let probe = format!(r#", "probe": {}"#, id("probes", "q"));
    let one = interface("n", "10.0.0.4", "");
    let two = interface("n", "10.0.0.4", &second);
    vec![
        (&["HG0201"], with(&rules(&[rule("r", 80, &probe)]), &one)),
        (
            &["HG0502"],
            with(&rules(&[rule("r", 80, ""), rule("s", 81, "")]), &one),
        ),
        (&["HG0823"], by_address("Standard", "two", "")),
        (
            &["HG0824", "HG0806"],
            by_address("Standard", "one", by_interface),
        ),
        (&["HG0825"], by_address("Basic", "one", "")),
        (
            &["HG0802", "HG0845"],
            by_address("Standard", "one", r#""syncMode": "Manual","#),
        ),
        (&["HG0826"], with("", &two)),
        (&["HG0827", "HG0826"], with(&outbound, &two)),
        (
            &["HG0828"],
            with(
                &rules(&[rule("r", 80, r#", "enableFloatingIP": true"#)]),
                &one,
            ),
        ),
        (&[], by_address("Standard", "one", "")),
    ]
}

fn nat_cases() -> Vec<Case> {
    let pool = id("backendAddressPools", "p");
    let range = |first: u32, last: u32| {
        format!(
            r#""backendPort": 22, "backendAddressPool": {pool}, "frontendPortRangeStart": {first}, "frontendPortRangeEnd": {last}"#
        )
    };
    let rules = |items: &[(&str, &str)]| nat("inboundNatRules", items);
    let two = interface("n", "10.0.0.14", "") + &interface("m", "10.0.0.15", "");
    let pools = nat(
        "inboundNatPools",
        &[(
            "q",
            r#""frontendPortRangeStart": 50, "frontendPortRangeEnd": 60"#,
        )],
    );
    let by_address = |more: &str| {
        format!(
            r#"{{ "name": "p", "properties": {{ "loadBalancerBackendAddresses": [{{ "name": "a", "properties": {{ "ipAddress": "10.0.0.4"{more} }} }}] }} }}"#
        )
    };
    let mapping = r#", "inboundNatRulesPortMapping": [{ "inboundNatRuleName": "n", "frontendPort": 501, "backendPort": 22 }]"#;
    vec![
        (
            &["HG0831"],
            with(&rules(&[("n", r#""frontendPortRangeStart": 5"#)]), ""),
        ),
        (
            &["HG0832", "HG0835", "HG0835"],
            with(&(rules(&[("n", r#""frontendPort": 5"#)]) + &pools), ""),
        ),
        (
            &["HG0833"],
            with(
                &rules(&[("a", &range(500, 510)), ("b", &range(510, 520))]),
                "",
            ),
        ),
        (&["HG0521"], with(&rules(&[("n", &range(500, 500))]), &two)),
        (
            &["HG0835"],
            with(&rules(&[("n", r#""frontendPort": 500"#)]), ""),
        ),
        (
            &["HG0836"],
            with(&rules(&[("n", &range(500, 509))]), "")
                .replace(r#"{ "name": "p" }"#, &by_address(mapping)),
        ),
        (
            &["HG0523"],
            with(&rules(&[("n", &range(500, 509))]), "")
                .replace(r#"{ "name": "p" }"#, &by_address("")),
        ),
        (&["HG0104"], with(&rules(&[("n", &range(509, 500))]), "")),
    ]
}

fn csdef_cases() -> Vec<Case> {
    let service =
        |inner: &str| format!("<ServiceDefinition name=\"s\">\n{inner}\n</ServiceDefinition>");
    let role = |inner: &str| {
        service(&format!(
            "<WorkerRole name=\"r\"><Endpoints>{inner}</Endpoints></WorkerRole>"
        ))
    };
    let probe = |attributes: &str| {
        service(&format!(
            "<LoadBalancerProbes><LoadBalancerProbe {attributes} /></LoadBalancerProbes>\n<WorkerRole name=\"r\"><Endpoints><InputEndpoint name=\"e\" protocol=\"tcp\" port=\"80\" loadBalancerProbe=\"p\" /></Endpoints></WorkerRole>"
        ))
    };
    vec![
        (&["HG0002"], "<ServiceDefinition>".to_owned()),
        (&["HG0841"], "<ServiceConfiguration />".to_owned()),
        (
            &["HG0842"],
            role(&"<InternalEndpoint name=\"e\" />".repeat(26)),
        ),
        (
            &["HG0843"],
            role("<InputEndpoint name=\"e\" protocol=\"tcp\" port=\"80\" />"),
        ),
        (
            &[],
            role(
                "<InputEndpoint name=\"e\" protocol=\"tcp\" port=\"80\" ignoreRoleInstanceStatus=\"true\" />",
            ),
        ),
        (
            &["HG0844"],
            role(
                "<InputEndpoint name=\"e\" protocol=\"tcp\" port=\"80\" localPort=\"*\" ignoreRoleInstanceStatus=\"true\" />",
            ),
        ),
        (
            &["HG0102"],
            role("<InputEndpoint name=\"e\" port=\"80\" ignoreRoleInstanceStatus=\"true\" />"),
        ),
        (
            &["HG0105"],
            role(
                "<InputEndpoint name=\"e\" protocol=\"sctp\" port=\"80\" ignoreRoleInstanceStatus=\"true\" />",
            ),
        ),
        (
            &["HG0201"],
            role(
                "<InputEndpoint name=\"e\" protocol=\"tcp\" port=\"80\" loadBalancerProbe=\"q\" />",
            ),
        ),
        (
            &["HG0501"],
            role(
                "<InputEndpoint name=\"e\" protocol=\"tcp\" port=\"80\" ignoreRoleInstanceStatus=\"true\" /><InputEndpoint name=\"f\" protocol=\"http\" port=\"80\" localPort=\"81\" ignoreRoleInstanceStatus=\"true\" />",
            ),
        ),
        (
            &["HG0102"],
            role("<InstanceInputEndpoint name=\"e\" protocol=\"tcp\" localPort=\"80\" />"),
        ),
        (
            &["HG0834"],
            role(
                "<InstanceInputEndpoint name=\"e\" protocol=\"tcp\" localPort=\"80\"><AllocatePublicPortFrom><FixedPortRange min=\"9\" max=\"8\" /></AllocatePublicPortFrom></InstanceInputEndpoint>",
            ),
        ),
        (&[], probe("name=\"p\" protocol=\"tcp\"")),
        (
            &["HG0104", "HG0104"],
            probe("name=\"p\" protocol=\"tcp\" intervalInSeconds=\"4\" timeoutInSeconds=\"10\""),
        ),
        (
            &["HG0105"],
            probe("name=\"p\" protocol=\"https\" path=\"/\""),
        ),
        (&["HG0602"], probe("name=\"p\" protocol=\"http\"")),
        (&["HG0603"], probe("name=\"p\" protocol=\"tcp\" path=\"/\"")),
        (
            &["HG0604"],
            probe("name=\"p\" protocol=\"http\" path=\"http://x/\""),
        ),
        (
            &["HG0601"],
            probe("name=\"p\" protocol=\"http\" path=\"/\" port=\"25\""),
        ),
        (
            &["HG0803"],
            probe("name=\"p\" protocol=\"tcp\" color=\"red\""),
        ),
    ]
}

/// Every case with what comes of it.
pub(crate) fn all() -> Vec<(Case, Source, Imported)> {
    let arm_cases = arm_cases().into_iter().map(|case| {
        let source = Source::new("case.json", &case.1);
        let imported = arm(std::slice::from_ref(&source), 0, &Options::default());
        (case, source, imported)
    });
    let csdef_cases = csdef_cases().into_iter().map(|case| {
        let source = Source::new("case.csdef", &case.1);
        let addresses = [("vip", "203.0.113.1"), ("r_IN_0", "10.0.0.4")];
        let addresses = addresses.map(|(name, address)| (name.to_owned(), address.to_owned()));
        let options = Options {
            addresses: addresses.into(),
            instances: [("r".to_owned(), 1)].into(),
            ..Options::default()
        };
        let imported = csdef(std::slice::from_ref(&source), &options);
        (case, source, imported)
    });
    arm_cases.chain(csdef_cases).collect()
}
