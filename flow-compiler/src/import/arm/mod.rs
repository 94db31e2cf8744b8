//! ARM: what `az … -o json` prints, REST responses and templates, several files together.
//!
//! ```text
//! files ─► resource (expressions by template) ─► interface, public ─► balancer ─► a configuration
//! ```

mod balancer;
mod expression;
mod frontend;
mod functions;
mod interface;
mod logic;
mod machine;
mod made_up;
mod nat;
mod object;
mod pool;
mod public;
mod resource;
mod rule;
mod template;

use std::collections::{BTreeSet, HashMap};

use super::instances::Instances;
use super::make::{Mapping, list, plain, text};
use super::notes::Notes;
use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Span};
use interface::Configuration;
use machine::Sets;
use public::Publics;
use resource::{LOAD_BALANCER, Reader, Resources};

/// An import in the making.
struct Arm<'a> {
    notes: &'a Notes<'a>,
    resources: &'a Resources,
    publics: Publics,
    instances: Instances,
    configurations: Vec<Configuration>,
    sets: Sets,
}

/// The configuration that the files describe; `parameters` are values of template parameters.
pub(super) fn import(
    files: &[Node],
    parameters: HashMap<String, Node>,
    notes: &Notes<'_>,
) -> Option<Node> {
    let mut reader = Reader {
        notes,
        resources: Resources::default(),
        parameters,
        declared: BTreeSet::new(),
    };
    let (given, files): (Vec<&Node>, Vec<&Node>) =
        files.iter().partition(|file| is_parameter_file(file));
    for file in given {
        add_parameters(file, &mut reader.parameters, notes);
    }
    for file in &files {
        reader.read(file);
    }
    reader.tell_unused();
    let resources = reader.resources;
    let first = files.first().map_or(Span::default(), |file| file.span);
    if resources.of(LOAD_BALANCER).next().is_none() {
        if !notes.report.has_errors() {
            let message = "there is no load balancer in the files";
            let hint = "import the output of `az network lb show -o json`, or a template with one";
            notes.add(Code::NoResource, first, message, hint);
        }
        return None;
    }
    let mut arm = Arm {
        notes,
        publics: Publics::new(&resources, notes),
        resources: &resources,
        instances: Instances::default(),
        configurations: Vec::new(),
        sets: Sets::default(),
    };
    arm.add_machines();
    arm.add_interfaces();
    let balancers = resources
        .of(LOAD_BALANCER)
        .filter_map(|resource| arm.balancer(resource));
    let balancers: Vec<Node> = balancers.collect();
    arm.publics.finish(notes);
    let mut out = Mapping::new(first);
    out.add("headgate", plain(&1, first));
    out.add("profile", text("current", first));
    out.add_list("instances", arm.instances.into_nodes(notes));
    out.add("loadBalancers", list(balancers, first));
    let out = out.into_node();
    made_up::tell(&out, notes);
    Some(out)
}

/// Whether a file holds the values of a template's parameters.
fn is_parameter_file(file: &Node) -> bool {
    let has = |name| template::field(file, name).is_some();
    has("parameters") && !has("resources") && !has("type")
}

/// Takes the values of a file `{"parameters": {"name": {"value": …}}}`; those that are there win.
fn add_parameters(file: &Node, values: &mut HashMap<String, Node>, notes: &Notes<'_>) {
    let Some(Value::Map(parameters)) = template::field(file, "parameters").map(|node| &node.value)
    else {
        let message = "a parameter file has an object `parameters`";
        let hint = "write `{ \"parameters\": { \"name\": { \"value\": … } } }`";
        notes.add(Code::WrongType, file.span, message, hint);
        return;
    };
    for (name, node) in parameters {
        if let Some(value) = template::field(node, "value") {
            let name = name.value.to_ascii_lowercase();
            values.entry(name).or_insert_with(|| value.clone());
        }
    }
}

/// Takes the values of a file that was named as one.
pub(super) fn parameters(files: &[Node], notes: &Notes<'_>) -> HashMap<String, Node> {
    let mut values = HashMap::new();
    for file in files {
        add_parameters(file, &mut values, notes);
    }
    values
}
