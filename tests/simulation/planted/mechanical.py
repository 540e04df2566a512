"""Mechanical mutants: places in the code where one small thing can be made wrong, and an even sample of them.

A comparison flipped or relaxed, plus for minus, a constant off by one, a condition negated, a statement dropped, two
neighbours swapped. Left out because nothing could tell them apart: docstrings, log lines, error words, annotations,
`__repr__`, `__slots__`, sizes at module level, swaps of statements that have nothing to do with each other, and locks
of rows, which a world with one transaction at a time has no use for: tests over PostgreSQL hold those.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random
from typing import Final, NamedTuple, TypeVar

from tests.simulation.planted.depends import binds, depend
from tests.simulation.planted.mutant import Change, Mutant

_SILENT_NAMES: Final = frozenset({"__repr__", "__str__"})
_WORDS: Final = (ast.JoinedStr, ast.Assert)
_SIMPLE: Final = (ast.Expr, ast.Assign, ast.AugAssign, ast.AnnAssign, ast.Delete)
_FLIPPED: Final = {
    ast.Lt: ("<", ">="), ast.LtE: ("<=", ">"), ast.Gt: (">", "<="), ast.GtE: (">=", "<"), ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="), ast.Is: ("is", "is not"), ast.IsNot: ("is not", "is"), ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
}  # fmt: skip
_RELAXED: Final = {ast.Lt: ("<", "<="), ast.LtE: ("<=", "<"), ast.Gt: (">", ">="), ast.GtE: (">=", ">")}
_REVERSED: Final = {ast.Add: ("+", "-"), ast.Sub: ("-", "+"), ast.Mult: ("*", "//"), ast.FloorDiv: ("//", "*")}
_LOCK: Final = re.compile(r"\b(await )?(\w+\.)*lock_\w+\(")
_OTHER: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
T = TypeVar("T")


class Site(NamedTuple):
    """One thing that can be made wrong, and the function it is in."""

    path: str
    function: str
    line: int
    operator: str
    at: int
    old: str
    new: str

    @property
    def key(self) -> str:
        """What names the site for as long as the code around it stays: no line number, no index."""
        return f"{self.path}::{self.function}::{self.operator}::{_flat(self.old)} => {_flat(self.new)}"

    def mutant(self, name: str) -> Mutant:
        """The bug planted here."""
        change = Change(self.path, self.old, self.new, self.at)
        return Mutant(name, f"{self.path}:{self.line} in {self.function}: {self.operator}", (change,), mechanical=True)


def sites_of(path: str, text: str) -> list[Site]:
    """Every site of a file, in order."""
    finder = _Finder(path, text)
    finder.visit(ast.parse(text))
    return sorted(set(finder.found), key=lambda site: (site.at, site.operator, site.new))


def keyed(sites: Iterable[Site]) -> dict[str, Site]:
    """Sites by key; where one function has the same thing twice, the later ones are numbered."""
    found: dict[str, Site] = {}
    for site in sites:
        key, many = site.key, 1
        while key in found:
            many += 1
            key = f"{site.key} #{many}"
        found[key] = site
    return found


def sample(paths: Sequence[str], read: Callable[[str], str], *, many: int, seed: int,
           without: frozenset[str] = frozenset()) -> list[Mutant]:  # fmt: skip
    """`many` mutants drawn evenly over the files, and in each over the operators; `without` names keys to leave."""
    random = Random(seed)
    queues = []
    for path in paths:
        by_operator: dict[str, list[str]] = defaultdict(list)
        sites = {key: site for key, site in keyed(sites_of(path, read(path))).items() if key not in without}
        for key, site in sites.items():
            by_operator[site.operator].append(key)
        for keys in by_operator.values():
            random.shuffle(keys)
        order = sorted(by_operator)
        random.shuffle(order)
        turns = _in_turns([iter(by_operator[operator]) for operator in order])
        queues.append(iter([sites[key].mutant(key) for key in turns]))
    return [mutant for mutant, _ in zip(_in_turns(queues), range(many), strict=False)]


def _in_turns(queues: Sequence[Iterator[T]]) -> Iterator[T]:
    left = list(queues)
    while left:
        for queue in list(left):
            try:
                yield next(queue)
            except StopIteration:
                left.remove(queue)


def _flat(text: str) -> str:
    return re.sub(r"\s+", " ", text)


class _Finder(ast.NodeVisitor):
    """Walks functions only; texts are cut from the file by the nodes' places."""

    def __init__(self, path: str, text: str) -> None:
        self._path, self._text = path, text
        self._starts = [0]
        self._lines = text.splitlines(keepends=True)
        for line in self._lines:
            self._starts.append(self._starts[-1] + len(line))
        self._names: list[str] = []
        self.found: list[Site] = []

    def visit_Module(self, node: ast.Module) -> None:
        self._definitions(node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        if any(re.search(r"(Error|Violation|Exception)$", ast.unparse(base)) for base in node.bases):
            return
        self._names.append(node.name)
        self._definitions(node.body)
        self._names.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._function(node)

    def visit_Raise(self, node: ast.Raise) -> None:
        return

    def visit_Expr(self, node: ast.Expr) -> None:
        if not _is_log(node.value):
            self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self.visit(node.value)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if isinstance(node.slice, ast.Slice) and _is_words(node.value):
            return
        self.visit(node.value)
        if isinstance(node.slice, ast.Slice):
            self.visit(node.slice)

    def visit_Compare(self, node: ast.Compare) -> None:
        if len(node.ops) == 1:
            for name, table in (("flip", _FLIPPED), ("relax", _RELAXED)):
                if type(node.ops[0]) in table:
                    self._between(f"{name} comparison", node.left, node.comparators[0], *table[type(node.ops[0])])
        else:
            self._add("negate condition", node, f"not ({self._cut(node)})")
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        if type(node.op) in _REVERSED and not (_joins(node.left) or _joins(node.right)):
            self._between("arithmetic", node.left, node.right, *_REVERSED[type(node.op)])
        self.generic_visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> None:
        word = " or " if isinstance(node.op, ast.And) else " and "
        self._add("and or", node, "(" + word.join(f"({self._cut(value)})" for value in node.values) + ")")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        if isinstance(node.func, ast.Name) and node.func.id in _OTHER:
            self._add("min max", node.func, _OTHER[node.func.id])
        self.generic_visit(node)

    def visit_keyword(self, node: ast.keyword) -> None:
        if node.arg != "locked":
            self.visit(node.value)

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, bool):
            self._add("truth", node, str(not node.value))
        elif isinstance(node.value, int):
            self._add("constant", node, str(node.value + 1))
            if node.value > 0:
                self._add("constant", node, str(node.value - 1))

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        if type(node.op) in _REVERSED and not _joins(node.value):
            old, new = _REVERSED[type(node.op)]
            self._between("arithmetic", node.target, node.value, f"{old}=", f"{new}=")
        self.generic_visit(node)

    def visit_If(self, node: ast.If) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_While(self, node: ast.While) -> None:
        if not isinstance(node.test, ast.Constant):
            self._negate(node.test)
            self.generic_visit(node)
        else:
            for statement in node.body:
                self.visit(statement)

    def visit_IfExp(self, node: ast.IfExp) -> None:
        self._negate(node.test)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        for test in node.ifs:
            self._negate(test)
        self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> None:
        """Statements in blocks are also dropped and swapped; words are not looked into."""
        if isinstance(node, _WORDS) or _is_log(node):
            return
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[0], ast.stmt):
                self._block(block)
        super().generic_visit(node)

    def _definitions(self, body: Sequence[ast.stmt]) -> None:
        for statement in body:
            if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                self.visit(statement)

    def _function(self, node: Function) -> None:
        if node.name in _SILENT_NAMES:
            return
        self._names.append(node.name)
        body = node.body[1:] if ast.get_docstring(node) is not None else node.body
        self._block(body)
        for statement in body:
            self.visit(statement)
        self._names.pop()

    def _block(self, body: Sequence[ast.stmt]) -> None:
        made = self._names[-1] == "__init__"  # what is not set there is missed at the first call
        bound: set[str] = set()
        for statement, following in zip(body, [*body[1:], None], strict=False):
            if _droppable(statement, bound) and not (made and isinstance(statement, ast.Assign | ast.AnnAssign)):
                self._add("drop statement", statement, "pass")
            if (
                isinstance(statement, _SIMPLE)
                and isinstance(following, _SIMPLE)
                and not (_is_log(statement) or _is_log(following) or _is_lock(statement) or _is_lock(following))
                and depend(statement, following, bound)
            ):
                self._swap(statement, following)
            bound |= binds(statement)

    def _swap(self, first: ast.stmt, second: ast.stmt) -> None:
        start, middle, onward, end = *self._place(first), *self._place(second)
        gap = self._text[middle:onward]
        if gap.strip().startswith("#") or not gap.strip():
            old = self._text[start:end]
            self._put("swap statements", first, start, old, self._text[onward:end] + gap + self._text[start:middle])

    def _negate(self, test: ast.expr) -> None:
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            self._add("negate condition", test, f"({self._cut(test.operand)})")
        elif not isinstance(test, ast.Compare):
            self._add("negate condition", test, f"(not ({self._cut(test)}))")

    def _between(self, operator: str, left: ast.expr, right: ast.expr, old: str, new: str) -> None:
        start, end = self._place(left)[1], self._place(right)[0]
        at = self._text.find(old, start, end)
        if at >= 0:
            self._put(operator, left, at, old, new)

    def _add(self, operator: str, node: ast.expr | ast.stmt, new: str) -> None:
        self._put(operator, node, self._place(node)[0], self._cut(node), new)

    def _put(self, operator: str, node: ast.expr | ast.stmt, at: int, old: str, new: str) -> None:
        self.found.append(Site(self._path, ".".join(self._names), node.lineno, operator, at, old, new))

    def _cut(self, node: ast.expr | ast.stmt) -> str:
        start, end = self._place(node)
        return self._text[start:end]

    def _place(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        end_line, end_column = node.end_lineno or node.lineno, node.end_col_offset or 0
        return self._index(node.lineno, node.col_offset), self._index(end_line, end_column)

    def _index(self, line: int, column: int) -> int:
        return self._starts[line - 1] + len(self._lines[line - 1].encode()[:column].decode())


def _droppable(statement: ast.stmt, bound: set[str]) -> bool:
    """Whether the code still runs without it, so that not every walk over it fails at once."""
    if isinstance(statement, ast.Expr):
        plain = isinstance(statement.value, ast.Constant | ast.Yield | ast.YieldFrom)
        return not plain and not _is_log(statement) and not _is_lock(statement)
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        return getattr(statement, "value", None) is not None and binds(statement) <= bound
    if isinstance(statement, ast.Return):
        return statement.value is None
    return isinstance(statement, ast.AugAssign | ast.Raise | ast.Delete | ast.Continue | ast.Break)


def _is_log(node: ast.AST) -> bool:
    if isinstance(node, ast.Expr):
        return _is_log(node.value)
    return isinstance(node, ast.Call) and ast.unparse(node.func).startswith("_log.")


def _is_lock(statement: ast.stmt) -> bool:
    return _LOCK.match(ast.unparse(statement)) is not None


def _is_words(node: ast.expr) -> bool:
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Name) and node.func.id == "str"
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _joins(node: ast.expr) -> bool:
    """Whether `+` there joins texts or lists: the other way it would fail at once."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str | bytes)
    if isinstance(node, ast.BinOp):
        return _joins(node.left) or _joins(node.right)
    return isinstance(node, ast.JoinedStr | ast.List | ast.ListComp | ast.Tuple)
