//! Template expressions, such as `[concat(variables('lb'), '-probe')]`, as trees.

/// Deeper than any expression nests.
const MAX_DEPTH: usize = 40;

/// A part of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expression {
    Text(String),
    Number(String),
    Call(String, Vec<Expression>),
    /// `object.member` or `object['member']`, `list[0]`.
    Member(Box<Expression>, Box<Expression>),
}

/// What is wrong in an expression, and at which character, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at character {position}")]
pub(super) struct ExpressionError {
    what: &'static str,
    position: usize,
}

/// Whether a text stands for what it evaluates to.
pub(super) fn is_expression(text: &str) -> bool {
    text.starts_with('[') && text.ends_with(']') && !text.starts_with("[[")
}

/// The text that a text which is no expression means: `[[` at its beginning is one bracket.
pub(super) fn literal(text: &str) -> &str {
    match text.strip_prefix('[') {
        Some(rest) if rest.starts_with('[') && text.ends_with(']') => rest,
        _ => text,
    }
}

/// Parses a text for which [`is_expression`] holds.
pub(super) fn parse(text: &str) -> Result<Expression, ExpressionError> {
    let mut parser = Parser {
        characters: text.chars().collect(),
        at: 1,
    };
    let expression = parser.expression(0)?;
    parser.expect(']', "`]` is missing")?;
    if parser.at == parser.characters.len() {
        Ok(expression)
    } else {
        parser.fail("there is something behind the expression")
    }
}

struct Parser {
    characters: Vec<char>,
    at: usize,
}

impl Parser {
    fn fail<T>(&self, what: &'static str) -> Result<T, ExpressionError> {
        let position = self.at + 1;
        Err(ExpressionError { what, position })
    }

    /// The next character that is no blank.
    fn peek(&mut self) -> Option<char> {
        while self
            .characters
            .get(self.at)
            .is_some_and(|c| c.is_whitespace())
        {
            self.at += 1;
        }
        self.characters.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, wanted: char, what: &'static str) -> Result<(), ExpressionError> {
        if self.take(wanted) {
            Ok(())
        } else {
            self.fail(what)
        }
    }

    fn expression(&mut self, depth: usize) -> Result<Expression, ExpressionError> {
        if depth > MAX_DEPTH {
            return self.fail("the expression nests too deep");
        }
        let mut expression = match self.peek() {
            Some('\'') => self.text()?,
            Some(c) if c.is_ascii_digit() || c == '-' => Expression::Number(self.run("-")),
            Some(c) if c.is_ascii_alphabetic() || c == '_' => self.call(depth)?,
            _ => return self.fail("a function, a text or a number is missing"),
        };
        for _ in 0..MAX_DEPTH {
            let member = if self.take('.') {
                Expression::Text(self.run("_-"))
            } else if self.take('[') {
                let member = self.expression(depth + 1)?;
                self.expect(']', "`]` is missing")?;
                member
            } else {
                return Ok(expression);
            };
            expression = Expression::Member(Box::new(expression), Box::new(member));
        }
        self.fail("the expression nests too deep")
    }

    /// Letters, digits and the characters of `more`.
    fn run(&mut self, more: &str) -> String {
        let rest = &self.characters[self.at.min(self.characters.len())..];
        let allowed = |c: &&char| c.is_ascii_alphanumeric() || more.contains(**c);
        let run: String = rest.iter().take_while(allowed).collect();
        self.at += run.len();
        run
    }

    /// A quoted text; two quotes in it are one.
    fn text(&mut self) -> Result<Expression, ExpressionError> {
        let mut text = String::new();
        loop {
            self.at += 1;
            match self.characters.get(self.at) {
                None => return self.fail("`'` is missing"),
                Some('\'') if self.characters.get(self.at + 1) == Some(&'\'') => {
                    self.at += 1;
                    text.push('\'');
                }
                Some('\'') => break,
                Some(c) => text.push(*c),
            }
        }
        self.at += 1;
        Ok(Expression::Text(text))
    }

    /// A function with its arguments, perhaps of a name space: `contoso.name('x')`.
    fn call(&mut self, depth: usize) -> Result<Expression, ExpressionError> {
        let name = self.run("_.");
        self.expect('(', "`(` is missing behind the function's name")?;
        let mut arguments = Vec::new();
        if self.take(')') {
            return Ok(Expression::Call(name, arguments));
        }
        loop {
            arguments.push(self.expression(depth + 1)?);
            if self.take(')') {
                return Ok(Expression::Call(name, arguments));
            }
            self.expect(',', "`,` or `)` is missing")?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_are_read() {
        let text = |text: &str| Expression::Text(text.to_owned());
        let call = |name: &str, arguments| Expression::Call(name.to_owned(), arguments);
        let member = |of, member| Expression::Member(Box::new(of), Box::new(member));
        assert_eq!(
            parse("[concat( 'it''s', parameters('n').a[0] )]"),
            Ok(call(
                "concat",
                vec![
                    text("it's"),
                    member(
                        member(call("parameters", vec![text("n")]), text("a")),
                        Expression::Number("0".to_owned())
                    )
                ]
            ))
        );
        assert_eq!(literal("[[x]"), "[x]");
        assert_eq!(literal("[[x"), "[[x");
        assert!(!is_expression("[[x]"));
    }

    #[test]
    fn errors_say_where() {
        let error = |text| parse(text).expect_err("an error").to_string();
        assert_eq!(
            error("[concat('a'"),
            "`,` or `)` is missing at character 12"
        );
        assert_eq!(error("['a]"), "`'` is missing at character 5");
        assert_eq!(
            error("[]"),
            "a function, a text or a number is missing at character 2"
        );
        assert_eq!(error("['a' 'b']"), "`]` is missing at character 6");
        assert!(error(&format!("[{}]", "f(".repeat(5000))).starts_with("the expression nests"));
    }
}
