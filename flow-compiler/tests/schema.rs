//! The published schema and `check` agree on what they both judge: one field at a time.

mod yaml;

#[path = "diagnostics/cases.rs"]
mod cases;

use std::path::Path;

use boon::{Compiler, SchemaIndex, Schemas};
use cases::{cases, diagnose};
use flow_compiler::diagnostic::Severity;
use serde_json::{Value, json};

/// What `check` says about single fields; everything else is about several.
const SHAPE: [&str; 11] = [
    "HG0101", "HG0102", "HG0103", "HG0104", "HG0105", "HG0106", "HG0107", "HG0108", "HG0109",
    "HG0510", "HG0519",
];

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn published() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.enable_format_assertions();
        let schema = flow_compiler::schema::schema();
        let added = compiler.add_resource("headgate.json", schema);
        added.expect("JSON");
        let index = compiler.compile("headgate.json", &mut schemas);
        let index = index.expect("a valid schema");
        Self { schemas, index }
    }

    fn judge(&self, config: &Value) -> Result<(), String> {
        let verdict = self.schemas.validate(config, self.index);
        verdict.map_err(|error| format!("{error:#}"))
    }
}

#[test]
fn examples_are_valid() {
    let schema = Schema::published();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut judged = 0;
    for entry in std::fs::read_dir(folder).expect("the examples") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|kind| kind == "yaml") {
            let text = std::fs::read_to_string(&path).expect("text");
            let config = yaml::to_json(&text).expect("YAML");
            assert_eq!(schema.judge(&config), Ok(()), "{}", path.display());
            judged += 1;
        }
    }
    assert!(judged > 0);
}

#[test]
fn the_schema_refuses_what_is_wrong_with_one_field_and_nothing_else() {
    let schema = Schema::published();
    let mut refused = 0;
    for (codes, text) in cases() {
        // What is no tree has no schema.
        let Some(config) = yaml::to_json(&text).filter(|_| !codes.contains(&"HG0007")) else {
            assert!(codes.iter().all(|code| code.starts_with("HG00")), "{text}");
            continue;
        };
        // Between the shortest and the longest timeout anywhere, it depends on profile and SKU.
        let depends = |code: &&str| *code == "HG0510";
        let wrong = codes
            .iter()
            .any(|code| SHAPE.contains(code) && !depends(code));
        let verdict = schema.judge(&config);
        assert_eq!(verdict.is_err(), wrong, "{codes:?}\n{text}\n{verdict:?}");
        refused += usize::from(wrong);
    }
    assert!(refused > 10, "{refused}");
}

/// Both forms of inbound NAT rules, and every field.
fn whole() -> Value {
    json!({
        "headgate": 1,
        "profile": "current", "secureByDefault": true,
        "settings": {
            "frontendIdlePrecedence": false, "adminDownReset": false, "frontendPing": true,
            "udpPortShareByDestIp": false, "flapWindowInSeconds": 60, "flapMaxDoublings": 3,
            "adoptMidflow": false, "haForwardFragments": true,
        },
        "uplink": {
            "mac": "02:00:00:00:00:01", "address": "203.0.113.2/24", "addressV6": "2001:db8::2/64",
            "nextHop": "203.0.113.1", "nextHopV6": "fe80::1", "nextHopMac": "02:00:00:00:00:fe", "vlan": 7,
            "defaultOutboundAddress": "203.0.113.250", "defaultOutboundAddressV6": "2001:db8::fa",
        },
        "instances": [{
            "name": "a", "addresses": ["10.0.0.4", "fd00::4"], "vport": 1, "mac": "02:00:00:00:00:04",
            "publicAddress": "203.0.113.99", "publicAddressV6": "2001:db8::99", "powerState": "Running",
            "availabilitySet": "s", "nextHop": "10.0.9.4", "nextHopV6": "fd00:9::4",
        }, {
            "name": "n", "addresses": ["10.0.8.4", "fd00:8::4"], "vport": 2, "mac": "02:00:00:00:08:04",
            "ipForwarding": true, "scaleSet": "s",
        }],
        "loadBalancers": [{
            "name": "web",
            "sku": "Standard",
            "frontends": [
                { "name": "f", "address": "203.0.113.10", "internal": false, "idleTimeoutInMinutes": 5 },
                { "name": "g", "address": "203.0.113.11" },
            ],
            "backendPools": [{
                "name": "p", "drainPeriodInSeconds": 60, "byAddress": false,
                "members": [{ "instance": "a", "weight": 2, "adminState": "None" }],
            }],
            "probes": [{
                "name": "t", "protocol": "Http", "port": 80, "requestPath": "/", "intervalInSeconds": 5,
                "timeoutInSeconds": 31, "probeThreshold": 2, "numberOfProbes": 2,
                "noHealthyBackendsBehavior": "AllProbedUp",
            }],
            "loadBalancingRules": [{
                "name": "r", "protocol": "Tcp", "frontend": "f", "frontendPort": 80, "backendPool": "p",
                "backendPort": 8080, "probe": "t", "loadDistribution": "SourceIP", "idleTimeoutInMinutes": 5,
                "enableTcpReset": true, "enableFloatingIP": false, "disableOutboundSnat": false,
                "enableConnectionTracking": false, "allowInbound": true,
            }],
            "inboundNatRules": [
                {
                    "name": "n", "protocol": "Tcp", "frontend": "f", "target": "a", "frontendPort": 81,
                    "backendPort": 22, "idleTimeoutInMinutes": 5, "enableTcpReset": true,
                    "enableFloatingIP": false, "allowInbound": false,
                },
                {
                    "name": "m", "protocol": "Tcp", "frontend": "f", "backendPool": "p",
                    "frontendPortRangeStart": 500, "frontendPortRangeEnd": 600, "backendPort": 23,
                },
            ],
            "outboundRules": [{
                "name": "o", "protocol": "Tcp", "frontends": ["g"], "backendPool": "p",
                "allocatedOutboundPorts": 1024, "idleTimeoutInMinutes": 5, "enableTcpReset": true,
            }],
        }, {
            "name": "hub",
            "sku": "Standard",
            "frontends": [
                { "name": "f", "address": "10.0.9.4", "internal": true },
                { "name": "g", "address": "fd00:9::4", "internal": true },
            ],
            "backendPools": [{ "name": "p", "members": [{ "instance": "n" }] }],
            "loadBalancingRules": [{
                "name": "all", "protocol": "All", "frontend": "f", "frontendPort": 0, "backendPool": "p",
                "backendPort": 0,
            }, {
                "name": "all6", "protocol": "All", "frontend": "g", "frontendPort": 0,
                "backendPool": "p", "backendPort": 0,
            }],
        }],
    })
}

/// Every place in a value: its pointer, and the schema that is for it.
fn places(value: &Value, schema: &Value, at: &str, found: &mut Vec<(String, Value)>) {
    found.push((at.to_owned(), schema.clone()));
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                let schema = &schema["properties"][name];
                assert!(!schema.is_null(), "{at}/{name} has no schema");
                places(field, schema, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                places(item, &schema["items"], &format!("{at}/{index}"), found);
            }
        }
        _ => {}
    }
}

/// What stands in the place of a field: good and bad, at the ends of its range and beyond.
fn replacements(schema: &Value) -> Vec<Value> {
    let mut all = vec![
        json!(true),
        json!(""),
        json!("no such word"),
        json!("10.0.0.300"),
        json!("02:00:00:00:00"),
        json!("03:00:00:00:00:04"),
        json!("10.9.0.0/33"),
        json!([]),
        json!([[]]),
        json!({ "no such field": 1 }),
    ];
    for (end, step) in [("minimum", -1), ("maximum", 1)] {
        if let Some(end) = schema[end].as_i64() {
            all.extend([json!(end), json!(end + step), json!(end.to_string())]);
        }
    }
    let words = schema["anyOf"][0]["enum"].as_array();
    for word in words.into_iter().flatten().filter_map(Value::as_str) {
        all.extend([json!(word), json!(word.to_ascii_uppercase())]);
    }
    all
}

/// Whether a schema is for text alone: there `check` also takes what YAML reads as something else.
fn is_text(schema: &Value) -> bool {
    let kinds = schema["type"].to_string();
    kinds.contains("string") && !kinds.contains("integer")
}

#[test]
fn the_schema_and_check_agree_on_every_field() {
    let schema = Schema::published();
    let mut found = Vec::new();
    places(&whole(), &flow_compiler::schema::schema(), "", &mut found);
    let mut disagree = Vec::new();
    let mut refused = 0;
    let mut judge = |config: &Value, what: String| {
        let verdict = schema.judge(config);
        let told = diagnose(&config.to_string());
        let wrong = told.iter().find(|d| SHAPE.contains(&d.code.number()));
        refused += usize::from(verdict.is_err());
        if verdict.is_err() != wrong.is_some() {
            disagree.push(format!("{what}: {verdict:?}, but {wrong:?}"));
        }
    };
    judge(&whole(), "the whole".to_owned());
    for (at, field) in found {
        for value in replacements(&field) {
            if is_text(&field) && value == json!(true) {
                continue;
            }
            let mut config = whole();
            *config.pointer_mut(&at).expect("it is there") = value.clone();
            judge(&config, format!("{at} = {value}"));
        }
        let mut config = whole();
        if let Some(mapping) = config.pointer_mut(&at).and_then(Value::as_object_mut) {
            for name in mapping.keys().cloned().collect::<Vec<_>>() {
                let mut config = whole();
                let mapping = config.pointer_mut(&at).and_then(Value::as_object_mut);
                mapping.expect("it is there").remove(&name);
                judge(&config, format!("{at} without {name}"));
            }
        }
    }
    assert!(refused > 300, "{refused}");
    assert!(disagree.is_empty(), "{}", disagree.join("\n"));
}

#[test]
fn a_configuration_with_every_field_is_accepted() {
    let told = diagnose(&whole().to_string());
    let errors: Vec<_> = told
        .iter()
        .filter(|d| d.severity() == Severity::Error)
        .collect();
    assert!(errors.is_empty(), "{errors:?}");
    let mut found = Vec::new();
    let schema = flow_compiler::schema::schema();
    places(&whole(), &schema, "", &mut found);
    let used: std::collections::BTreeSet<String> = found
        .into_iter()
        .map(|(at, _)| {
            at.split('/')
                .filter(|part| part.parse::<u32>().is_err())
                .collect()
        })
        .collect();
    let mut missing = Vec::new();
    unused(&schema, "", &used, &mut missing);
    assert!(missing.is_empty(), "{missing:?}");
}

/// The fields of a schema that a configuration does not have.
fn unused(
    schema: &Value,
    at: &str,
    used: &std::collections::BTreeSet<String>,
    missing: &mut Vec<String>,
) {
    let fields = schema["properties"].as_object();
    for (name, field) in fields.into_iter().flatten() {
        let at = format!("{at}{name}");
        if !used.contains(&at) {
            missing.push(at.clone());
        }
        unused(field, &at, used, missing);
        unused(&field["items"], &at, used, missing);
    }
}
