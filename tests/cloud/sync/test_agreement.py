"""Ingest, ledger and desk over PostgreSQL and over memory: the same trace leaves the same books (rule 29).

Two hundred traces by default; TRACES=10000 runs them all, FIRST_TRACE=n begins there. Traces that once failed are run
first, always.
"""

import contextlib
import os
from collections import Counter
from typing import Any

import asyncpg
import pytest

from cloud.core.clock import ManualClock
from cloud.core.database import Database, Transaction
from cloud.core.postgres import PostgresAddress
from cloud.sync import ingest
from cloud.sync.desk import Replayed
from cloud.sync.world_memory import World
from protocols.sync.messages import BatchAnswer
from tests.cloud.sync.sides import on_memory, on_postgres, state_of_memory, state_of_postgres
from tests.cloud.sync.town import Town

TRACES = int(os.environ.get("TRACES", "200"))
FIRST = int(os.environ.get("FIRST_TRACE", "0"))
FAILED_ONCE: tuple[int, ...] = ()  # what 138 showed of the first thousand is test_clearing's lost site
ACTS = 30


class TakenBack(Exception):
    """Ends a trace's transaction: the next trace begins with empty tables."""


@pytest.mark.rule(29)
@pytest.mark.timeout(7200)
async def test_rule_29_both_stores_agree_after_every_act_of_every_random_trace(
    database: Database, organisation_id: int, clock: ManualClock, module_address: PostgresAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(ingest, "_check_signature", lambda *_: None)  # signatures have tests of their own
    owner = await asyncpg.connect(module_address.owner_dsn)
    met: Counter[str] = Counter()
    try:
        for seed in [*FAILED_ONCE, *range(FIRST, FIRST + TRACES)]:
            with contextlib.suppress(TakenBack):
                async with database.transaction(organisation_id) as tx:
                    await _live(seed, tx, clock, owner, met)
                    raise TakenBack
    finally:
        await owner.close()
    wanted = {
        "open",
        "frozen",
        "stopped",
        "applied",
        "duplicates",
        "quarantined",
        "replayed",
        "LeasesWait",
        "NotEnough",
    }
    assert wanted <= met.keys() or TRACES < 100, f"the traces met too little: {sorted(met)}"


async def _live(seed: int, tx: Transaction, clock: ManualClock, owner: Any, met: Counter[str]) -> None:
    world = World(tx.organisation_id or 0)
    with world.undo.transaction():
        world.meta["generation"] = await owner.fetchval("SELECT generation FROM core_generation")
    town = Town(seed, world, clock)
    acts = town.opening()
    for number in range(len(acts) + ACTS):
        act = acts[number] if number < len(acts) else town.draw()
        if number > len(acts) and town.chance.random() < 0.01:
            await _restore(town, world, owner)
        told = await on_postgres(tx, act)
        where = (seed, number, act.__qualname__)
        assert told == await on_memory(world, act), where
        _note(told, met)
        real, other = await state_of_postgres(tx), state_of_memory(world)
        for table, rows in real.items():
            assert rows == other[table], (*where, table, _odd(rows, other[table]))


async def _restore(town: Town, world: World, owner: Any) -> None:
    """The cloud was put back to a backup: all that is left of it here is the generation."""
    await owner.execute("UPDATE core_generation SET generation = generation + 1")
    with world.undo.transaction():
        world.meta["generation"] += 1
    town.restored = True


def _odd(real: list[Any], other: list[Any]) -> tuple[list[Any], list[Any]]:
    """Rows of one side alone."""
    return [row for row in real if row not in other][:3], [row for row in other if row not in real][:3]


def _note(told: Any, met: Counter[str]) -> None:
    if isinstance(told, BatchAnswer):
        met[told.state] += 1
        met.update(name for name in ("applied", "duplicates", "quarantined") if getattr(told, name))
    elif isinstance(told, Replayed):
        met["replayed"] += bool(told.applied)
    elif isinstance(told, str):
        met[told] += 1
