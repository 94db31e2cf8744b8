//! Whether a proof exists, runs, and says what it proves.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::ids;

/// Files of tests, each read once.
pub(crate) struct Files {
    root: PathBuf,
    texts: HashMap<String, Option<String>>,
}

impl Files {
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            texts: HashMap::new(),
        }
    }

    /// Whether that test of that file proves the behaviour.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check(&mut self, id: &str, path: &str, name: &str) -> Result<(), String> {
        let read = || std::fs::read_to_string(self.root.join(path)).ok();
        let text = self.texts.entry(path.to_owned()).or_insert_with(read);
        let text = text.as_ref().ok_or(format!("there is no file {path}"))?;
        if Path::new(path).extension().is_some_and(|ext| ext == "row") {
            check_row(id, text, name)
        } else {
            check_function(id, text, name)
        }
        .map_err(|why| format!("{path}: {name}: {why}"))
    }
}

/// A row's `spec:` line has the ID.
fn check_row(id: &str, text: &str, name: &str) -> Result<(), String> {
    let mut lines = text.lines();
    let head = format!("row: {name}");
    lines
        .find(|line| *line == head)
        .ok_or("there is no such row")?;
    let spec = lines
        .take_while(|line| !line.starts_with("row: "))
        .find_map(|line| line.strip_prefix("spec: "))
        .unwrap_or_default();
    let is_named = spec.split_whitespace().any(|word| word == id);
    is_named
        .then_some(())
        .ok_or(format!("it does not name {id}"))
}

/// Whether the macro of the namespaces makes tests of a function.
fn runs_on_both_engines(lines: &[&str], name: &str) -> bool {
    let begin = lines
        .iter()
        .position(|line| line.contains("on_both_engines! {"));
    let item = format!("{name},");
    begin.is_some_and(|at| {
        let items = lines[at + 1..].iter().take_while(|line| **line != "}");
        items.into_iter().any(|line| line.trim() == item)
    })
}

/// A function is a test, is not ignored, and has the ID in its name, its comments or its body.
fn check_function(id: &str, text: &str, name: &str) -> Result<(), String> {
    let lines: Vec<&str> = text.lines().collect();
    let heads = ["fn ", "async fn "].map(|head| format!("{head}{name}("));
    let at = lines
        .iter()
        .position(|line| heads.iter().any(|head| line.trim_start().starts_with(head)))
        .ok_or("there is no such function")?;
    let above = |line: &&&str| {
        let line = line.trim_start();
        line.starts_with("//") || line.starts_with("#[")
    };
    let before: Vec<&str> = lines[..at]
        .iter()
        .rev()
        .take_while(above)
        .copied()
        .collect();
    let is_attribute = |wanted: &[&str]| before.iter().any(|line| wanted.contains(&line.trim()));
    let is_test =
        is_attribute(&["#[test]", "#[tokio::test]"]) || runs_on_both_engines(&lines, name);
    if !is_test {
        return Err("it is no test".to_owned());
    }
    if before.iter().any(|line| line.contains("#[ignore")) {
        return Err("it is ignored".to_owned());
    }
    let indent = lines[at].len() - lines[at].trim_start().len();
    let end = format!("{}}}", " ".repeat(indent));
    let body = lines[at..].iter().take_while(|line| **line != end);
    let is_named = ids::in_name(name).iter().any(|known| known == id)
        || before.iter().chain(body).any(|line| ids::in_text(line, id));
    is_named
        .then_some(())
        .ok_or(format!("it does not name {id}"))
}
