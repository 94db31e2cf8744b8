//! Numbers, durations and plurals as people write them.

/// With commas between thousands.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 rule`, `2 rules`, `1 entry`, `2 entries`.
pub fn nouns(n: u64, noun: &str) -> String {
    match noun.strip_suffix('y') {
        _ if n == 1 => format!("1 {noun}"),
        Some(stem) => format!("{} {stem}ies", count(n)),
        None => format!("{} {noun}s", count(n)),
    }
}

/// `850 ms`, `12.4 s`, `3 min 20 s`, `5 h 2 min`, `4 d 6 h`.
pub fn duration(millis: u64) -> String {
    let seconds = millis / 1_000;
    let pair = |large: u64, a: &str, small: u64, b: &str| match small {
        0 => format!("{large} {a}"),
        _ => format!("{large} {a} {small} {b}"),
    };
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..3_600 => pair(seconds / 60, "min", seconds % 60, "s"),
        3_600..86_400 => pair(seconds / 3_600, "h", seconds % 3_600 / 60, "min"),
        _ => pair(seconds / 86_400, "d", seconds % 86_400 / 3_600, "h"),
    }
}

/// A ratio with one decimal, `-` without a denominator.
pub fn rate(part: u64, of: u64) -> String {
    let Some(tenths) = (u128::from(part) * 10 + u128::from(of / 2)).checked_div(of.into()) else {
        return "-".into();
    };
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// A part of a whole, `<0.1 %` when it is next to nothing.
pub fn percent(part: u64, of: u64) -> String {
    let hundredfold = part.saturating_mul(100);
    match part {
        0 => "0 %".into(),
        _ if hundredfold.saturating_mul(10) < of => "<0.1 %".into(),
        _ => format!("{} %", rate(hundredfold, of)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let shown = [0, 999, 1_000, 12_345, 1_234_567].map(count);
        assert_eq!(shown, ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(
            [nouns(1, "entry"), nouns(0, "entry")],
            ["1 entry", "0 entries"]
        );
        assert_eq!(
            [nouns(1, "rule"), nouns(2_000, "rule")],
            ["1 rule", "2,000 rules"]
        );
        assert_eq!([rate(7, 2), rate(2, 3), rate(7, 0)], ["3.5", "0.7", "-"]);
        let shown = [(0, 9), (1, 9_000), (1, 8), (9, 9)].map(|(part, of)| percent(part, of));
        assert_eq!(shown, ["0 %", "<0.1 %", "12.5 %", "100.0 %"]);
    }

    #[test]
    fn durations_have_two_units_at_most() {
        let shown = [850, 12_449, 200_000, 240_000, 18_120_000, 367_200_000].map(duration);
        assert_eq!(
            shown,
            [
                "850 ms",
                "12.4 s",
                "3 min 20 s",
                "4 min",
                "5 h 2 min",
                "4 d 6 h"
            ]
        );
    }
}
