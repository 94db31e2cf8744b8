use serde_json::{Value, json};

use super::texts::SECTIONS;
use super::{Section, schema};
use crate::config::outline;
use crate::ir::Ir;
use crate::source::Source;

/// Every mapping of the format with the names of its fields.
fn sections() -> Vec<(String, Vec<&'static str>)> {
    fn walk(section: &Section<'_>, found: &mut Vec<(String, Vec<&'static str>)>) {
        let fields = &section.object.fields;
        found.push((
            section.path.clone(),
            fields.iter().map(|f| f.name).collect(),
        ));
        let inner = fields.iter().filter_map(|field| section.inner(field));
        inner.for_each(|inner| walk(&inner, found));
    }
    let (object, mut found) = (outline(), Vec::new());
    walk(&Section::root(&object), &mut found);
    found
}

#[test]
fn every_field_has_a_text_and_no_text_is_left_over() {
    let mut read = sections();
    let text = |section: &super::SectionText| {
        let names = section.fields.iter().map(|field| field.name);
        (section.path.to_owned(), names.collect::<Vec<_>>())
    };
    let mut told: Vec<_> = SECTIONS.iter().map(text).collect();
    for (_, names) in read.iter_mut().chain(&mut told) {
        names.sort_unstable();
    }
    read.sort();
    told.sort();
    assert_eq!(read, told);
    let silent = SECTIONS
        .iter()
        .flat_map(|s| s.fields)
        .filter(|f| f.meaning.is_empty());
    assert_eq!(silent.count(), 0);
}

/// A configuration with every kind of mapping.
fn whole() -> Value {
    json!({
        "headgate": 1,
        "settings": { "frontendPing": true },
        "uplink": { "address": "203.0.113.2/24" },
        "instances": [{ "name": "a", "addresses": ["10.0.0.4"], "vport": 1, "mac": "02:00:00:00:00:04" }],
        "loadBalancers": [
            {
                "name": "web",
                "sku": "Standard",
                "frontends": [{ "name": "f", "address": "203.0.113.10" }, { "name": "g", "address": "203.0.113.11" }],
                "backendPools": [{ "name": "p", "members": [{ "instance": "a" }] }],
                "probes": [{ "name": "t", "protocol": "Tcp", "port": 80 }],
                "loadBalancingRules": [{ "name": "r", "protocol": "Tcp", "frontend": "f", "frontendPort": 80, "backendPool": "p", "probe": "t" }],
                "inboundNatRules": [{ "name": "n", "protocol": "Tcp", "frontend": "f", "frontendPort": 81, "target": "a" }],
                "outboundRules": [{ "name": "o", "protocol": "Tcp", "frontends": ["g"], "backendPool": "p" }],
            },
            { "name": "small", "sku": "Basic" },
        ],
    })
}

fn ir(config: &Value) -> Ir {
    let text = config.to_string();
    let compiled = crate::compile(&Source::new("whole", text));
    compiled.expect("a valid configuration").ir
}

/// Where `whole` has a mapping. Only a load balancer without rules may be of either SKU.
fn pointer(path: &str) -> String {
    match path {
        "loadBalancers[]" => "/loadBalancers/1".to_owned(),
        "" => String::new(),
        path => format!("/{}", path.replace('.', "/").replace("[]", "/0")),
    }
}

#[test]
fn an_absent_field_means_its_default() {
    let mut defaults = 0;
    for section in SECTIONS {
        let with_default = section.fields.iter().filter(|f| f.default.is_some());
        for (name, default) in with_default.map(|f| (f.name, f.default.expect("one"))) {
            let value: Value = serde_json::from_str(default).expect("JSON");
            let (mut absent, mut given) = (whole(), whole());
            let mapping = |config: &mut Value| {
                let mapping = config.pointer_mut(&pointer(section.path));
                mapping
                    .and_then(Value::as_object_mut)
                    .expect("a mapping")
                    .remove(name)
            };
            let _ = (mapping(&mut absent), mapping(&mut given));
            given.pointer_mut(&pointer(section.path)).expect("it")[name] = value;
            assert_eq!(ir(&absent), ir(&given), "{} {name}", section.path);
            defaults += 1;
        }
    }
    assert!(defaults > 20, "{defaults}");
}

#[test]
fn a_schema_says_which_fields_belong_together() {
    let schema = schema();
    let rule = "/properties/loadBalancers/items/properties/inboundNatRules/items/oneOf";
    insta::assert_json_snapshot!(schema.pointer(rule), @r#"
    [
      {
        "properties": {
          "backendPool": {
            "type": "null"
          },
          "frontendPortRangeEnd": {
            "type": "null"
          },
          "frontendPortRangeStart": {
            "type": "null"
          }
        },
        "required": [
          "target",
          "frontendPort"
        ]
      },
      {
        "properties": {
          "frontendPort": {
            "type": "null"
          },
          "target": {
            "type": "null"
          }
        },
        "required": [
          "backendPool",
          "frontendPortRangeStart",
          "frontendPortRangeEnd",
          "backendPort"
        ]
      }
    ]
    "#);
}
