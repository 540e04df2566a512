"""Which mutants a run plants: all named ones, and the seeded sample of mechanical ones less those known as equal."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from tests.simulation.planted.mechanical import keyed, sample, sites_of
from tests.simulation.planted.mutant import DoesNotApply, Mutant

MECHANICAL_MANY: Final = 120
KNOWN: Final = Path(__file__).parent / "known.toml"
FILES: Final = (
    "edge/journal/journal.py",
    "edge/leases/book.py",
    "edge/leases/limits.py",
    "protocols/ledger/accounts.py",
    "protocols/ledger/balances.py",
    "protocols/journal/chain.py",
    "cloud/ledger/effects.py",
    "cloud/ledger/books.py",
    "cloud/ledger/leases.py",
    "cloud/ledger/clearing.py",
    "cloud/ledger/sizing.py",
    "cloud/ledger/corrections.py",
    "cloud/ledger/lost.py",
    "cloud/ledger/standing.py",
    "cloud/ledger/messages.py",
    "cloud/ledger/posting.py",
    "cloud/sync/declarations.py",
    "cloud/sync/apply.py",
    "cloud/sync/placing.py",
)

Read = Callable[[str], str]


def known(path: Path = KNOWN) -> dict[str, Any]:
    """`equal`: sites whose mutant does the same as the code, with the reason; `survivor`: not found, and why."""
    return tomllib.loads(path.read_text(encoding="utf-8"))


def equal_keys(read: Read, path: Path = KNOWN) -> frozenset[str]:
    """Keys of the sites known as equal. Raises DoesNotApply where one is no site any more: judge it anew."""
    keys = frozenset(each["site"] for each in known(path).get("equal", []))
    present = {key for name in FILES for key in keyed(sites_of(name, read(name)))}
    if keys - present:
        raise DoesNotApply("known as equal, but no site any more: " + "; ".join(sorted(keys - present)))
    return keys


def mechanical(read: Read, *, many: int = MECHANICAL_MANY, seed: int = 1) -> list[Mutant]:
    """The seeded sample, even over FILES."""
    return sample(FILES, read, many=many, seed=seed, without=equal_keys(read))


def reasons(path: Path = KNOWN) -> dict[str, str]:
    """Why survivors that were judged by hand live on."""
    return {each["name"]: each["why"] for each in known(path).get("survivor", [])}
