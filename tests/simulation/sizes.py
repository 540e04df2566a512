"""How large pages, parts and entries are in a world: mostly small, so that thirty people fill many; drawn per seed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from random import Random
from types import ModuleType
from typing import Final
from unittest import mock

from cloud.sync import edge_api, ingest, replicas
from edge.journal import journal
from edge.leases import book
from edge.sync import declaration, rights
from edge.sync.settings import SyncSettings

_QUIET: Final = SyncSettings(
    poll_s=60.0, heartbeat_s=600.0, retry_first_s=5.0, retry_most_s=600.0, keep_days=1, digest_hours=24.0
)
_SMALL: Final[tuple[tuple[ModuleType, str, tuple[int, ...]], ...]] = (
    (declaration, "MOVES_PER_PART", (3, 5, 9)),
    (book, "MOVES_PER_ENTRY", (2, 4)),
    (rights, "MESSAGES_PER_UNIT", (2, 3, 7)),
    (edge_api, "LEASE_PAGE", (4, 9)),
    (replicas, "PAGE_ROWS", (5, 11, 2_000)),
    (ingest, "_FIRST", (2, 7, 350)),
    (journal, "_CHECKED_AT_START", (12, 40, 256)),
    (journal, "_PRUNE_STEP", (20, 2_000)),
)


@contextmanager
def small_parts(seed: int) -> Iterator[None]:
    """What a seed draws holds inside."""
    random = Random(f"{seed}:sizes")
    with ExitStack() as patches:
        for module, name, sizes in _SMALL:
            patches.enter_context(mock.patch.object(module, name, random.choice(sizes)))
        yield


def sync_of(seed: int) -> SyncSettings:
    """How gateways sync: some forget at each boot whatever is safe."""
    random = Random(f"{seed}:sync")
    return replace(_QUIET, batch_entries=random.choice((5, 12, 30, 1_000)), keep_days=random.choice((0, 0, 1)))
