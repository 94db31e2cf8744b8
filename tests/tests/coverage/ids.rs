//! IDs of behaviours, as the names of tests and as their comments have them.

use crate::PARTS;

/// The IDs in a function's name: `l_prb_06_07_a_11` names three.
pub(crate) fn in_name(name: &str) -> Vec<String> {
    let words: Vec<&str> = name.split('_').collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < words.len() {
        let Some((prefix, length)) = prefix_at(&words[at..]) else {
            at += 1;
            continue;
        };
        at += length;
        while let Some(number) = words.get(at).filter(|word| is_number(word)) {
            found.push(format!("{prefix}-{number}"));
            at += 1;
            let until = words.get(at + 1).filter(|word| is_number(word));
            if let (Some(&"to"), Some(last), Ok(first)) =
                (words.get(at), until, number.parse::<u32>())
            {
                let last: u32 = last.parse().unwrap_or(first);
                found.extend((first + 1..=last).map(|n| format!("{prefix}-{n:02}")));
                at += 2;
            }
        }
    }
    found
}

/// The prefix that the words begin with, and how many words it is.
fn prefix_at(words: &[&str]) -> Option<(String, usize)> {
    let known = |prefix: &str| PARTS.iter().any(|(part, _)| *part == prefix);
    let first = words.first()?.to_ascii_uppercase();
    if first == "L" {
        let prefix = format!("L-{}", words.get(1)?.to_ascii_uppercase());
        return known(&prefix).then_some((prefix, 2));
    }
    known(&first).then_some((first, 1))
}

/// Two digits, `06b` as well.
fn is_number(word: &str) -> bool {
    let digits = word.trim_end_matches('b');
    digits.len() == 2 && word.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Whether a line names the ID, by itself or in a range: `SNAT-11..16`.
pub(crate) fn in_text(line: &str, id: &str) -> bool {
    let Some((prefix, number)) = id.rsplit_once('-') else {
        return false;
    };
    let wanted: Option<u32> = number.parse().ok();
    let head = format!("{prefix}-");
    line.match_indices(&head).any(|(at, _)| {
        let before = line[..at].bytes().next_back();
        if before.is_some_and(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return false;
        }
        let rest = &line[at + head.len()..];
        let end = rest
            .find(|c: char| !c.is_ascii_alphanumeric())
            .unwrap_or(rest.len());
        if &rest[..end] == number {
            return true;
        }
        let first: Option<u32> = rest[..end].parse().ok();
        let last = rest[end..].strip_prefix("..").map(|last| {
            let digits: String = last.chars().take_while(char::is_ascii_digit).collect();
            digits.parse::<u32>().unwrap_or(0)
        });
        matches!((first, wanted, last), (Some(a), Some(n), Some(b)) if (a..=b).contains(&n))
    })
}

#[test]
fn names_and_comments_are_understood() {
    assert_eq!(
        in_name("l_prb_06_07_a_06b_11_snat_20_to_22_is_not_a_1"),
        [
            "L-PRB-06", "L-PRB-07", "A-06b", "A-11", "SNAT-20", "SNAT-21", "SNAT-22"
        ]
    );
    assert!(in_text("/// SNAT-11..16: tiers", "SNAT-14"));
    assert!(in_text("see L-OUT-05.", "L-OUT-05"));
    assert!(!in_text("see L-OUT-05.", "OUT-05"));
    assert!(!in_text("SNAT-1", "SNAT-11"));
}
