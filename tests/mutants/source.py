"""The mutants of a source file: small changes of the code, each compiled in and off unless its number is active.

`a < b` becomes `(if crate::mutant::is(7) { a <= b } else { a < b })`. So all mutants need one compilation.
"""

import re

import tree_sitter_rust
from tree_sitter import Language, Parser

PARSER = Parser(Language(tree_sitter_rust.language()))

# The other operators for each.
OPERATORS = {
    "==": ["!="], "!=": ["=="], "<": ["<=", ">"], "<=": ["<", ">="], ">": [">=", "<"], ">=": [">", "<="],
    "&&": ["||"], "||": ["&&"], "+": ["-"], "-": ["+"], "*": ["/"], "/": ["*"], "+=": ["-="], "-=": ["+="],
}  # fmt: skip
# The other method for each. Those of columns are the operators of SQL.
METHODS = {
    "eq": "ne", "ne": "eq", "gt": "gte", "gte": "gt", "lt": "lte", "lte": "lt", "min": "max", "max": "min",
    "any": "all", "all": "any", "is_some_and": "is_none_or", "is_none_or": "is_some_and", "plus": "minus",
    "minus": "plus", "order_by_asc": "order_by_desc", "order_by_desc": "order_by_asc", "push_back": "push_front",
    "push_front": "push_back", "saturating_sub": "saturating_add",
}  # fmt: skip
# What a function returns at once, by its type.
RESULTS = [
    (r"bool", ["true", "false"]),
    (r"Option<.*>", ["None"]),
    (r"Result<\(\), .*>", ["Ok(())"]),
    (r"Result<bool, .*>", ["Ok(true)", "Ok(false)"]),
    (r"Result<u64, .*>", ["Ok(0)", "Ok(1)"]),
    (r"Result<Option<.*>, .*>", ["Ok(None)"]),
    (r"Result<Vec<.*>, .*>|Vec<.*>", ["Default::default()"]),
    (r"String|Duration|u32|u64|usize|i64", ["Default::default()"]),
    (r"&.*str", ['""']),
    (r"Condition", ["Condition::all()"]),
]
CONDITION_METHODS = {"and_where", "filter", "add"}
ASSIGNMENT_METHODS = {"value", "col_expr"}


class Source:
    """A file, its mutants, and the text that they insert."""

    def __init__(self, path, text, first_number):
        self.path = path
        self.bytes = text.encode()
        self.next = first_number
        self.mutants = []
        self.opening = []
        self.closing = []
        self.visit(PARSER.parse(self.bytes).root_node)

    def render(self, numbers):
        """The text with these mutants. An inner expression is opened after an outer one, and closed before it."""
        inserted = [(at, 0, -index, text, n) for index, (at, text, n) in enumerate(self.closing)]
        inserted += [(at, 1, index, text, n) for index, (at, text, n) in enumerate(self.opening)]
        parts, last = [], 0
        for at, _, _, text, number in sorted(inserted):
            if number in numbers:
                parts += [self.bytes[last:at].decode(), text]
                last = at
        text = "".join(parts) + self.bytes[last:].decode()
        # A constant function cannot read a switch.
        return re.sub(r"\bconst ((async )?fn)", r"\1", text)

    def text(self, node):
        return self.bytes[node.start_byte : node.end_byte].decode()

    def visit(self, node):
        if self.is_skipped(node):
            return
        mutate = getattr(self, node.type, None)
        if mutate:
            mutate(node)
        for child in node.children:
            self.visit(child)

    def is_skipped(self, node):
        """Whether it is a test, a constant, an attribute, a macro or `Debug`."""
        if node.type in ("const_item", "static_item", "attribute_item", "macro_invocation", "line_comment"):
            return True
        before = node.prev_named_sibling
        is_test = before is not None and self.text(before) == "#[cfg(test)]"
        return is_test or (node.type == "impl_item" and "fmt::Debug for" in self.text(node).split("{")[0])

    def add(self, node, change, opening, closing="", at=None):
        """A mutant by the text before and after a node, with marks that show where a compiler error belongs."""
        number, self.next = self.next, self.next + 1
        line, short = node.start_point.row + 1, " ".join(change.split())[:160]
        mutant = {"number": number, "place": f"{self.path}:{line}", "function": self.function_of(node), "change": short}
        self.mutants.append(mutant)
        opening = opening.replace("ON", f"crate::mutant::is({number})")
        start = node.start_byte if at is None else at
        self.opening.append((start, f"/*<{number}*/{opening}/*{number}>*/ ", number))
        if closing:
            self.closing.append((node.end_byte, closing, number))

    def function_of(self, node):
        """The name of the function that a node belongs to; nothing for a type."""
        while node and node.type != "function_item":
            node = node.parent
        return self.text(node.child_by_field_name("name")) if node else ""

    def replace(self, node, other):
        self.add(node, f"{self.text(node)}  ->  {other}", f"(if ON {{ {other} }} else {{", "})")

    def force(self, node, value):
        """A condition that is always true or false."""
        opening = "(ON || (" if value == "true" else "(!ON && ("
        self.add(node, f"{self.text(node)}  ->  {value}", opening, "))")

    # One method for each kind of node.

    def function_item(self, node):
        declared, body = node.child_by_field_name("return_type"), node.child_by_field_name("body")
        declared = " ".join(self.text(declared).split()) if declared else "()"
        values = [""] if declared == "()" else []
        for pattern, results in RESULTS:
            if not values and re.fullmatch(pattern, declared):
                values = results
        for value in values:
            self.add(node, f"returns {value}", f"if ON {{ return {value}; }}", at=body.start_byte + 1)

    def binary_expression(self, node):
        operator = node.child_by_field_name("operator")
        for other in OPERATORS.get(self.text(operator), []):
            text = self.bytes[node.start_byte : operator.start_byte].decode() + other
            self.replace(node, text + self.bytes[operator.end_byte : node.end_byte].decode())

    compound_assignment_expr = binary_expression

    def unary_expression(self, node):
        if node.children[0].type == "!":
            self.replace(node, self.text(node.children[1]))

    def if_expression(self, node):
        condition = node.child_by_field_name("condition")
        if condition.type not in ("let_condition", "let_chain", "binary_expression", "unary_expression"):
            self.force(condition, "true")
            self.force(condition, "false")

    def call_expression(self, node):
        called = node.child_by_field_name("function")
        given = node.child_by_field_name("arguments")
        text = self.text(node)
        if text in ("Condition::any()", "Condition::all()"):
            self.replace(node, text.replace("any", "ALL").replace("all", "any").replace("ALL", "all"))
        if called.type != "field_expression":
            return
        name = self.text(called.child_by_field_name("field"))
        if name in METHODS:
            field = called.child_by_field_name("field")
            before = self.bytes[node.start_byte : field.start_byte].decode()
            self.replace(node, before + METHODS[name] + self.text(given))
        self.condition_or_assignment(name, [child for child in given.named_children if child.type != "line_comment"])

    def condition_or_assignment(self, name, given):
        """Leaves out a condition or an assignment of a statement, or the condition of a filter."""
        if name in CONDITION_METHODS and len(given) == 1:
            if given[0].type != "closure_expression":
                change = f".{name}({self.text(given[0])}) left out"
                self.add(given[0], change, "(if ON { Expr::value(true) } else {", "})")
            elif name == "filter":
                self.force(given[0].child_by_field_name("body"), "true")
        if name == "add_option" and len(given) == 1:
            self.replace(given[0], "None")
        if name in ASSIGNMENT_METHODS and len(given) == 2 and self.text(given[0]).startswith("Column::"):
            column = self.text(given[0])
            change = f".{name}({column}, …) left out"
            self.add(given[1], change, f"(if ON {{ Expr::col({column}) }} else {{ Expr::from(", ") })")

    def expression_statement(self, node):
        inner = node.children[0]
        while inner.type in ("try_expression", "await_expression"):
            inner = inner.children[0]
        if inner.type == "call_expression" and self.text(node).endswith(";"):
            self.add(node, f"{self.text(node)} left out", "if !ON {", "}")

    def match_arm(self, node):
        pattern = node.child_by_field_name("pattern")
        guard = pattern.child_by_field_name("condition")
        if guard and "let" not in guard.type:
            self.force(guard, "true")
            self.force(guard, "false")
        last = [arm for arm in node.parent.named_children if arm.type == "match_arm"][-1]
        has_rest = re.fullmatch(r"_|[a-z]+|\([a-z_, ]+\)", self.text(last.child_by_field_name("pattern")))
        if not guard and has_rest and node != last:
            change = f"arm {self.text(pattern)} left out"
            self.add(node, change, "if !ON", at=pattern.end_byte)
