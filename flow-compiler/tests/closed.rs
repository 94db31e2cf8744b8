//! Closed by default: which rules take new flows, and what is said of them (spec 1.14, SKU-08).

use flow_compiler::diagnostic::Diagnostic;
use flow_compiler::ids::Ids;
use flow_compiler::ir::{Ir, Outbound};
use flow_compiler::lower::{Live, lower};
use flow_compiler::source::Source;
use flow_compiler::{Rejected, compile};

/// A file with the knob at this, and a load balancer whose three kinds of rules say this.
fn file(knob: &str, sku: &str, address: &str, said: &str) -> String {
    format!(
        "\
headgate: 1
profile: current
{knob}
instances:
  - {{ name: a, addresses: [10.0.0.4], vport: 1, mac: '02:00:00:00:00:04' }}
  - {{ name: b, addresses: [10.0.0.5], vport: 2, mac: '02:00:00:00:00:05' }}
loadBalancers:
  - name: web
    sku: {sku}
    frontends: [{{ name: f, address: {address} }}]
    backendPools: [{{ name: p, members: [{{ instance: a }}, {{ instance: b }}] }}]
    loadBalancingRules:
      - {{ name: http, protocol: Tcp, frontend: f, frontendPort: 80, backendPool: p{said} }}
    inboundNatRules:
      - {{ name: one, protocol: Tcp, frontend: f, frontendPort: 22, target: a{said} }}
      - {{ name: all, protocol: Udp, frontend: f, backendPool: p, frontendPortRangeStart: 500, frontendPortRangeEnd: 600, backendPort: 23{said} }}
"
    )
}

const SECURE: &str = "secureByDefault: true";
const PUBLIC: &str = "203.0.113.10";
const INTERNAL: &str = "10.9.0.10";

fn compiled(text: &str) -> (Ir, Vec<&'static str>) {
    match compile(&Source::new("case.yaml", text)) {
        Ok(compiled) => {
            let number = |d: &Diagnostic| d.code.number();
            (compiled.ir, compiled.warnings.iter().map(number).collect())
        }
        Err(Rejected(found)) => panic!("{found:#?}"),
    }
}

/// Whether all rules are open, or none.
fn is_open(ir: &Ir) -> bool {
    let balancer = &ir.load_balancers[0];
    let rules = balancer.rules.iter().map(|rule| rule.is_open);
    let all: Vec<bool> = rules
        .chain(balancer.nat_rules.iter().map(|r| r.is_open))
        .collect();
    assert_eq!(all.len(), 4);
    assert!(all.iter().all(|open| *open == all[0]), "{all:?}");
    all[0]
}

#[test]
fn sku_08_public_standard_rules_are_closed_unless_they_say_otherwise() {
    let (yes, no) = (", allowInbound: true", ", allowInbound: false");
    let off = "secureByDefault: false";
    for (knob, sku, address, said, open, told) in [
        (SECURE, "Standard", PUBLIC, "", false, Some("HG0524")),
        (SECURE, "Standard", PUBLIC, no, false, None),
        (SECURE, "Standard", PUBLIC, yes, true, None),
        (SECURE, "Basic", PUBLIC, "", true, None),
        (SECURE, "Basic", PUBLIC, no, true, Some("HG0525")),
        (SECURE, "Standard", INTERNAL, "", true, None),
        (SECURE, "Standard", INTERNAL, no, true, Some("HG0525")),
        ("", "Standard", PUBLIC, "", true, None),
        ("", "Standard", PUBLIC, yes, true, None),
        ("", "Standard", PUBLIC, no, true, Some("HG0525")),
        (off, "Standard", PUBLIC, "", true, None),
    ] {
        let text = file(knob, sku, address, said);
        let (ir, warnings) = compiled(&text);
        assert_eq!(is_open(&ir), open, "{text}");
        let expected: Vec<&str> = told.iter().flat_map(|code| [*code; 3]).collect();
        assert_eq!(warnings, expected, "once for each rule\n{text}");
    }
}

/// A closed rule has no frontend entry; all else that the card knows of it is as if it were open.
#[test]
fn sku_08_a_closed_rule_lacks_its_frontend_and_nothing_else() {
    let lowered = |said: &str| {
        let (ir, _) = compiled(&file(SECURE, "Standard", PUBLIC, said));
        let lowered = lower(&ir, &mut Ids::default(), Live::ALL_UP).expect("room");
        (ir, lowered)
    };
    let (open_ir, mut open) = lowered(", allowInbound: true");
    let (closed_ir, closed) = lowered(", allowInbound: false");
    // The port, an inbound NAT port, two of a range; and pings of the frontend.
    assert_eq!(open.tables.frontend_v4.len(), 5);
    assert!(closed.tables.frontend_v4.is_empty());
    open.tables.frontend_v4.clear();
    assert_eq!(open.tables, closed.tables);
    assert_eq!(open.names.rules, closed.names.rules, "numbers stay");
    assert_eq!(open_ir.outbound, closed_ir.outbound);
    let mut ways = closed_ir.outbound.ways.values();
    assert!(ways.any(|way| matches!(way, Outbound::Snat(_))));
    let named: Vec<&str> = closed.names.closed.values().map(String::as_str).collect();
    assert_eq!(named, ["web/one", "web/http", "web/all", "web/all"]);
    assert!(open.names.closed.is_empty());
}
