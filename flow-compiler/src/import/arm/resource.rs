//! The resources of all files, whatever they were wrapped in, and how ids lead to them.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use super::template::{Template, field, find};
use crate::config::suggestion;
use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::make::as_text;
use crate::import::notes::Notes;

pub(super) const LOAD_BALANCER: &str = "microsoft.network/loadbalancers";
pub(super) const INTERFACE: &str = "microsoft.network/networkinterfaces";
pub(super) const PUBLIC_IP: &str = "microsoft.network/publicipaddresses";
pub(super) const PUBLIC_PREFIX: &str = "microsoft.network/publicipprefixes";
pub(super) const SCALE_SET: &str = "microsoft.compute/virtualmachinescalesets";
pub(super) const MACHINE: &str = "microsoft.compute/virtualmachines";
const SCALE_SET_INTERFACE: &str =
    "microsoft.compute/virtualmachinescalesets/virtualmachines/networkinterfaces";
const DEPLOYMENT: &str = "microsoft.resources/deployments";
/// Parts of load balancers that templates may write as resources of their own.
const PARTS: [&str; 2] = [
    "microsoft.network/loadbalancers/inboundnatrules",
    "microsoft.network/loadbalancers/backendaddresspools",
];

/// A resource with its expressions evaluated.
pub(super) struct Resource {
    /// Its type, in small letters.
    pub(super) kind: String,
    /// Its path: type and names, in small letters.
    pub(super) path: String,
    /// Subscription and resource group, in small letters; empty when the file does not say.
    pub(super) scope: String,
    pub(super) node: Node,
}

/// The resources of all files.
#[derive(Default)]
pub(super) struct Resources {
    pub(super) all: Vec<Resource>,
}

impl Resources {
    /// The resources of a type.
    pub(super) fn of(&self, kind: &str) -> impl Iterator<Item = &Resource> {
        self.all
            .iter()
            .filter(move |resource| resource.kind == kind)
    }

    /// The network interfaces, those of scale sets too.
    pub(super) fn interfaces(&self) -> impl Iterator<Item = &Resource> {
        self.of(INTERFACE).chain(self.of(SCALE_SET_INTERFACE))
    }

    /// The parts of a load balancer that are resources of their own.
    pub(super) fn parts(&self, balancer: &Resource, part: &str) -> Vec<&Node> {
        let prefix = format!("{}/{part}/", balancer.path);
        let parts = self.all.iter().filter(|r| r.path.starts_with(&prefix));
        parts.map(|resource| &resource.node).collect()
    }
}

/// Whether two ids name the same thing: paths alike, and scopes if both have one.
pub(super) fn same_scope(scope: &str, other: &str) -> bool {
    scope.is_empty() || other.is_empty() || scope == other
}

impl Resource {
    /// Whether an id leads to a part of it.
    pub(super) fn has_part(&self, id: &str, part: &str, name: &str) -> bool {
        let own = format!("{}/{part}/{}", self.path, name.to_ascii_lowercase());
        path_of(id) == own && same_scope(&self.scope, &scope_of(id))
    }
}

/// Type and names of an id, in small letters.
pub(super) fn path_of(id: &str) -> String {
    let lower = id.to_ascii_lowercase();
    let path = lower
        .rsplit_once("/providers/")
        .map_or(lower.as_str(), |(_, path)| path);
    path.trim_matches('/').to_owned()
}

/// Subscription and resource group of an id, in small letters.
pub(super) fn scope_of(id: &str) -> String {
    let lower = id.to_ascii_lowercase();
    lower
        .rsplit_once("/providers/")
        .map_or(String::new(), |(scope, _)| scope.to_owned())
}

/// Reads the files one after the other.
pub(super) struct Reader<'n> {
    pub(super) notes: &'n Notes<'n>,
    pub(super) resources: Resources,
    /// The values of parameter files and of the command line, by names in small letters.
    pub(super) parameters: HashMap<String, Node>,
    /// The parameters that the templates have, in small letters.
    pub(super) declared: BTreeSet<String>,
}

impl Reader<'_> {
    /// Takes what a file holds: one resource, a list of them, or a template.
    pub(super) fn read(&mut self, root: &Node) {
        match &root.value {
            Value::List(items) => items.iter().for_each(|item| self.read_resource(item)),
            Value::Map(fields) if find(fields, "resources").is_some() && !has_type(fields) => {
                self.read_template(fields);
            }
            Value::Map(fields) => match find(fields, "value").map(|node| &node.value) {
                Some(Value::List(items)) => {
                    self.check_complete(fields);
                    for item in items {
                        self.read_resource(item);
                    }
                }
                _ => self.read_resource(root),
            },
            Value::Scalar { .. } => self.report_strange(root.span),
        }
    }

    fn report_strange(&self, span: Span) {
        let message = "neither a resource nor a list of resources nor a template";
        let hint = "save the output of `az network lb show -o json`, or a template";
        self.notes.add(Code::NoResource, span, message, hint);
    }

    /// A REST response may be one page of several.
    fn check_complete(&self, fields: &[(Spanned<String>, Node)]) {
        if let Some(link) = find(fields, "nextLink") {
            let message = "the response is one page of several";
            let hint = "import the other pages too, or use `az network lb list`";
            self.notes
                .add(Code::NotCarriedOver, link.span, message, hint);
        }
    }

    /// Values for parameters that no template has.
    pub(super) fn tell_unused(&self) {
        for (name, node) in &self.parameters {
            if !self.declared.contains(name) {
                let message = format!("no template has a parameter `{}`", name.escape_debug());
                let hint = suggestion(name, self.declared.iter().map(String::as_str));
                self.notes
                    .add(Code::ParameterUnknown, node.span, message, &hint);
            }
        }
    }

    fn read_resource(&mut self, node: &Node) {
        let text = |name| field(node, name).and_then(as_text).map(str::to_owned);
        let id = text("id").unwrap_or_default();
        let path = path_of(&id);
        let kind = text("type").map_or_else(|| kind_of(&path), |kind| kind.to_ascii_lowercase());
        let looks_like_balancer = field(node, "frontendIPConfigurations").is_some();
        let kind = if kind.is_empty() && looks_like_balancer {
            LOAD_BALANCER.to_owned()
        } else {
            kind
        };
        if kind.is_empty() {
            self.report_strange(node.span);
            return;
        }
        let path = if path.is_empty() {
            path_from(&kind, &text("name").unwrap_or_default())
        } else {
            path
        };
        let scope = scope_of(&id);
        self.add(kind, path, scope, node, Node::clone);
    }

    fn read_template(&mut self, fields: &[(Spanned<String>, Node)]) {
        let parameters = std::mem::take(&mut self.parameters);
        let template = Template::new(fields, &parameters, self.notes);
        self.declared
            .extend(template.parameters().map(str::to_owned));
        if let Some(resources) = find(fields, "resources") {
            self.read_items(resources, "", "", &template);
        }
        drop(template);
        self.parameters = parameters;
    }

    /// Resources of a template, and those nested in them; `kind` and `name` are the outer one's.
    fn read_items(&mut self, resources: &Node, kind: &str, name: &str, template: &Template<'_>) {
        let items: Vec<&Node> = match &resources.value {
            Value::List(items) => items.iter().collect(),
            Value::Map(fields) => fields.iter().map(|(_, node)| node).collect(),
            Value::Scalar { .. } => {
                let message = "`resources` must be a list";
                self.notes
                    .add(Code::WrongType, resources.span, message, "write `[ … ]`");
                return;
            }
        };
        for item in items {
            self.read_item(item, kind, name, template);
        }
    }

    /// A resource of a template, or as many as its copy loop makes of it.
    fn read_item(&mut self, node: &Node, outer: &str, names: &str, template: &Template<'_>) {
        let Some(copy) = field(node, "copy") else {
            return self.read_one(node, outer, names, template);
        };
        let turns = template.each_turn(copy, || self.read_one(node, outer, names, template));
        if let Err(problem) = turns {
            let message = format!("the copy loop is not expanded: {}", problem.message);
            self.notes
                .add(problem.code, copy.span, message, &problem.hint);
        }
    }

    fn read_one(&mut self, node: &Node, outer: &str, names: &str, template: &Template<'_>) {
        let Some(kind) = field(node, "type").and_then(as_text) else {
            self.report_strange(node.span);
            return;
        };
        if self.is_absent(node, template) {
            return;
        }
        let join = |outer: &str, inner: &str| match outer {
            "" => inner.to_owned(),
            outer => format!("{outer}/{inner}"),
        };
        let kind = join(outer, &kind.to_ascii_lowercase());
        let name = field(node, "name").map(|name| template.settle(name));
        let name = name.as_ref().and_then(as_text).unwrap_or_default();
        let name = join(names, name);
        if kind == DEPLOYMENT && self.read_deployment(node, template) {
            return;
        }
        let path = path_from(&kind, &name);
        self.add(kind.clone(), path, String::new(), node, |node| {
            template.settle(node)
        });
        if let Some(resources) = field(node, "resources") {
            self.read_items(resources, &kind, &name, template);
        }
    }

    /// A template inside of a template; `false` when it is elsewhere. Its expressions have the values
    /// of the outer template, unless it asks for its own scope.
    fn read_deployment(&mut self, node: &Node, template: &Template<'_>) -> bool {
        let Some(properties) = field(node, "properties") else {
            return false;
        };
        let Some(Value::Map(inner)) = field(properties, "template").map(|node| &node.value) else {
            return false;
        };
        let scope = field(properties, "expressionEvaluationOptions");
        let scope = scope.and_then(|options| as_text(field(options, "scope")?));
        if !scope.is_some_and(|scope| scope.eq_ignore_ascii_case("inner")) {
            if let Some(resources) = find(inner, "resources") {
                self.read_items(resources, "", "", template);
            }
            return true;
        }
        let given = field(properties, "parameters").map(|node| template.settle(node));
        let mut values = HashMap::new();
        if let Some(Value::Map(given)) = given.map(|node| node.value) {
            for (name, node) in given {
                if let Some(value) = field(&node, "value") {
                    values.insert(name.value.to_ascii_lowercase(), value.clone());
                }
            }
        }
        if let Some(resources) = find(inner, "resources") {
            let own = Template::new(inner, &values, self.notes);
            self.read_items(resources, "", "", &own);
        }
        true
    }

    /// Whether a resource of a template is not deployed by it.
    fn is_absent(&self, node: &Node, template: &Template<'_>) -> bool {
        let Some(condition) = field(node, "condition") else {
            return field(node, "existing").and_then(as_text) == Some("true");
        };
        let value = template.settle(condition);
        if self.notes.tell_problem(condition.span) {
            return false;
        }
        let is_false = as_text(&value).is_some_and(|text| text.eq_ignore_ascii_case("false"));
        if is_false {
            let message = "a resource whose condition is false is left out";
            let hint = "set the parameter that the condition names, if it should be there";
            self.notes
                .add(Code::ResourceLeft, condition.span, message, hint);
        }
        is_false
    }

    fn add(
        &mut self,
        kind: String,
        path: String,
        scope: String,
        node: &Node,
        settle: impl FnOnce(&Node) -> Node,
    ) {
        let known = [
            LOAD_BALANCER,
            INTERFACE,
            PUBLIC_IP,
            PUBLIC_PREFIX,
            SCALE_SET,
            MACHINE,
        ];
        if !known.contains(&kind.as_str())
            && kind != SCALE_SET_INTERFACE
            && !PARTS.contains(&kind.as_str())
        {
            self.leave(&kind, &path, node.span);
            return;
        }
        let again = |r: &&Resource| r.path == path && same_scope(&r.scope, &scope);
        if self.resources.all.iter().any(|r| again(&r)) {
            let message = format!("resource `{}` is given twice", path.escape_debug());
            self.notes.add(
                Code::DuplicateName,
                node.span,
                message,
                "import it once; in a copy loop, use `copyIndex()` in its name",
            );
            return;
        }
        let node = settle(node);
        self.resources.all.push(Resource {
            kind,
            path,
            scope,
            node,
        });
    }

    fn leave(&self, kind: &str, path: &str, span: Span) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let why = match kind {
            DEPLOYMENT => "import the linked template as a file of its own",
            _ => "this kind of resource is no part of a configuration",
        };
        self.notes
            .leave(Code::ResourceLeft, ("resource", kind), span, name, why);
    }
}

fn has_type(fields: &[(Spanned<String>, Node)]) -> bool {
    find(fields, "type").is_some()
}

/// The type in a path of types and names in turn.
fn kind_of(path: &str) -> String {
    let mut parts = path.split('/');
    let provider = parts.next().unwrap_or_default();
    let types: Vec<&str> = parts.step_by(2).collect();
    if types.is_empty() {
        return String::new();
    }
    format!("{provider}/{}", types.join("/"))
}

/// The path of a resource of that type and those names.
fn path_from(kind: &str, names: &str) -> String {
    let mut parts = kind.split('/');
    let mut path = parts.next().unwrap_or_default().to_owned();
    let names = names.to_ascii_lowercase();
    for (part, name) in parts.zip(names.split('/')) {
        let _ = write!(path, "/{part}/{name}");
    }
    path
}
