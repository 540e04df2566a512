"""Files up to 400 lines (tests 600), functions up to 50."""

import ast
from pathlib import Path

from tests.support.tree import files, name_of, parsed

SOURCES = (".py", ".ts", ".vue", ".css", ".sql")
MOST_LINES = 400
MOST_TEST_LINES = 600
MOST_FUNCTION_LINES = 50


def limit_of(path: Path) -> int:
    return MOST_TEST_LINES if name_of(path).startswith("tests/") or ".spec." in path.name else MOST_LINES


def is_generated(path: Path) -> bool:
    return path.suffix == ".ts" and "generated" in path.name


def test_files_are_short() -> None:
    long = [
        f"{name_of(path)}: {count} lines, of {limit_of(path)}"
        for path in files(*SOURCES)
        if not is_generated(path) and (count := len(path.read_text(encoding="utf-8").splitlines())) > limit_of(path)
    ]
    assert not long, "split by use case or by noun, one public door staying where it is:\n" + "\n".join(long)


def test_functions_are_short() -> None:
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}: {length} lines, of {MOST_FUNCTION_LINES}"
        for path in files(".py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or node.lineno) - node.lineno + 1) > MOST_FUNCTION_LINES
    ]
    assert not long, "decide in a pure helper and act here, or name the steps:\n" + "\n".join(long)
