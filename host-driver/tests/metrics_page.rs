//! `METRICS.md` has every metric and every event, and nothing else.

use std::collections::BTreeSet;

use host_driver::event::Kind;
use host_driver::metric::Family;

const PAGE: &str = include_str!("../METRICS.md");

/// What stands in backticks at the start of table rows.
fn rows() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    PAGE.lines().filter_map(|line| {
        let cells: Vec<_> = line.strip_prefix("| `")?.split(" | ").collect();
        Some((cells[0].trim_end_matches('`'), cells))
    })
}

#[test]
fn every_metric_and_every_event_is_on_the_page_and_nothing_else() {
    let described: Vec<_> = rows().map(|(name, _)| name).collect();
    let metrics = Family::ALL.iter().map(|family| family.name());
    let known: BTreeSet<_> = metrics.chain(Kind::ALL.iter().map(|k| k.name())).collect();
    assert_eq!(described.iter().copied().collect::<BTreeSet<_>>(), known);
    assert_eq!(described.len(), known.len(), "each once");
}

#[test]
fn what_is_mentioned_exists() {
    let words = PAGE.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    for word in words.filter(|word| word.starts_with("headgate_")) {
        let is_known = Family::ALL.iter().any(|family| family.name() == word);
        assert!(is_known, "{word}");
    }
}

#[test]
fn severities_and_times_are_those_of_the_code() {
    for kind in Kind::ALL {
        let (_, cells) = rows()
            .find(|(name, _)| *name == kind.name())
            .expect("a row");
        let again = match kind.quiet() / 60_000 {
            0 => "–".to_owned(),
            minutes if minutes > 60 => format!("{} h", minutes / 60),
            minutes => format!("{minutes} min"),
        };
        let severities: Vec<_> = kind.severities().iter().map(|s| s.name()).collect();
        assert_eq!(
            cells[1..3],
            [&severities.join(", "), &again],
            "{}",
            kind.name()
        );
    }
}

#[test]
fn the_services_names_are_said_where_they_belong() {
    for name in [
        "VipAvailability",
        "DipAvailability",
        "ByteCount",
        "PacketCount",
        "SYNCount",
        "SnatConnectionCount",
        "AllocatedSnatPorts",
        "UsedSnatPorts",
    ] {
        assert!(PAGE.contains(&format!("**{name}**")), "{name}");
        let helped = Family::ALL
            .iter()
            .any(|family| family.help().contains(name));
        assert!(helped, "L-MON-01: {name} in no help");
    }
}
