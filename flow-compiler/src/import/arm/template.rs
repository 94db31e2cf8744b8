//! The values of a template: parameters, variables and the functions that need nothing from Azure.
//!
//! An expression that has no value stays as it is written, and [`Notes`] remembers why; it is told
//! only when somebody needs the value. What evaluation may cost is bounded.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::expression::{Expression, is_expression, literal, parse};
use super::{functions, logic};
use crate::config::suggestion;
use crate::config::tree::{Node, Value};
use crate::diagnostic::{Code, Span, Spanned};
use crate::import::make::{self, as_text, text};
use crate::import::notes::{Notes, Problem};

/// Bytes and nodes that the expressions of a template may give together.
const BUDGET: usize = 1 << 20;
/// Deepest nesting of values and expressions, through variables and parameters.
const MAX_DEPTH: usize = 200;
/// Most turns of a copy loop: Azure's own limit.
const MAX_TURNS: i64 = 800;

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
    /// Variables that are lists made by a loop.
    loops: HashMap<String, &'t Node>,
    given: &'t HashMap<String, Node>,
    done: RefCell<HashMap<Key, Result<Node, Problem>>>,
    active: RefCell<Vec<Key>>,
    budget: Cell<usize>,
    depth: Cell<usize>,
    /// The copy loops under way, the innermost last: name and turn.
    turns: RefCell<Vec<(String, i64)>>,
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
        let variables = section(fields, "variables");
        let loops = match find(variables, "copy").map(|node| &node.value) {
            Some(Value::List(loops)) => loops.as_slice(),
            _ => &[],
        };
        let name_of = |item| field(item, "name").and_then(as_text);
        Self {
            notes,
            parameters: parameters
                .map(|(name, node)| (name.value.to_ascii_lowercase(), default(node)))
                .collect(),
            loops: loops
                .iter()
                .filter_map(|item| Some((name_of(item)?.to_ascii_lowercase(), item)))
                .collect(),
            variables: variables
                .iter()
                .map(|(name, node)| (name.value.to_ascii_lowercase(), Some(node)))
                .collect(),
            given,
            done: RefCell::default(),
            active: RefCell::default(),
            budget: Cell::new(BUDGET),
            depth: Cell::new(0),
            turns: RefCell::default(),
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

    /// Runs once for each turn of a copy loop.
    ///
    /// # Errors
    /// When the loop has no number of turns.
    pub(super) fn each_turn(&self, copy: &Node, mut run: impl FnMut()) -> Result<(), Problem> {
        let name = field(copy, "name").map(|name| self.settle(name));
        let name = name.as_ref().and_then(as_text).unwrap_or_default();
        let count = field(copy, "count").ok_or_else(no_count)?;
        let count = self.value(count)?;
        let turns = logic::number(&count).filter(|count| (0..=MAX_TURNS).contains(count));
        for turn in 0..turns.ok_or_else(no_count)? {
            self.spend(1)?;
            self.turns.borrow_mut().push((name.to_owned(), turn));
            run();
            self.turns.borrow_mut().pop();
        }
        Ok(())
    }

    /// The lists that the loops among the fields of an object stand for:
    /// `"copy": [{ "name": …, "count": …, "input": … }]`.
    fn lists(&self, copy: &Node) -> Result<Vec<(Spanned<String>, Node)>, Problem> {
        let Value::List(loops) = &copy.value else {
            return Err(no_count());
        };
        let each = |item: &Node| {
            let name = field(item, "name").and_then(as_text);
            let value = name.ok_or_else(no_count)?.to_owned();
            let span = item.span;
            Ok((Spanned { value, span }, self.list(item)?))
        };
        loops.iter().map(each).collect()
    }

    /// The list that one such loop stands for.
    fn list(&self, item: &Node) -> Result<Node, Problem> {
        let input = field(item, "input").ok_or_else(no_count)?;
        let mut items = Vec::new();
        self.each_turn(item, || items.push(self.settle(input)))?;
        Ok(make::list(items, item.span))
    }

    /// The turn of a loop, `copyIndex([loop,] [offset])`: of the innermost one if none is named.
    fn turn(&self, arguments: &[Node]) -> Option<i64> {
        let turns = self.turns.borrow();
        let (name, offset) = match arguments {
            [] => (None, 0),
            [one] => logic::number(one).map_or((as_text(one), 0), |offset| (None, offset)),
            [name, offset] => (as_text(name), logic::number(offset)?),
            _ => return None,
        };
        let is_meant =
            |turn: &&(String, i64)| name.is_none_or(|name| turn.0.eq_ignore_ascii_case(name));
        let (_, turn) = turns.iter().rev().find(is_meant)?;
        turn.checked_add(offset)
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
            Value::Map(fields) => Value::Map(self.fields(fields)),
        };
        Ok(Node { span, value })
    }

    /// The fields of an object; a loop whose turns are not known stays a field `copy`.
    fn fields(&self, fields: &[(Spanned<String>, Node)]) -> Vec<(Spanned<String>, Node)> {
        let mut settled = Vec::with_capacity(fields.len());
        for (name, node) in fields {
            if !name.value.eq_ignore_ascii_case("copy") {
                settled.push((name.clone(), self.settle(node)));
                continue;
            }
            match self.lists(node) {
                _ if matches!(node.value, Value::Map(_)) => {} // the loop that this is a turn of
                Ok(lists) => settled.extend(lists),
                Err(problem) => {
                    self.notes.remember(node.span, problem);
                    settled.push((name.clone(), node.clone()));
                }
            }
        }
        settled
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
            Expression::Number(number) => Ok(make::plain(&number, span)),
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
        let lower = name.to_ascii_lowercase();
        if let ("if", [condition, then, otherwise]) = (lower.as_str(), arguments) {
            let condition = self.evaluate(condition, span)?;
            let truth = logic::truth(&condition);
            let truth = truth.ok_or_else(|| functions::bad_arguments(name))?;
            return self.evaluate(if truth { then } else { otherwise }, span);
        }
        let arguments = arguments
            .iter()
            .map(|argument| self.evaluate(argument, span));
        let arguments = arguments.collect::<Result<Vec<Node>, Problem>>()?;
        let section = match lower.as_str() {
            "parameters" => Section::Parameters,
            "variables" => Section::Variables,
            "copyindex" => {
                let turn = self.turn(&arguments);
                let turn = turn.ok_or_else(|| functions::bad_arguments(name))?;
                return Ok(make::plain(&turn, span));
            }
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
        let turns = self.turns.take(); // what has a name is the same in every turn
        let given = self
            .given
            .get(&key.1)
            .filter(|_| section == Section::Parameters);
        let made = self.loops.get(&key.1);
        let made = made.filter(|_| section == Section::Variables);
        let value = match (given, made) {
            (Some(node), _) => Ok(node.clone()), // values from outside are no expressions
            (None, Some(item)) => self.list(item),
            (None, None) => self
                .definition(&key, name)
                .and_then(|node| self.value(node)),
        };
        self.turns.replace(turns);
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

fn no_count() -> Problem {
    Problem {
        code: Code::ExpressionValue,
        message: format!("a copy loop has `name` and `count`, 0 to {MAX_TURNS}"),
        hint: "write them as numbers or static expressions".to_owned(),
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
