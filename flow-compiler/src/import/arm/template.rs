//! The values of a template: parameters, variables and the functions that need nothing from Azure.
//!
//! An expression that has no value stays as it is written, and [`Notes`] remembers why; it is told
//! only when somebody needs the value. What evaluation may cost is bounded.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::expression::{Expression, is_expression, literal, parse};
use super::functions;
use crate::config::suggestion;
use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::make::{as_text, text};
use crate::import::notes::{Notes, Problem};

/// Bytes and nodes that the expressions of a template may give together.
const BUDGET: usize = 1 << 20;
/// Deepest nesting of values and expressions, through variables and parameters.
const MAX_DEPTH: usize = 200;

/// Where a value is given.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Section {
    Parameters,
    Variables,
}

impl Section {
    const fn noun(self) -> &'static str {
        match self {
            Self::Parameters => "parameter",
            Self::Variables => "variable",
        }
    }
}

/// A section and a name of it, in small letters.
type Key = (Section, String);

/// The values that expressions of a template can refer to.
pub(super) struct Template<'t> {
    notes: &'t Notes<'t>,
    parameters: HashMap<String, Option<&'t Node>>,
    variables: HashMap<String, Option<&'t Node>>,
    given: &'t HashMap<String, Node>,
    done: RefCell<HashMap<Key, Result<Node, Problem>>>,
    active: RefCell<Vec<Key>>,
    budget: Cell<usize>,
    depth: Cell<usize>,
}

impl<'t> Template<'t> {
    /// The values of a template; `given` are those of parameters, by their names in small letters.
    pub(super) fn new(
        fields: &'t [(Spanned<String>, Node)],
        given: &'t HashMap<String, Node>,
        notes: &'t Notes<'t>,
    ) -> Self {
        let default = |node| field(node, "defaultValue");
        let parameters = section(fields, "parameters").iter();
        let variables = section(fields, "variables").iter();
        Self {
            notes,
            parameters: parameters
                .map(|(name, node)| (name.value.to_ascii_lowercase(), default(node)))
                .collect(),
            variables: variables
                .map(|(name, node)| (name.value.to_ascii_lowercase(), Some(node)))
                .collect(),
            given,
            done: RefCell::default(),
            active: RefCell::default(),
            budget: Cell::new(BUDGET),
            depth: Cell::new(0),
        }
    }

    /// The names of its parameters, in small letters.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters.keys().map(String::as_str)
    }

    /// A node with every expression in it evaluated that has a value.
    pub(super) fn settle(&self, node: &Node) -> Node {
        self.value(node).unwrap_or_else(|problem| {
            self.notes.remember(node.span, problem);
            node.clone()
        })
    }

    fn value(&self, node: &Node) -> Result<Node, Problem> {
        self.deeper(|| self.value_here(node))
    }

    /// Runs one level deeper, unless that is too deep.
    fn deeper<T>(&self, run: impl FnOnce() -> Result<T, Problem>) -> Result<T, Problem> {
        let depth = self.depth.get();
        if depth >= MAX_DEPTH {
            return Err(too_much());
        }
        self.depth.set(depth + 1);
        let result = run();
        self.depth.set(depth);
        result
    }

    fn value_here(&self, node: &Node) -> Result<Node, Problem> {
        let span = node.span;
        let value = match &node.value {
            Value::Scalar { text, plain: false } if is_expression(text) => {
                let expression = parse(text).map_err(|error| Problem {
                    code: Code::ExpressionSyntax,
                    message: format!("`{}`: {error}", text.escape_debug()),
                    hint: "correct the expression, or write its value; text begins with `[[`"
                        .to_owned(),
                })?;
                let value = self.evaluate(&expression, span)?.value;
                return Ok(Node { span, value });
            }
            Value::Scalar { text, plain } => {
                let (text, plain) = (literal(text).to_owned(), *plain);
                Value::Scalar { text, plain }
            }
            Value::List(items) => Value::List(items.iter().map(|i| self.settle(i)).collect()),
            Value::Map(fields) => Value::Map(
                fields
                    .iter()
                    .map(|(name, node)| (name.clone(), self.settle(node)))
                    .collect(),
            ),
        };
        Ok(Node { span, value })
    }

    fn evaluate(&self, expression: &Expression, span: Span) -> Result<Node, Problem> {
        self.deeper(|| self.evaluate_here(expression, span))
    }

    fn evaluate_here(&self, expression: &Expression, span: Span) -> Result<Node, Problem> {
        match expression {
            Expression::Text(value) => {
                self.spend(value.len())?;
                Ok(text(value, span))
            }
            Expression::Number(number) => Ok(crate::import::make::plain(&number, span)),
            Expression::Member(of, member) => {
                let of = self.evaluate(of, span)?;
                let member = self.evaluate(member, span)?;
                self.member(of, &member)
            }
            Expression::Call(name, arguments) => self.call(name, arguments, span),
        }
    }

    fn call(&self, name: &str, arguments: &[Expression], span: Span) -> Result<Node, Problem> {
        functions::check(name)?;
        let arguments = arguments
            .iter()
            .map(|argument| self.evaluate(argument, span));
        let arguments = arguments.collect::<Result<Vec<Node>, Problem>>()?;
        let section = match name.to_ascii_lowercase().as_str() {
            "parameters" => Section::Parameters,
            "variables" => Section::Variables,
            _ => {
                let value = functions::call(name, &arguments, span)?;
                self.spend(size(&value))?;
                return Ok(value);
            }
        };
        match arguments.as_slice() {
            [argument] if as_text(argument).is_some() => {
                self.named(section, as_text(argument).unwrap_or_default())
            }
            _ => Err(functions::bad_arguments(name)),
        }
    }

    /// The value of a parameter or variable.
    fn named(&self, section: Section, name: &str) -> Result<Node, Problem> {
        let key = (section, name.to_ascii_lowercase());
        if let Some(done) = self.done.borrow().get(&key) {
            let size = done.as_ref().map_or(0, size);
            self.spend(size)?;
            return done.clone();
        }
        self.enter(&key, name)?;
        let given = self
            .given
            .get(&key.1)
            .filter(|_| section == Section::Parameters);
        let value = match given {
            Some(node) => Ok(node.clone()), // values from outside are no expressions
            None => self
                .definition(&key, name)
                .and_then(|node| self.value(node)),
        };
        self.active.borrow_mut().pop();
        self.done.borrow_mut().insert(key, value.clone());
        value
    }

    /// Refuses a definition that needs itself.
    fn enter(&self, key: &Key, name: &str) -> Result<(), Problem> {
        let mut active = self.active.borrow_mut();
        if active.contains(key) {
            let noun = key.0.noun();
            return Err(Problem {
                code: Code::ExpressionCycle,
                message: format!("{noun} `{}` refers to itself", name.escape_debug()),
                hint: format!("give the {noun} a value of its own"),
            });
        }
        active.push(key.clone());
        Ok(())
    }

    fn definition(&self, key: &Key, name: &str) -> Result<&'t Node, Problem> {
        let (section, lower) = key;
        let known = match section {
            Section::Parameters => &self.parameters,
            Section::Variables => &self.variables,
        };
        let noun = section.noun();
        let name = name.escape_debug();
        match known.get(lower) {
            Some(Some(node)) => Ok(node),
            Some(None) => Err(Problem {
                code: Code::ParameterUnknown,
                message: format!("parameter `{name}` has no value"),
                hint: format!("pass `--parameter {name}=VALUE`, or a file with `--parameters`"),
            }),
            None => Err(Problem {
                code: Code::ExpressionValue,
                message: format!("the template has no {noun} `{name}`"),
                hint: suggestion(lower, known.keys().map(String::as_str)),
            }),
        }
    }

    fn member(&self, of: Node, member: &Node) -> Result<Node, Problem> {
        let name = as_text(member).unwrap_or_default();
        let found = match of.value {
            Value::Map(fields) => {
                let found = fields
                    .into_iter()
                    .find(|(key, _)| key.value.eq_ignore_ascii_case(name));
                found.map(|(_, node)| node)
            }
            Value::List(items) => {
                let index = name.parse::<usize>().ok();
                index.and_then(|index| items.into_iter().nth(index))
            }
            Value::Scalar { .. } => None,
        };
        let found = found.ok_or_else(|| Problem {
            code: Code::ExpressionValue,
            message: format!("the value has no member `{}`", name.escape_debug()),
            hint: "correct the expression, or write its value".to_owned(),
        })?;
        match self.notes.problem(found.span) {
            Some(problem) => Err(problem),
            None => Ok(found),
        }
    }

    fn spend(&self, amount: usize) -> Result<(), Problem> {
        let left = self.budget.get().checked_sub(amount);
        self.budget.set(left.unwrap_or(0));
        left.map(|_| ()).ok_or_else(too_much)
    }
}

fn too_much() -> Problem {
    Problem {
        code: Code::ExpressionValue,
        message: "the template's expressions give too much, or nest too deep".to_owned(),
        hint: "import a smaller template, or the output of `az network lb show`".to_owned(),
    }
}

/// How much of the budget a value takes.
fn size(node: &Node) -> usize {
    1 + match &node.value {
        Value::Scalar { text, .. } => text.len(),
        Value::List(items) => items.iter().map(size).sum(),
        Value::Map(fields) => fields.iter().map(|(_, node)| size(node)).sum(),
    }
}

/// A field of a mapping, in upper or lower case.
pub(super) fn field<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    match &node.value {
        Value::Map(fields) => find(fields, name),
        _ => None,
    }
}

/// A field among fields, in upper or lower case.
pub(super) fn find<'n>(fields: &'n [(Spanned<String>, Node)], name: &str) -> Option<&'n Node> {
    let found = fields
        .iter()
        .find(|(key, _)| key.value.eq_ignore_ascii_case(name));
    found.map(|(_, node)| node).filter(|node| !node.is_null())
}

fn section<'n>(fields: &'n [(Spanned<String>, Node)], name: &str) -> &'n [(Spanned<String>, Node)] {
    match find(fields, name).map(|node| &node.value) {
        Some(Value::Map(fields)) => fields,
        _ => &[],
    }
}
