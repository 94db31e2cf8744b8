//! "Did you mean": the closest of the known words.

/// A hint that names the closest word, or lists what there is.
pub(crate) fn suggestion<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let closest = known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .min()
        .filter(|(distance, candidate)| is_close(*distance, candidate.chars().count()));
    match closest {
        Some((_, candidate)) => format!("did you mean `{candidate}`?"),
        None if known.is_empty() => "there is none to choose from".to_owned(),
        None => format!("known here: {}", list(&known)),
    }
}

/// One letter in three may differ, but not the only one.
fn is_close(distance: usize, length: usize) -> bool {
    distance < length && distance <= length.max(3) / 3
}

/// The words, shortened when there are many.
fn list(known: &[&str]) -> String {
    const SHOWN: usize = 24;
    let mut words = known[..known.len().min(SHOWN)].join(", ");
    if known.len() > SHOWN {
        words.push_str(", …");
    }
    words
}

/// How many letters have to be inserted, removed, changed or swapped with their neighbour
/// (optimal string alignment), upper and lower case being the same.
fn distance(a: &str, b: &str) -> usize {
    let letters = |word: &str| {
        word.chars()
            .take(80)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let (a, b): (Vec<char>, Vec<char>) = (letters(a), letters(b));
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            rows[i][j] = step(&rows, &a, &b, i, j);
        }
    }
    rows[a.len()][b.len()]
}

fn step(rows: &[Vec<usize>], a: &[char], b: &[char], i: usize, j: usize) -> usize {
    if i == 0 || j == 0 {
        return i + j;
    }
    let changed = usize::from(a[i - 1] != b[j - 1]);
    let best = (rows[i - 1][j] + 1)
        .min(rows[i][j - 1] + 1)
        .min(rows[i - 1][j - 1] + changed);
    if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
        return best.min(rows[i - 2][j - 2] + 1);
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closest_word_is_offered() {
        let known = ["frontend", "frontendPort", "backendPort"];
        let hint = |word| suggestion(word, known.into_iter());
        assert_eq!(hint("frontendport"), "did you mean `frontendPort`?");
        assert_eq!(hint("fronetnd"), "did you mean `frontend`?");
        assert_eq!(
            hint("weight"),
            "known here: frontend, frontendPort, backendPort"
        );
        assert_eq!(
            suggestion("x", std::iter::empty()),
            "there is none to choose from"
        );
    }
}
