//! What the specification says of configured probes.

use std::fmt::Write as _;

use flow_compiler::diagnostic::Diagnostic;
use flow_compiler::ir::{Ir, NoHealthyBackends, Probe, ProbeProtocol};
use flow_compiler::source::Source;
use flow_compiler::{Compiled, Rejected, compile};

/// A load balancer over `a` and `b` with one probe, which two rules use.
fn with(sku: &str, probe: &str, more: &str) -> String {
    format!(
        "\
headgate: 1
instances:
  - {{ name: a, addresses: [10.0.0.4], vport: 1, mac: '02:00:00:00:00:04' }}
  - {{ name: b, addresses: [10.0.0.5], vport: 2, mac: '02:00:00:00:00:05'{more} }}
loadBalancers:
  - name: web
    sku: {sku}
    frontends: [{{ name: f, address: 203.0.113.10 }}]
    backendPools: [{{ name: p, members: [{{ instance: a }}, {{ instance: b }}] }}]
    probes: [{{ name: alive, {probe} }}]
    loadBalancingRules:
      - {{ name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p, backendPort: 8080, probe: alive, enableFloatingIP: true }}
      - {{ name: dns, protocol: Udp, frontend: f, frontendPort: 53, backendPool: p, probe: alive }}
      - {{ name: all, protocol: Tcp, frontend: f, frontendPort: 22, backendPool: p }}
    inboundNatRules:
      - {{ name: ssh, protocol: Tcp, frontend: f, frontendPort: 2222, target: a, backendPort: 23 }}
"
    )
}

fn ir(text: &str) -> Ir {
    match compile(&Source::new("case.yaml", text)) {
        Ok(Compiled { ir, .. }) => ir,
        Err(Rejected(found)) => panic!("{found:?}"),
    }
}

fn probe(sku: &str, fields: &str) -> Probe {
    ir(&with(sku, fields, "")).load_balancers[0].probes[0].clone()
}

fn found(sku: &str, fields: &str) -> Vec<&'static str> {
    let number = |diagnostic: &Diagnostic| diagnostic.code.number();
    match compile(&Source::new("case.yaml", with(sku, fields, ""))) {
        Ok(Compiled { warnings, .. }) => warnings.iter().map(number).collect(),
        Err(Rejected(found)) => found.iter().map(number).collect(),
    }
}

#[test]
fn prb_01_kinds_of_probes_by_sku() {
    let https = "protocol: Https, port: 443, requestPath: /x";
    let path = "/x".to_owned();
    assert_eq!(
        probe("Standard", https).protocol,
        ProbeProtocol::Https { path: path.clone() }
    );
    assert_eq!(found("Basic", https), ["HG0605"]);
    for sku in ["Basic", "Standard"] {
        let http = "protocol: Http, port: 80, requestPath: /x";
        let path = path.clone();
        assert_eq!(probe(sku, http).protocol, ProbeProtocol::Http { path });
        assert_eq!(
            probe(sku, "protocol: Tcp, port: 80").protocol,
            ProbeProtocol::Tcp
        );
    }
    let agent = "protocol: GuestAgent, port: 8000";
    assert_eq!(found("Standard", agent), ["HG0608"]);
}

#[test]
fn prb_09_csd_02_06_the_guest_agent_is_asked_at_the_classic_pace() {
    let agent = "protocol: GuestAgent, port: 8000";
    assert_eq!(found("Basic", agent), ["HG0609"], "the last resort");
    let agent = probe("Basic", agent);
    let path = "/".to_owned();
    assert_eq!(agent.protocol, ProbeProtocol::GuestAgent { path });
    assert_eq!(
        (agent.interval_seconds, agent.timeout_seconds),
        (15, Some(31))
    );
}

#[test]
fn csd_13_14_a_38_classic_timing() {
    let timing = |fields: &str| {
        let probe = probe("Basic", &format!("protocol: Tcp, port: 80, {fields}"));
        (probe.interval_seconds, probe.timeout_seconds)
    };
    assert_eq!(timing("timeoutInSeconds: 31"), (15, Some(31)));
    assert_eq!(
        timing("intervalInSeconds: 5, timeoutInSeconds: 11"),
        (5, Some(11))
    );
    assert_eq!(
        timing("probeThreshold: 1"),
        (15, None),
        "not the classic model"
    );
    let code = |fields: &str| found("Basic", &format!("protocol: Tcp, port: 80, {fields}"));
    assert_eq!(code("timeoutInSeconds: 10"), ["HG0104"]);
    assert_eq!(code("intervalInSeconds: 4"), ["HG0104"]);
    assert_eq!(code("timeoutInSeconds: 31, numberOfProbes: 2"), ["HG0607"]);
}

#[test]
fn a_07_l_prb_10_interval_and_its_product_with_the_threshold() {
    let tcp = |fields: &str| format!("protocol: Tcp, port: 80{fields}");
    assert_eq!(probe("Standard", &tcp("")).interval_seconds, 15);
    let five = probe("Standard", &tcp(", intervalInSeconds: 5"));
    assert_eq!(five.interval_seconds, 5);
    assert_eq!(
        found("Standard", &tcp(", intervalInSeconds: 4")),
        ["HG0104"]
    );
    let product = |n| tcp(&format!(", intervalInSeconds: 60, probeThreshold: {n}"));
    assert_eq!(found("Standard", &product(2)), [""; 0]);
    assert_eq!(found("Standard", &product(3)), ["HG0606"]);
}

#[test]
fn a_06_l_prb_27_the_threshold_decides_else_the_number_of_probes() {
    let threshold =
        |fields: &str| probe("Standard", &format!("protocol: Tcp, port: 80{fields}")).threshold;
    assert_eq!(threshold(""), 2);
    assert_eq!(threshold(", numberOfProbes: 3"), 3);
    assert_eq!(threshold(", probeThreshold: 4"), 4);
    assert_eq!(threshold(", numberOfProbes: 3, probeThreshold: 4"), 4);
}

#[test]
fn l_prb_18_ports_that_http_cannot_ask() {
    for port in [19, 21, 25, 70, 110, 119, 143, 220, 993] {
        for kind in ["Http", "Https"] {
            let http = format!("protocol: {kind}, port: {port}, requestPath: /");
            assert_eq!(found("Standard", &http), ["HG0601"], "{http}");
        }
        assert_eq!(
            found("Standard", &format!("protocol: Tcp, port: {port}")),
            [""; 0]
        );
    }
}

#[test]
fn csd_11_12_path_and_port() {
    for (fields, code) in [
        ("protocol: Http, port: 80", "HG0602"),
        ("protocol: Tcp, port: 80, requestPath: /", "HG0603"),
        ("protocol: Tcp, port: 0", "HG0104"),
        ("protocol: Tcp, port: 65536", "HG0104"),
        ("protocol: Udp, port: 80", "HG0105"),
    ] {
        assert_eq!(found("Basic", fields)[0], code, "{fields}");
    }
}

#[test]
fn l_prb_17_no_healthy_backends() {
    let behaviour = |fields: &str| {
        let fields = format!("protocol: Tcp, port: 80{fields}");
        probe("Standard", &fields).no_healthy_backends
    };
    assert_eq!(behaviour(""), NoHealthyBackends::AllProbedDown);
    assert_eq!(
        behaviour(", noHealthyBackendsBehavior: AllProbedUp"),
        NoHealthyBackends::AllProbedUp
    );
}

/// The addresses that are asked, each on its own port.
fn asked(text: &str) -> String {
    let ir = ir(text);
    let mut asked = String::new();
    for target in ir.probe_targets() {
        let balancer = &ir.load_balancers[target.load_balancer.0];
        let port = balancer.probes[target.probe.0].port;
        let _ = write!(asked, "{}:{port} ", target.address);
    }
    asked
}

#[test]
fn l_prb_21_23_24_a_39_csd_16_who_is_asked_where() {
    // A floating IP rule and a UDP rule share the probe; a rule without one and a NAT rule ask
    // nobody; the probe's port is its own.
    let text = with("Standard", "protocol: Tcp, port: 9000", "");
    assert_eq!(asked(&text), "10.0.0.4:9000 10.0.0.5:9000 ");
}

#[test]
fn l_prb_13_a_stopped_instance_is_not_asked() {
    for state in ["Stopped", "Deallocated"] {
        let stopped = format!(", powerState: {state}");
        let text = with("Standard", "protocol: Tcp, port: 9000", &stopped);
        assert_eq!(asked(&text), "10.0.0.4:9000 ");
    }
    let text = with(
        "Standard",
        "protocol: Tcp, port: 9000",
        ", powerState: Running",
    );
    assert_eq!(asked(&text), "10.0.0.4:9000 10.0.0.5:9000 ");
}

#[test]
fn l_prb_25_no_frontend_in_the_probes_address() {
    let text = with("Standard", "protocol: Tcp, port: 80", "");
    for source in ["168.63.129.16", "'fe80::1234:5678:9abc'"] {
        let text = text.replace("203.0.113.10", source);
        let Err(Rejected(found)) = compile(&Source::new("case.yaml", text)) else {
            panic!("accepted");
        };
        assert_eq!(found[0].code.number(), "HG0305");
    }
}

#[test]
fn l_prb_12_25_the_host_has_the_probes_addresses_and_no_other_link_local_one() {
    let text = |v6: &str| {
        let host = format!(
            "instances:\n  - {{ name: host, addresses: [168.63.129.16, '{v6}'], vport: 9, \
             mac: '02:00:00:00:00:09' }}"
        );
        let text = with("Standard", "protocol: Tcp, port: 80", "");
        text.replace("instances:", &host)
    };
    compile(&Source::new("case.yaml", text("fe80::1234:5678:9abc"))).expect("accepted");
    let Err(Rejected(found)) = compile(&Source::new("case.yaml", text("fe80::1"))) else {
        panic!("accepted");
    };
    assert_eq!(found[0].code.number(), "HG0305");
}

#[test]
fn l_prb_26_two_probes_on_one_port_are_warned_of() {
    let text = with("Standard", "protocol: Tcp, port: 9000", "");
    let second = "probes: [{ name: other, protocol: Tcp, port: 9000 }, ";
    let text = text.replace("probes: [", second);
    let text = text.replace("backendPool: p }", "backendPool: p, probe: other }");
    let Ok(Compiled { warnings, .. }) = compile(&Source::new("case.yaml", text)) else {
        panic!("refused");
    };
    let numbers: Vec<_> = warnings.iter().map(|w| w.code.number()).collect();
    assert_eq!(numbers, ["HG0610"], "once for the pair");
}

#[test]
fn l_adm_07_a_12_the_drain_period_is_off_unless_said() {
    let period = |field: &str| {
        let text = with("Standard", "protocol: Tcp, port: 80", "");
        let text = text.replace("{ name: p, members", &format!("{{ name: p, {field}members"));
        ir(&text).load_balancers[0].pools[0].drain_seconds
    };
    assert_eq!(period(""), None);
    assert_eq!(period("drainPeriodInSeconds: 0, "), None);
    assert_eq!(period("drainPeriodInSeconds: 30, "), Some(30));
}
