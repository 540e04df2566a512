"""`apply` over PostgreSQL and over memory: the same trace leaves the same books (rule 29).

Two hundred traces by default, about 10 s on an idle machine; TRACES=10000 runs them all, about 8 minutes.
"""

import os
from datetime import UTC, datetime
from typing import Any

import pytest

from cloud.core.clock import ManualClock
from cloud.core.database import Database
from cloud.ledger.store import Holder, Outgoing
from cloud.ledger.world_memory import Message
from cloud.sync import ingest, streams
from cloud.sync.devices import DeviceKey, DeviceRecord, DeviceState
from cloud.sync.ingest import Ingestor, Sender
from cloud.sync.registry import Registry
from cloud.sync.service import open_stream
from cloud.sync.store import Store
from cloud.sync.store_memory import MemoryStore
from cloud.sync.store_postgres import PostgresStore
from cloud.sync.world_memory import World
from protocols.ledger.accounts import Owner
from protocols.sync.messages import BatchAnswer, LeaseKind
from tests.cloud.sync.traces import BUCKETS, COUNTING, RECALL_N, SHRINK_N, Trace

TRACES = int(os.environ.get("TRACES", "200"))
START = 150
NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.rule(29)
@pytest.mark.timeout(1800)
async def test_rule_29_both_stores_agree_on_every_random_trace(
    database: Database, organisation_id: int, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "_check_signature", lambda *_: None)  # signatures have tests of their own
    ingestor = Ingestor(Registry(), clock)
    met: set[str] = set()
    for seed in range(TRACES):
        trace = Trace(seed, organisation_id * 100_000 + seed, organisation_id * 100_000 + seed)
        await _open_both(database, organisation_id, world := World(organisation_id), trace)
        for number, batch in enumerate(trace.batches()):
            async with database.transaction(organisation_id) as tx:
                real = await _take(ingestor, PostgresStore(tx), batch, organisation_id)
            met |= {real.state} | {name for name in ("applied", "duplicates", "quarantined") if getattr(real, name)}
            async with world.system_transaction() as there:
                assert real == await _take(ingestor, MemoryStore(there), batch, organisation_id), (seed, number)
            async with database.transaction(organisation_id) as tx:
                assert await _of_postgres(tx, trace) == _of_memory(world, trace), (seed, number)
    assert met == {"open", "frozen", "stopped", "applied", "duplicates", "quarantined"}, "the traces met too little"


async def _take(ingestor: Ingestor, store: Store, batch: Any, organisation: int) -> BatchAnswer:
    device = DeviceRecord(batch.device, organisation, batch.device, 1, DeviceState.ACTIVE, "g", "Asia/Shanghai", b"")
    key = DeviceKey(1, bytes(64), 1, 1, 0, revoked=False)
    return await ingestor.take(store, batch, Sender(device, key, 1))


async def _open_both(database: Database, organisation: int, world: World, trace: Trace) -> None:
    counter = (int(Owner.ISSUER), organisation)
    async with world.system_transaction() as there:
        await streams.open_stream(MemoryStore(there), device=trace.device, site=trace.site, epoch=1)
    holder = Holder(trace.site, 1)
    world.cutoffs[trace.bucket(2)] = (1, NOW)
    world.counting[trace.bucket(COUNTING)] = None
    asked = {SHRINK_N: (LeaseKind.SHRINK, 40, counter), RECALL_N: (LeaseKind.RECALL, 10, None)}
    for n, (kind, amount, to) in asked.items():
        world.messages[*holder, n] = Message(Outgoing(holder, kind, 1, 1, amount, counter=to))
    async with database.transaction(organisation) as tx:
        await open_stream(tx, device=trace.device, site=trace.site, epoch=1)
        await tx.execute("INSERT INTO lease_cutoffs VALUES ($1, $2, 1, now())", trace.bucket(2), organisation)
        await tx.execute("INSERT INTO ledger_counting_buckets VALUES ($1, $2)", trace.bucket(COUNTING), organisation)
        await tx.connection.executemany(
            "INSERT INTO lease_messages (site, epoch, n, organisation_id, kind, person, bucket, amount, from_day,"
            " counter_owner_kind, counter_owner) VALUES ($1, 1, $2, $3, $4, 1, 1, $5, 0, $6, $7)",
            [(trace.site, SHRINK_N, organisation, int(LeaseKind.SHRINK), 40, *counter),
             (trace.site, RECALL_N, organisation, int(LeaseKind.RECALL), 10, None, None)],
        )  # fmt: skip
        for person in trace.people:
            for number in BUCKETS:
                account = (int(Owner.PERSON), person, trace.bucket(number), trace.site, 1)
                world.balances[account] = START
                await tx.execute("INSERT INTO ledger_balances VALUES ($1, $2, $3, $4, $5, $6, $7)",
                                 *account, organisation, START)  # fmt: skip


async def _of_postgres(tx: Any, trace: Trace) -> dict[str, Any]:
    async def rows(query: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await tx.fetch(query, trace.device)]

    people = trace.people
    balances = await tx.fetch(
        "SELECT owner_kind, owner, bucket, site, epoch, balance FROM ledger_balances WHERE owner = ANY ($1)"
        " AND balance > 0", people,
    )  # fmt: skip
    return {
        "streams": await rows(
            "SELECT branch, forked_after, applied_through, head, state, state_reason, streak_reason, streak, sum_fen"
            " FROM streams WHERE device = $1 ORDER BY branch"
        ),
        "inbox": await rows("SELECT branch, seq, state, hash, body FROM inbox WHERE device = $1 ORDER BY 1, 2"),
        "lines": await rows(
            "SELECT kind, debit_owner_kind, debit_owner, debit_bucket, debit_site, debit_epoch, credit_owner_kind,"
            " credit_owner, credit_bucket, credit_site, credit_epoch, amount, person, business_day, posting_day,"
            " branch, seq, part FROM ledger_transfers WHERE device = $1 ORDER BY id"
        ),
        "balances": {tuple(row)[:5]: row[5] for row in balances},
        "waiting": await rows(
            "SELECT branch, seq, kind, subject, lane, extract(epoch FROM hour)::bigint * 1000, state = 'parked',"
            " reason_code, reason, behind_seq FROM quarantine WHERE device = $1 ORDER BY branch, seq"
        ),
        "counts": await rows(
            "SELECT lane, extract(epoch FROM hour)::bigint * 1000, applied, quarantined, parked FROM completeness"
            " WHERE device = $1 AND applied + quarantined + parked > 0 ORDER BY lane, hour"
        ),
        "duplicates": await rows("SELECT coalesce(sum(duplicates), 0)::bigint FROM completeness WHERE device = $1"),
        "refunds": await rows(
            "SELECT branch, seq, refund_no, amount FROM ledger_refunds WHERE device = $1 ORDER BY 1, 2, 3"
        ),
        "answers": await rows(
            "SELECT n, answered FROM lease_messages WHERE site = $1 AND answered IS NOT NULL ORDER BY 1"
        ),
        "passed": await rows("SELECT bucket FROM lease_cutoff_sites WHERE site = $1 AND passed_seq IS NOT NULL"),
    }  # fmt: skip


def _of_memory(world: World, trace: Trace) -> dict[str, Any]:
    waiting = [
        (*key[2:], item.kind, item.subject, item.lane, item.hour_ms, item.state == "parked", item.code, item.words,
         item.behind_seq)
        for key, item in world.quarantine.items()
    ]  # fmt: skip
    return {
        "streams": [
            (s.branch, s.forked_after, s.applied_through, s.head, s.state, s.state_reason, s.streak_reason, s.streak,
             s.sum_fen)
            for s in world.streams.values()
        ],
        "inbox": sorted((*key[2:], int(kept.state), kept.hash, kept.body) for key, kept in world.inbox.items()),
        "lines": [(*line[1:16], *line[19:22]) for line in world.lines.values()],
        "balances": {account: balance for account, balance in world.balances.items() if balance > 0},
        "waiting": sorted(waiting),
        "counts": sorted((*key[1:], a, q, p) for key, (a, _, q, p) in world.counts.items() if a + q + p),
        "duplicates": [(sum(each[1] for each in world.counts.values()),)],
        "refunds": sorted((*key[2:], amount) for key, amount in world.refunds.items()),
        "answers": sorted((key[2], each.answered) for key, each in world.messages.items() if each.answered is not None),
        "passed": [(key[2],) for key, seq in world.cutoff_sites.items() if seq is not None],
    }  # fmt: skip
