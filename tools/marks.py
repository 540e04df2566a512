"""Which tests promise what: the marks `capability`, `rule` and `lesson`, read from the source without running it."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tools.environment import ROOT

TESTS = ROOT / "tests"
KINDS = ("capability", "rule", "lesson")


@dataclass(frozen=True, slots=True, order=True)
class Promise:
    """One test that carries one mark."""

    kind: str
    id: str
    file: str
    test: str


@cache
def promises(folder: Path = TESTS) -> tuple[Promise, ...]:
    """Every mark of every test under a folder, in order."""
    found = {each for path in sorted(folder.rglob("test_*.py")) for each in _in_file(path)}
    return tuple(sorted(found))


def _in_file(path: Path) -> Iterator[Promise]:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    file = path.relative_to(TESTS.parent).as_posix() if path.is_relative_to(TESTS.parent) else path.name
    shared = [mark for node in tree.body if _sets_pytestmark(node) for mark in _marks_in(node)]
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            of_class = [*shared, *(mark for each in node.decorator_list for mark in _marks_in(each))]
            for inner in node.body:
                yield from _of_test(inner, of_class, file)
        else:
            yield from _of_test(node, shared, file)


def _of_test(node: ast.stmt, shared: list[tuple[str, str]], file: str) -> Iterator[Promise]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test"):
        own = [mark for each in node.decorator_list for mark in _marks_in(each)]
        yield from (Promise(kind, identity, file, node.name) for kind, identity in [*shared, *own])


def _sets_pytestmark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(each, ast.Name) and each.id == "pytestmark" for each in node.targets
    )


def _marks_in(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in KINDS:
            for argument in node.args:
                if isinstance(argument, ast.Constant):
                    yield node.func.attr, str(argument.value)
