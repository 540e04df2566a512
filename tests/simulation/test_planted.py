from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation.planted.detectors import Detector
from tests.simulation.planted.mechanical import keyed, sites_of
from tests.simulation.planted.mutant import Change, DoesNotApply, Mutant, load_named
from tests.simulation.planted.overlay import Base
from tests.simulation.planted.plan import FILES, equal_keys, mechanical
from tests.simulation.planted.runner import prove_sound, run, summary
from tools.environment import ROOT

LEAST_NAMED = 26


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("mutant", load_named(), ids=lambda mutant: mutant.name)
def test_every_named_bug_still_fits_the_code(mutant: Mutant) -> None:
    for path, text in mutant.patched(read).items():
        assert text != read(path)


def test_there_are_enough_named_bugs() -> None:
    assert len(load_named()) >= LEAST_NAMED


def test_mechanical_bugs_are_even_over_the_files_and_a_seed_draws_the_same() -> None:
    drawn = mechanical(read, many=48, seed=3)
    many = Counter(mutant.changes[0].path for mutant in drawn)
    assert [mutant.name for mutant in drawn] == [mutant.name for mutant in mechanical(read, many=48, seed=3)]
    assert len(drawn) == len({mutant.name for mutant in drawn}) == 48
    assert max(many.values()) <= 48 // len(FILES) + 2
    assert set(many) == set(FILES)


def test_every_mechanical_bug_of_a_file_compiles() -> None:
    path = "edge/leases/book.py"
    for key, site in keyed(sites_of(path, read(path))).items():
        assert site.mutant(key).patched(read)[path] != read(path)


def test_what_is_known_as_equal_is_still_there_and_never_drawn() -> None:
    equal = equal_keys(read)
    drawn = {mutant.name for mutant in mechanical(read, many=2_000)}
    assert not equal & drawn


@pytest.mark.parametrize(("old", "new"), [("absent", "x"), ("twice", "x"), ("once", "once")])
def test_a_patch_that_does_not_fit_exactly_once_is_an_error(old: str, new: str) -> None:
    with pytest.raises(DoesNotApply):
        Change("a.py", old, new).apply("once twice twice")


def test_a_bug_is_found_lives_on_or_hangs_as_its_detector_says() -> None:
    account = "Account(1, 1, 1)"
    act = f"post({{{account}: 5}}, Transfer(5, {account}, Account(10, 1, 1), 6))"
    statement = (
        "import sys; from protocols.ledger.accounts import Account, Transfer\n"
        "from protocols.ledger.balances import post, Overdrawn\n"
        f"try: {act}\nexcept Overdrawn: pass\nelse: sys.exit(1)"
    )
    probe = Detector("probe", "timeit", ("-n", "1", "-r", "1", statement), timeout_s=20)
    file = "protocols/ledger/balances.py"
    mutants = [
        Mutant("floor", "", (Change(file, "if balance < amount:", "if balance < 0:"),)),
        Mutant("words", "", (Change(file, '"""Pure balance rules.', '"""Balance rules.'),)),
        Mutant("loop", "", (Change(file, "    kind, debit, credit, amount = transfer\n", "    while True: pass\n"),)),
    ]
    with Base() as base:
        prove_sound([probe], base)
        results = list(run(mutants, [probe._replace(timeout_s=3)], base))
    assert [(each.name, each.found, each.by) for each in results] == [
        ("floor", True, "probe"),
        ("words", False, ""),
        ("loop", True, "probe (hang)"),
    ]
    told = summary(results, {"words": "a comment"})
    assert (told["planted"], told["found"], told["mechanical"]) == (3, 2, 0)
    assert told["survivors"][0]["why"] == "a comment"


@pytest.mark.timeout(300)
def test_a_world_and_crash_points_find_bugs_that_are_named() -> None:
    wanted = ("marker not sent", "same cause posted twice", "acknowledged before sync")
    mutants = [mutant for mutant in load_named() if mutant.name in wanted]
    detectors = [
        Detector("world", "tests.simulation.planted.watch", ("12:poison,rotate",)),
        Detector("crash", "tests.simulation.crash_points", ("6",), places=("edge/store/connection.py",)),
    ]
    with Base() as base:
        prove_sound(detectors, base)
        found = {each.name for each in run(mutants, detectors, base) if each.found}
    assert found == set(wanted)


@pytest.fixture
def sites(tmp_path: Path) -> Callable[[str], set[tuple[str, str, str]]]:
    def of(text: str) -> set[tuple[str, str, str]]:
        return {(site.operator, site.old, site.new) for site in sites_of("a.py", text)}

    return of


def test_words_logs_and_annotations_are_no_sites(sites: Callable[[str], set[tuple[str, str, str]]]) -> None:
    text = '''
SIZE: int = 5

class Bad(ValueError):
    def __init__(self) -> None:
        super().__init__(1 + 1)

class Good:
    __slots__ = ("a", "b")

    def __repr__(self) -> str:
        return f"{1 + 1}"

    def act(self, error: Exception, _log: object) -> str:
        """Say 1 < 2."""
        _log.warning("%d", 1 + 1)
        raise ValueError(f"{1 + 1}") from error
        return str(error)[:200]
'''
    assert sites(text) == {("drop statement", 'raise ValueError(f"{1 + 1}") from error', "pass")}


def test_neighbours_are_swapped_only_where_one_needs_the_other(
    sites: Callable[[str], set[tuple[str, str, str]]],
) -> None:
    apart = "def f(a, b):\n    a.x = 1\n    b.y = 2\n"
    joined = "def f(a):\n    a.n = a.n + 1\n    a.put(a.n)\n"
    later = "def f(tx, held, before):\n    held[1] = 2\n    tx.on_rollback(partial(held.__setitem__, 1, before))\n"
    assert not [site for site in sites(apart) | sites(later) if site[0] == "swap statements"]
    assert [site for site in sites(joined) if site[0] == "swap statements"]
