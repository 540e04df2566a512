"""`apply` over PostgreSQL and over memory: the same trace leaves the same books (rule 29).

Two hundred traces by default, about 10 s on an idle machine; TRACES=10000 runs them all, about 8 minutes.
"""

import os
from typing import Any

import pytest

from cloud.core.clock import ManualClock
from cloud.core.database import Database
from cloud.ledger.books import Question
from cloud.sync import ingest
from cloud.sync.devices import DeviceKey, DeviceRecord, DeviceState
from cloud.sync.ingest import Ingestor, Sender
from cloud.sync.registry import Registry
from cloud.sync.service import open_stream
from cloud.sync.state import EntryState, StreamState
from cloud.sync.store import Store
from cloud.sync.store_memory import MemoryStore, World
from cloud.sync.store_postgres import PostgresStore
from protocols.journal.chain import genesis
from protocols.ledger.accounts import Owner
from protocols.sync.messages import BatchAnswer, LeaseKind
from tests.cloud.sync.traces import BUCKETS, COUNTING, RECALL_N, SHRINK_N, Trace

TRACES = int(os.environ.get("TRACES", "200"))
START = 150


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
        await _open_both(database, organisation_id, memory := MemoryStore(World()), trace)
        for number, batch in enumerate(trace.batches()):
            async with database.transaction(organisation_id) as tx:
                real = await _take(ingestor, PostgresStore(tx), batch, organisation_id)
            met |= {real.state} | {name for name in ("applied", "duplicates", "quarantined") if getattr(real, name)}
            assert real == await _take(ingestor, memory, batch, organisation_id), (seed, number)
            async with database.transaction(organisation_id) as tx:
                assert await _of_postgres(tx, trace) == _of_memory(memory.world, trace), (seed, number)
    assert met == {"open", "frozen", "stopped", "applied", "duplicates", "quarantined"}, "the traces met too little"


async def _take(ingestor: Ingestor, store: Store, batch: Any, organisation: int) -> BatchAnswer:
    device = DeviceRecord(batch.device, organisation, batch.device, 1, DeviceState.ACTIVE, "g", "Asia/Shanghai", b"")
    key = DeviceKey(1, bytes(64), 1, 1, 0, revoked=False)
    return await ingestor.take(store, batch, Sender(device, key, 1))


async def _open_both(database: Database, organisation: int, memory: MemoryStore, trace: Trace) -> None:
    device, world = trace.device, memory.world
    head = genesis(device, 1)
    world.streams[device, 1, 0] = StreamState(device, 1, 0, trace.site, 0, 0, head, 0, "open", "", "", 0, 0)
    world.cut, world.counting = {trace.bucket(2)}, {trace.bucket(COUNTING)}
    counter = (int(Owner.ISSUER), organisation)
    world.questions[trace.site, 1] = {SHRINK_N: Question(40, counter), RECALL_N: Question(10, None)}
    async with database.transaction(organisation) as tx:
        await open_stream(tx, device=device, site=trace.site, epoch=1)
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
        (key[2], item.seq, item.kind, item.subject, item.lane, item.hour_ms, item.state is EntryState.PARKED, item.code,
         item.words, item.behind_seq)
        for key, items in world.waiting.items() for item in items.values()
    ]  # fmt: skip
    return {
        "streams": [
            (s.branch, s.forked_after, s.applied_through, s.head, s.state, s.state_reason, s.streak_reason, s.streak,
             s.sum_fen)
            for s in world.streams.values()
        ],
        "inbox": sorted((*key[2:], int(state), digest, body) for key, (state, digest, body) in world.inbox.items()),
        "lines": [
            (kind, *debit, *credit, amount, person, day, posting_day, branch, seq, part)
            for posting_day, branch, (kind, debit, credit, amount, person, day, seq, part) in world.lines
        ],
        "balances": {account: balance for account, balance in world.balances.items() if balance > 0},
        "waiting": sorted(waiting),
        "counts": sorted((lane, hour, *counted) for (_, lane, hour), counted in world.counts.items()),
        "duplicates": [(world.duplicates[trace.device],)],
        "refunds": sorted((*key[2:], amount) for key, amount in world.refunds.items()),
        "answers": sorted((n, amount) for (_, _, n), amount in world.answers.items()),
        "passed": [(bucket,) for buckets in world.passed.values() for bucket in buckets],
    }  # fmt: skip
