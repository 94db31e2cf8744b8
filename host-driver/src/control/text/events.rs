//! `events`: a line each, so that it can go on.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};

use crate::control::view::Event;

/// What happened, oldest first.
pub fn events(events: &[Event]) -> String {
    if events.is_empty() {
        return "Nothing happened yet.\n".into();
    }
    events.iter().map(event).collect()
}

/// One event; what its message says on further lines is indented.
pub fn event(event: &Event) -> String {
    let Event {
        time,
        severity,
        event,
        subject,
        message,
        ..
    } = event;
    let style = match severity.as_str() {
        "critical" => AnsiColor::Red.on_default().bold(),
        "warning" => AnsiColor::Yellow.on_default(),
        _ => Style::new(),
    };
    let mut lines = message.trim_end().lines();
    let first = lines.next().unwrap_or_default();
    let mut out = format!("{time}  {style}{severity:<8}{style:#}  {event}  {subject}: {first}\n");
    for line in lines {
        let _ = writeln!(out, "    {line}");
    }
    out
}
