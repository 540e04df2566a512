"""What a test must be to count: it asserts, and its name is a sentence."""

import ast
import re

from tests.support.tree import files, name_of, parsed

SPEAKS = re.compile(r"assert|check|expect|verify|require|raises|fail")
BARE_NAME = re.compile(r"test_?\d*|test_(it|works|ok|basic|simple|happy|stuff)(_\d+)?")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def every_test() -> list[tuple[str, Function]]:
    return [
        (f"{name_of(path)}:{node.lineno} {node.name}", node)
        for path in files(".py")
        if path.name.startswith("test_") and name_of(path).startswith("tests/")
        for node in ast.walk(parsed(path))
        if isinstance(node, Function) and node.name.startswith("test")
    ]


def says_something(test: Function) -> bool:
    """Asserts itself, expects an error or allows one alone, or calls a helper whose name says that it judges."""
    return any(
        isinstance(node, ast.Assert | ast.Try) or (isinstance(node, ast.Call) and SPEAKS.search(ast.unparse(node.func)))
        for node in ast.walk(test)
    )


def test_every_test_can_fail() -> None:
    silent = [place for place, node in every_test() if not says_something(node)]
    assert not silent, "assert what must hold, or call a helper whose name says that it checks:\n" + "\n".join(silent)


def test_names_of_tests_state_behaviour() -> None:
    bare = [place for place, node in every_test() if BARE_NAME.fullmatch(node.name)]
    assert not bare, "say what happens: test_second_tap_is_refused:\n" + "\n".join(bare)
