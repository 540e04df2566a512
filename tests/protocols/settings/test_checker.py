"""A settings file is read whole, or each wrong setting is named by line, key and reason."""

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.settings.checker import Problem, load, load_table
from protocols.settings.lines import find_lines
from protocols.settings.render import render
from protocols.settings.schema import required, section, setting


@dataclass(frozen=True)
class Scale:
    """A scale."""

    port: str = required("device file", low=1)
    baud: int = setting(9600, "speed", unit="baud", low=300, high=115200)


@dataclass(frozen=True)
class Link:
    """The way to the cloud."""

    url: str = setting("https://core", "address", low=8)
    timeout_s: float = setting(5.0, "longest wait", unit="s", low=0.1, high=600)
    mode: str = setting("auto", "which way", choices=("auto", "never"))
    hosts: tuple[str, ...] = setting(("a", "b"), "names")
    on: bool = setting(True, "whether at all")


@dataclass(frozen=True)
class Whole:
    """Everything."""

    name: str = setting("till", "its name", low=1, high=10)
    link: Link = section(Link)
    scales: tuple[Scale, ...] = ()
    free: dict[str, Any] = section(dict)


def _problems(text: str) -> list[Problem]:
    found = load(text, Whole)
    assert isinstance(found, list), found
    return found


def test_an_empty_file_gives_the_defaults() -> None:
    assert load("", Whole) == Whole()


def test_the_rendered_file_shows_every_default_and_reads_back() -> None:
    text = render(Whole)
    assert load(text, Whole) == Whole()
    for shown in ("timeout_s = 5.0", "unit: s", "from 0.1 to 600", 'hosts = ["a", "b"]', "one of: auto, never"):
        assert shown in text


def test_tables_lists_and_free_tables_are_read() -> None:
    found = load('[[scales]]\nport = "/dev/a"\n[[scales]]\nport = "b"\nbaud = 300\n[free]\nx = 1\n', Whole)
    assert isinstance(found, Whole)
    assert found.scales == (Scale("/dev/a"), Scale("b", 300))
    assert found.free == {"x": 1}


@pytest.mark.parametrize(
    ("text", "line", "key", "reason"),
    [
        ("name = 3", 1, "name", "must be a text, not a whole number"),
        ("\n\nname = ''", 3, "name", "length 0 is below the least, 1"),
        ("name = 'longer than ten'", 1, "name", "length 15 is above the most, 10"),
        ("[link]\ntimeout_s = 0", 2, "link.timeout_s", "0 is below the least, 0.1 s"),
        ("[link]\ntimeout_s = 601", 2, "link.timeout_s", "601 is above the most, 600 s"),
        ("[link]\ntimeout_s = nan", 2, "link.timeout_s", "must be a finite number"),
        ("[link]\ntimeout_s = true", 2, "link.timeout_s", "must be a number, not true or false"),
        ("[link]\non = 1", 2, "link.on", "must be true or false, not a whole number"),
        ("[link]\nmode = 'no'", 2, "link.mode", "must be one of auto, never, not 'no'"),
        ("[link]\nhosts = 'a'", 2, "link.hosts", "must be a list, not a text"),
        ("[link]\nhosts = [\n 'a',\n 3,\n]", 2, "link.hosts[1]", "must be a text, not a whole number"),
        ("[link]\nurl = 1979-05-27", 2, "link.url", "must be a text, not a date or time"),
        ("link = 3", 1, "link", "must be a table, not a whole number"),
        ("[lnik]\na = 1", 1, "lnik", "is not a setting here; did you mean link?"),
        ("[link]\nquite_other = 1", 2, "link.quite_other", "is not a setting here"),
        ("link.timeout_s = 'x'", 1, "link.timeout_s", "must be a number, not a text"),
        ("[[scales]]\nport = 'a'\n\n[[scales]]\nbaud = 1", 5, "scales[1].baud", "1 is below the least, 300 baud"),
        ("[[scales]]\nbaud = 300", 1, "scales[0].port", "must be given: it has no default"),
        ("scales = 4", 1, "scales", "must be a list, not a whole number"),
        ("name = 'a'\nname = 'b'", 2, "", "not TOML: Cannot overwrite a value"),
        ("name = ", 1, "", "not TOML: Invalid value"),
    ],
)
def test_each_wrong_setting_is_named(text: str, line: int, key: str, reason: str) -> None:
    assert Problem(line, key, reason) in _problems(text)


def test_all_problems_are_told_in_the_order_of_lines() -> None:
    found = _problems("nmae = 1\n[link]\non = 2\nmode = 1\n")
    assert [problem.line for problem in found] == [1, 3, 4]


def test_a_problem_reads_as_a_sentence() -> None:
    assert str(_problems("name = 3")[0]) == "line 1: name: must be a text, not a whole number"


def test_keys_inside_long_strings_and_lists_are_not_taken_for_settings() -> None:
    text = 'a = """\nb = 1\n"""\nc = [\n "d = 2", # ]\n]\ne = 3\n'
    assert find_lines(text) == {("a",): 1, ("c",): 4, ("e",): 7}


def test_a_list_of_tables_inside_a_list_of_tables_is_found_under_the_last_of_them() -> None:
    text = "[[lane]]\ncode = 'A1'\n[[lane.device]]\nurl = 'x'\n[[lane]]\n[[lane.device]]\n[[lane.device]]\nurl = 'y'\n"
    found = find_lines(text)
    assert found["lane", 0, "device", 0, "url"] == 4
    assert found["lane", 1, "device", 1] == 7
    assert found["lane", 1, "device", 1, "url"] == 8


def test_a_drivers_own_table_is_checked_with_the_files_lines() -> None:
    text = "[free]\nport = 'x'\nbaud = 1\n"
    found = load_table({"port": "x", "baud": 1}, Scale, lines=find_lines(text), at=("free",))
    assert found == [Problem(3, "free.baud", "1 is below the least, 300 baud")]


@given(st.text(max_size=300))
def test_any_text_gives_settings_or_problems(text: str) -> None:
    found = load(text, Whole)
    assert isinstance(found, Whole) or found


@given(st.dictionaries(st.sampled_from(["name", "link", "scales", "free", "x"]), st.integers() | st.booleans()))
def test_any_values_give_settings_or_problems(values: dict[str, Any]) -> None:
    text = "".join(f"{key} = {str(value).lower()}\n" for key, value in values.items())
    found = load(text, Whole)
    assert isinstance(found, Whole) == (not values)
