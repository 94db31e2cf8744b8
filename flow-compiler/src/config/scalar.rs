//! Single values: text, numbers, flags, words, addresses.
//!
//! A number or address may be quoted or not, as ARM templates do both.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use super::suggestion;
use super::tree::{Node, Value};
use crate::diagnostic::{Code, Report, Spanned};
use crate::mac::MacAddr;

/// The longest name (ARM: 80 characters).
pub(crate) const MAX_NAME: usize = 80;

/// Any text.
pub(super) fn text(node: &Node, field: &str, report: &Report) -> Option<Spanned<String>> {
    let Value::Scalar { text, .. } = &node.value else {
        let message = format!("`{field}` must be text");
        report.add_plain(Code::WrongType, node.span, message);
        return None;
    };
    Some(Spanned {
        value: text.clone(),
        span: node.span,
    })
}

/// A name of something: letters, digits, `-`, `_` and `.`.
pub(super) fn name(node: &Node, report: &Report) -> Option<Spanned<String>> {
    let name = text(node, "name", report)?;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.value.is_empty() && name.value.len() <= MAX_NAME && name.value.chars().all(allowed) {
        return Some(name);
    }
    let message = format!("`{}` cannot be a name", name.value.escape_debug());
    let hint = format!("use 1 to {MAX_NAME} letters, digits, `-`, `_` and `.`");
    report.add(Code::BadName, node.span, message, hint);
    None
}

/// A whole number of a range.
pub(super) fn number(
    node: &Node,
    field: &str,
    range: RangeInclusive<i64>,
    report: &Report,
) -> Option<Spanned<u32>> {
    let text = text(node, field, report)?;
    let digits = text.value.strip_prefix(['+', '-']).unwrap_or(&text.value);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        let message = format!("`{field}` must be a whole number");
        let hint = bounds(&range);
        report.add(Code::WrongType, node.span, message, hint);
        return None;
    }
    let number = text.value.parse::<i64>().ok().filter(|n| range.contains(n));
    let Some(value) = number.and_then(|n| u32::try_from(n).ok()) else {
        let message = format!("`{field}` {} is out of range", text.value);
        report.add(Code::OutOfRange, node.span, message, bounds(&range));
        return None;
    };
    Some(Spanned {
        value,
        span: node.span,
    })
}

fn bounds(range: &RangeInclusive<i64>) -> String {
    match *range.end() {
        end if end >= i64::from(u32::MAX) => format!("use {} or more", range.start()),
        end => format!("use {} to {end}", range.start()),
    }
}

/// `true` or `false`, without quotes.
pub(super) fn flag(node: &Node, field: &str, report: &Report) -> Option<Spanned<bool>> {
    let span = node.span;
    if let Value::Scalar { text, plain: true } = &node.value {
        match text.as_str() {
            "true" | "True" | "TRUE" => return Some(Spanned { value: true, span }),
            "false" | "False" | "FALSE" => return Some(Spanned { value: false, span }),
            _ => {}
        }
    }
    let message = format!("`{field}` must be true or false");
    report.add(
        Code::WrongType,
        span,
        message,
        "write true or false, without quotes",
    );
    None
}

/// One of several words, in upper or lower case.
pub(super) fn choice<T: Copy>(
    node: &Node,
    field: &str,
    choices: &[(&'static str, T)],
    report: &Report,
) -> Option<Spanned<T>> {
    let word = text(node, field, report)?;
    let found = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(&word.value));
    let Some((_, value)) = found else {
        let message = format!("`{field}` cannot be `{}`", word.value.escape_debug());
        let hint = suggestion(&word.value, choices.iter().map(|(name, _)| *name));
        report.add(Code::UnknownChoice, node.span, message, hint);
        return None;
    };
    Some(Spanned {
        value: *value,
        span: node.span,
    })
}

/// An IP address; IPv4 in its IPv6 form is IPv4.
pub(super) fn address(node: &Node, field: &str, report: &Report) -> Option<Spanned<IpAddr>> {
    let text = text(node, field, report)?;
    let Ok(address) = text.value.parse::<IpAddr>() else {
        let message = format!("`{}` is not an IP address", text.value.escape_debug());
        let hint = "write it as 203.0.113.10 or \"2001:db8::10\"";
        report.add(Code::BadAddress, node.span, message, hint);
        return None;
    };
    Some(Spanned {
        value: address.to_canonical(),
        span: node.span,
    })
}

/// An Ethernet address.
pub(super) fn mac(node: &Node, field: &str, report: &Report) -> Option<Spanned<MacAddr>> {
    let text = text(node, field, report)?;
    match text.value.parse() {
        Ok(value) => Some(Spanned {
            value,
            span: node.span,
        }),
        Err(error) => {
            let message = format!("`{field}` `{}` is {error}", text.value.escape_debug());
            let hint = "write one station's address as \"02:00:00:00:00:04\"";
            report.add(Code::BadMac, node.span, message, hint);
            None
        }
    }
}
