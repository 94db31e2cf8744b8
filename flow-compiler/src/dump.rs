//! Entries as people and programs read them: numbers beside the names they stand for.

use std::fmt::Write as _;
use std::io;
use std::net::{IpAddr, SocketAddr};

use firmware_api::entry::address::AddressKey;
use firmware_api::entry::frontend::{FrontendAction, FrontendKey};
use firmware_api::entry::instance::{InstanceConfig, WayOut};
use firmware_api::entry::port::{Mac, PortConfig, PortKind};
use firmware_api::entry::return_path::{ReturnPathAction, ReturnPathKey};
use firmware_api::entry::rule::RuleConfig;
use firmware_api::selector::HashMode;
use firmware_api::{Protocol, TableId, Zone};
use serde_json::{Value, json};

use crate::diff::Change;
use crate::names::Names;
use crate::tables::{Entry, STATIC_TABLES, Tables};

/// The fields of an entry, those of the key first.
type Fields = Vec<(&'static str, Value)>;

/// Writes every entry of the tables as JSON, one on a line: `{ "TABLE": [ { … }, … ], … }`.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_json(
    tables: &Tables,
    names: &Names,
    only: Option<TableId>,
    out: &mut impl io::Write,
) -> io::Result<()> {
    let mut open = "{";
    for table in STATIC_TABLES
        .into_iter()
        .filter(|table| only.is_none_or(|t| t == *table))
    {
        write!(out, "{open}\n\"{table}\": [")?;
        let mut separator = "\n";
        for entry in tables.entries(table) {
            write!(out, "{separator}{}", entry_json(&entry, names))?;
            separator = ",\n";
        }
        write!(out, "\n]")?;
        open = ",";
    }
    writeln!(out, "\n}}")
}

/// Every entry of the tables in aligned columns; selection slots are counted, not listed.
pub fn to_text(tables: &Tables, names: &Names, only: Option<TableId>) -> String {
    let mut out = String::new();
    for table in STATIC_TABLES
        .into_iter()
        .filter(|table| only.is_none_or(|t| t == *table))
    {
        let rows = match table {
            TableId::Selector => selection_rows(tables, names),
            table => tables
                .entries(table)
                .iter()
                .map(|entry| fields(entry, names))
                .collect(),
        };
        let count = tables.len(table);
        let plural = if count == 1 { "entry" } else { "entries" };
        let _ = writeln!(out, "{table}: {count} {plural}");
        write_columns(&mut out, &rows);
    }
    out
}

/// A change in one line: `+`, `~` or `-`, the table, and the entry; `old` and `new` name what the
/// numbers before and after the change mean.
pub fn change_text(change: &Change, old: &Names, new: &Names) -> String {
    let line = |entry: &Entry, names: &Names| {
        let fields = fields(entry, names);
        let words: Vec<String> = fields
            .iter()
            .map(|(name, v)| format!("{name}={}", bare(v)))
            .collect();
        words.join(" ")
    };
    let table = change.table();
    match change {
        Change::Insert(entry) => format!("+ {table} {}", line(entry, new)),
        Change::Delete(entry) => format!("- {table} {}", line(entry, old)),
        Change::Update { from, to } => format!(
            "~ {table} {}{}",
            line(to, new),
            was(fields(from, old), &fields(to, new))
        ),
    }
}

/// What an update changes, in parentheses.
fn was(from: Fields, to: &Fields) -> String {
    let changed = from.into_iter().zip(to).filter(|(from, to)| from != *to);
    let words: Vec<String> = changed
        .map(|((name, value), _)| format!("{name}={}", bare(&value)))
        .collect();
    if words.is_empty() {
        return String::new();
    }
    format!(" (was {})", words.join(" "))
}

/// A change as JSON.
pub fn change_json(change: &Change, old: &Names, new: &Names) -> Value {
    let (action, entry) = match change {
        Change::Insert(entry) => ("insert", entry_json(entry, new)),
        Change::Delete(entry) => ("delete", entry_json(entry, old)),
        Change::Update { to, .. } => ("update", entry_json(to, new)),
    };
    let mut value = json!({ "action": action, "table": change.table().name(), "entry": entry });
    if let Change::Update { from, .. } = change {
        value["was"] = entry_json(from, old);
    }
    value
}

fn entry_json(entry: &Entry, names: &Names) -> Value {
    let fields = fields(entry, names).into_iter();
    Value::Object(
        fields
            .map(|(name, value)| (name.to_owned(), value))
            .collect(),
    )
}

fn write_columns(out: &mut String, rows: &[Fields]) {
    let Some(first) = rows.first() else { return };
    let width = |column: usize| {
        let cells = rows.iter().map(|row| bare(&row[column].1).chars().count());
        cells.max().unwrap_or(0).max(first[column].0.len())
    };
    let widths: Vec<usize> = (0..first.len()).map(width).collect();
    write_row(
        out,
        &widths,
        first.iter().map(|(name, _)| (*name).to_owned()),
    );
    for row in rows {
        write_row(out, &widths, row.iter().map(|(_, value)| bare(value)));
    }
}

fn write_row(out: &mut String, widths: &[usize], cells: impl Iterator<Item = String>) {
    let mut line = String::new();
    for (cell, width) in cells.zip(widths) {
        let _ = write!(line, "  {cell:width$}");
    }
    let _ = writeln!(out, "{}", line.trim_end());
}

/// A value as text, without quotes; `-` when there is none.
fn bare(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

/// For each rule, how many slots each of its backends owns.
fn selection_rows(tables: &Tables, names: &Names) -> Vec<Fields> {
    let mut rows = Vec::new();
    for (id, rule) in &tables.rule {
        let slots = rule.selector_base..rule.selector_base + rule.selector_size;
        let mut owned = std::collections::BTreeMap::<u16, u32>::new();
        for (_, backend) in tables.selector.range(slots.clone()) {
            *owned.entry(*backend).or_default() += 1;
        }
        rows.extend(owned.into_iter().map(|(backend, count)| -> Fields {
            vec![
                ("rule", json!(names.rule(*id))),
                ("slots", json!(format!("{}..{}", slots.start, slots.end))),
                ("backend", json!(names.backend(backend))),
                ("owned", json!(count)),
            ]
        }));
    }
    rows
}

fn fields(entry: &Entry, names: &Names) -> Fields {
    match entry {
        Entry::Port(port, config) => port_fields(*port, config, names),
        Entry::FrontendV4(key, action) => frontend_fields(key, *action, names),
        Entry::FrontendV6(key, action) => frontend_fields(key, *action, names),
        Entry::Rule(id, config) => rule_fields(*id, config, names),
        Entry::Selector(slot, backend) => vec![
            ("slot", json!(slot)),
            ("backend", json!(backend)),
            ("instance", json!(names.backend(*backend))),
        ],
        Entry::Backend(id, config) => vec![
            ("backend", json!(id)),
            ("instance", json!(names.backend(*id))),
            ("address", json!(config.address.to_string())),
            ("port", port_or_any(config.port)),
            ("egress", json!(config.egress)),
        ],
        Entry::ReturnPathV4(key, action) => return_path_fields(key, action),
        Entry::ReturnPathV6(key, action) => return_path_fields(key, action),
        Entry::Instance(id, config) => instance_fields(*id, config, names),
        Entry::Address(key, instance) => address_fields(key, *instance, names),
    }
}

fn port_fields(port: u16, config: &PortConfig, names: &Names) -> Fields {
    let (kind, instance) = match config.kind {
        PortKind::Off => ("off", Value::Null),
        PortKind::Uplink => ("uplink", Value::Null),
        PortKind::Vport(id) => ("vport", json!(id)),
    };
    vec![
        ("port", json!(port)),
        ("name", json!(names.port(port))),
        ("kind", json!(kind)),
        ("instance", instance),
        ("zone", json!(zone(config.zone))),
        ("ownMac", json!(mac(config.own_mac))),
        ("peerMac", json!(mac(config.peer_mac_v4))),
        ("peerMacV6", json!(mac(config.peer_mac_v6))),
        ("vlan", json!(config.vlan)),
    ]
}

fn frontend_fields<A: Into<IpAddr> + Copy>(
    key: &FrontendKey<A>,
    action: FrontendAction,
    names: &Names,
) -> Fields {
    let (kind, backend) = match action {
        FrontendAction::Balance(_) => ("balance", Value::Null),
        FrontendAction::PortForward(backend, _) => ("port_forward", json!(names.backend(backend))),
        FrontendAction::AnswerEcho => ("answer_echo", Value::Null),
    };
    vec![
        ("zone", json!(zone(key.zone))),
        ("destination", json!(key.destination.into().to_string())),
        ("protocol", json!(protocol(key.protocol))),
        ("port", port_or_any(key.port)),
        ("action", json!(kind)),
        ("rule", json!(action.rule().map(|rule| names.rule(rule)))),
        ("backend", backend),
    ]
}

fn rule_fields(id: u16, config: &RuleConfig, names: &Names) -> Fields {
    let mode = match config.mode {
        HashMode::FiveTuple => "5-tuple",
        HashMode::TwoTuple => "2-tuple",
        HashMode::ThreeTuple => "3-tuple",
    };
    vec![
        ("rule", json!(id)),
        ("name", json!(names.rule(id))),
        ("mode", json!(mode)),
        ("selectorBase", json!(config.selector_base)),
        ("selectorSize", json!(config.selector_size)),
        ("floatingIp", json!(config.floating_ip)),
        ("reset", json!(config.reset)),
        ("fragments", json!(config.fragments)),
    ]
}

fn return_path_fields<A: Into<IpAddr> + Copy>(
    key: &ReturnPathKey<A>,
    action: &ReturnPathAction<A>,
) -> Fields {
    let frontend = match action.port {
        0 => action.address.into().to_string(),
        port => SocketAddr::new(action.address.into(), port).to_string(),
    };
    vec![
        ("zone", json!(zone(key.zone))),
        ("source", json!(key.source.into().to_string())),
        ("protocol", json!(protocol(key.protocol))),
        ("port", port_or_any(key.port)),
        ("frontend", json!(frontend)),
        ("internal", json!(action.internal)),
        ("fragments", json!(action.fragments)),
    ]
}

fn instance_fields(id: u16, config: &InstanceConfig, names: &Names) -> Fields {
    let text = |address: Option<IpAddr>| json!(address.map(|a| a.to_string()));
    let rule = |id: Option<u16>| json!(id.map(|id| names.rule(id)));
    let [tcp_v4, udp_v4, tcp_v6, udp_v6] = config.ways_out.map(|way| json!(way_out(way)));
    vec![
        ("instance", json!(id)),
        ("name", json!(names.instance(id))),
        ("vport", json!(config.vport)),
        ("address", text(config.address_v4.map(IpAddr::from))),
        ("addressV6", text(config.address_v6.map(IpAddr::from))),
        ("public", text(config.public_v4.map(IpAddr::from))),
        ("publicV6", text(config.public_v6.map(IpAddr::from))),
        ("tcp", tcp_v4),
        ("udp", udp_v4),
        ("tcpV6", tcp_v6),
        ("udpV6", udp_v6),
        ("floatingIp", json!(config.floating_ip)),
        ("ipForwarding", json!(config.ip_forwarding)),
        ("nextHop", rule(config.next_hop_v4)),
        ("nextHopV6", rule(config.next_hop_v6)),
    ]
}

fn address_fields(key: &AddressKey, instance: u16, names: &Names) -> Fields {
    vec![
        ("zone", json!(zone(key.zone))),
        ("destination", json!(key.destination.to_string())),
        ("instance", json!(instance)),
        ("name", json!(names.instance(instance))),
    ]
}

const fn way_out(way: WayOut) -> &'static str {
    match way {
        WayOut::None => "none",
        WayOut::OneToOne => "1:1",
        WayOut::Snat => "snat",
    }
}

fn zone(zone: Zone) -> String {
    match zone {
        Zone::UPLINK => "uplink".to_owned(),
        Zone::VNET => "vnet".to_owned(),
        Zone::FORWARD => "forward".to_owned(),
        other => other.number().to_string(),
    }
}

const fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::None => "none",
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Icmp => "icmp",
    }
}

/// Port 0 is every port.
fn port_or_any(port: u16) -> Value {
    if port == 0 { json!("any") } else { json!(port) }
}

fn mac(octets: Mac) -> String {
    let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    pairs.join(":")
}
