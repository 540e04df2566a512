"""Every rule, lesson and capability that is promised has its tests, and the page that lists them is true."""

from collections.abc import Iterable
from pathlib import Path

from tests.support.promises import LESSONS, RULES
from tools import capabilities
from tools.marks import Promise, promises


def ids(kind: str, found: Iterable[Promise]) -> set[str]:
    return {promise.id for promise in found if promise.kind == kind}


def test_every_rule_of_the_offline_contract_has_a_test() -> None:
    missing = [rule for rule in RULES if rule not in ids("rule", promises())]
    assert not missing, f"no test carries pytest.mark.rule(n) for the rules {', '.join(missing)}"


def test_every_failure_of_others_has_a_test() -> None:
    missing = [f"{name}: {text}" for name, text in LESSONS.items() if name not in ids("lesson", promises())]
    assert not missing, "no test carries pytest.mark.lesson(...) for\n" + "\n".join(missing)


def test_marks_name_what_exists() -> None:
    found = promises()
    unknown = {
        "capability": ids("capability", found) - {row["id"] for row in capabilities.rows()},
        "rule": ids("rule", found) - {*RULES, "32"},
        "lesson": ids("lesson", found) - set(LESSONS),
    }
    assert not any(unknown.values()), f"marks without a meaning: {unknown}"


def test_a_row_called_done_has_tests() -> None:
    shown = ids("capability", promises())
    empty = [row["id"] for row in capabilities.rows() if row.get("done") and row["id"] not in shown]
    assert not empty, f"docs/capabilities.toml calls rows done that no test shows: {empty}"


def test_a_row_that_is_part_says_what_it_lacks() -> None:
    shown = ids("capability", promises())
    silent = [
        row["id"] for row in capabilities.rows() if row["id"] in shown and not (row.get("done") or row.get("without"))
    ]
    assert not silent, f"set `done` or say `without` in docs/capabilities.toml: {silent}"


def test_the_page_of_capabilities_is_up_to_date() -> None:
    wanted = capabilities.page(capabilities.rows(), promises())
    assert capabilities.PAGE.read_text(encoding="utf-8") == wanted, "run `make docs`"


def test_marks_are_read_from_modules_classes_and_tests(tmp_path: Path) -> None:
    (tmp_path / "test_sample.py").write_text(
        "import pytest\n"
        "pytestmark = [pytest.mark.rule(3)]\n"
        "@pytest.mark.capability('SET-01', 'SET-03')\n"
        "def test_one(): ...\n"
        "@pytest.mark.lesson('odoo-40567')\n"
        "class TestMany:\n"
        "    async def test_two(self): ...\n"
        "def helper(): ...\n"
    )
    assert [(each.kind, each.id, each.test) for each in promises(tmp_path)] == [
        ("capability", "SET-01", "test_one"),
        ("capability", "SET-03", "test_one"),
        ("lesson", "odoo-40567", "test_two"),
        ("rule", "3", "test_one"),
        ("rule", "3", "test_two"),
    ]


def test_a_row_is_done_only_with_tests_and_a_word() -> None:
    tests = [Promise("capability", "SET-01", "tests/test_a.py", "test_a")]
    assert capabilities.state_of({"done": True}, []) == "not yet"
    assert capabilities.state_of({}, tests) == "part"
    assert capabilities.state_of({"done": True}, tests) == "done"
