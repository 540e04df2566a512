import pytest

from tests.support import parts


@pytest.fixture(autouse=True)
def _two_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "FINDERS", {"sh": lambda: parts.program("sh"), "nothing": lambda: None})


def test_a_part_that_is_there_lets_the_test_run() -> None:
    parts.check("sh", strict=True)
    assert parts.require("sh").name == "sh"


def test_a_missing_part_skips_the_test_by_name() -> None:
    with pytest.raises(pytest.skip.Exception, match="needs nothing, which this machine does not have"):
        parts.check("sh", "nothing", strict=False)


def test_a_missing_part_fails_the_test_in_ci() -> None:
    with pytest.raises(pytest.fail.Exception, match="needs nothing"):
        parts.check("nothing", strict=True)


def test_an_unknown_part_is_a_mistake_of_the_test() -> None:
    with pytest.raises(KeyError):
        parts.check("unheard-of", strict=False)


def test_what_is_missing_cannot_be_used() -> None:
    with pytest.raises(RuntimeError, match=r"needs\('nothing'\)"):
        parts.require("nothing")
