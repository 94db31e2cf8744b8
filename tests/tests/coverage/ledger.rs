//! The file: behaviours and, below each, its proofs and reasons.

/// A behaviour.
pub(crate) struct Row {
    pub(crate) id: String,
    pub(crate) classes: Vec<String>,
    pub(crate) lines: Vec<Line>,
}

/// What is said of a behaviour.
pub(crate) enum Line {
    /// A test function, or a row of a file of rows.
    Proof { path: String, name: String },
    /// Why there is none.
    Reason(String),
}

impl Line {
    /// What it is counted as.
    pub(crate) fn kind(&self) -> &str {
        match self {
            Self::Proof { .. } => "proved",
            Self::Reason(reason) => reason,
        }
    }
}

/// Reads the file.
///
/// # Errors
/// What cannot be read, with its line.
pub(crate) fn parse(text: &str) -> Result<Vec<Row>, String> {
    let mut rows: Vec<Row> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let fail = |why: &str| Err(format!("coverage.txt:{number}: {why}: {line}"));
        if line.trim().is_empty() || line.starts_with('#') {
            continue;
        }
        if !line.starts_with(' ') {
            let mut words = line.split_whitespace();
            let (Some(id), Some(classes), None) = (words.next(), words.next(), words.next()) else {
                return fail("a behaviour is an ID and its classes");
            };
            let classes: Vec<String> = classes.split(',').map(str::to_owned).collect();
            let known = ["D", "H", "P", "C", "M", "X", "A"];
            if !classes.iter().all(|class| known.contains(&class.as_str())) {
                return fail("no such class");
            }
            rows.push(Row {
                id: id.to_owned(),
                classes,
                lines: Vec::new(),
            });
            continue;
        }
        let Some((key, value)) = line.trim().split_once(": ") else {
            return fail("neither proof nor reason");
        };
        let value = value.to_owned();
        let said = match key {
            "reason" => Line::Reason(value),
            path => Line::Proof {
                path: path.to_owned(),
                name: value,
            },
        };
        match rows.last_mut() {
            Some(row) => row.lines.push(said),
            None => return fail("it belongs to no behaviour"),
        }
    }
    Ok(rows)
}
