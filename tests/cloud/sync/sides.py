"""The two sides of the agreement: an act over PostgreSQL and over memory, and all that they hold after it."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from cloud.core.database import Transaction
from cloud.sync.desk import QuarantineDesk
from cloud.sync.registry import Registry
from cloud.sync.store import EntryKey, Store
from cloud.sync.store_memory import MemoryStore
from cloud.sync.store_postgres import PostgresStore
from cloud.sync.world_memory import World
from protocols.sync.codec import encode

Act = Callable[["Side"], Awaitable[Any]]
State = dict[str, Any]


@dataclass
class Side:
    """A store with its transaction and the desk over it."""

    tx: Any
    store: Store
    desk: QuarantineDesk
    item: Callable[[EntryKey], Awaitable[int]]  # the number under which an entry is set aside


async def on_postgres(tx: Transaction, act: Act) -> Any:
    """What an act answers, or the name of its error, which leaves nothing."""

    async def item(key: EntryKey) -> int:
        return int(
            await tx.fetchval(
                "SELECT id FROM quarantine WHERE (device, epoch, branch, seq) = ($1, $2, $3, $4)", *key
            )
        )  # fmt: skip

    side = Side(tx, PostgresStore(tx), _desk(PostgresStore), item)
    try:
        async with tx.connection.transaction():
            return await act(side)
    except Exception as error:  # noqa: BLE001 - the other side must fail alike
        return _named(error)


async def on_memory(world: World, act: Act) -> Any:
    """The same over memory."""

    async def item(key: EntryKey) -> int:
        return world.quarantine[key].id

    try:
        async with world.system_transaction() as tx:
            return await act(Side(tx, MemoryStore(tx), _desk(MemoryStore), item))
    except Exception as error:  # noqa: BLE001 - the other side must fail alike
        return _named(error)


def _desk(store_of: Callable[[Any], Store]) -> QuarantineDesk:
    return QuarantineDesk(Registry(), lambda record: record[:64], store_of=store_of)


def _named(error: Exception) -> str:
    name = type(error).__name__
    return "refused" if name in ("CheckFailed", "CheckViolationError", "UniqueViolationError") else name


# What is compared of each table, as SQL; `ms(x)` is an instant in milliseconds, `hex(x)` bytes as text.
_TABLES = {
    "streams": "device, epoch, branch, site, forked_after, applied_through, hex(head), safe_through, state,"
    " regexp_replace(state_reason, '^refused.*', 'refused'), streak_reason, streak, sum_fen, parent",
    "checkpoints": "device, epoch, branch, checkpoint_seq, hex(checkpoint), ms(last_batch_at)",
    "beats": "device, epoch, reported_seq, reported_sum_fen, waiting, ms(heartbeat_at)",
    "inbox": "device, epoch, branch, seq, kind, state, ms(received_at), hex(hash), hex(body)",
    "quarantine": "device, epoch, branch, seq, kind, subject, lane, ms(hour), state, reason_code,"
    " CASE WHEN reason_code = 'refused' THEN '' ELSE reason END, behind_seq, ms(received_at), ms(resolved_at)",
    "corrections": "device, epoch, branch, seq, hex(payload), people_needed, made_by, withdrawn,"
    " (SELECT count(*) FROM correction_approvals AS a WHERE a.correction_id = id)",
    "completeness": "device, lane, ms(hour), applied, duplicates, quarantined, parked",
    "ledger_refunds": "device, epoch, branch, seq, refund_no, amount",
    "ledger_balances": "owner_kind, owner, bucket, site, epoch, balance",
    "ledger_transfers": "kind, debit_owner_kind, debit_owner, debit_bucket, debit_site, debit_epoch,"
    " credit_owner_kind, credit_owner, credit_bucket, credit_site, credit_epoch, amount, person, business_day,"
    " posting_day, ms(posted_at), device, epoch, branch, seq, part, cause, memo",
    "ledger_causes": "cause",
    "ledger_counting_buckets": "bucket",
    "lease_homes": "person, site, meal_fen",
    "lease_visits": "person, site, day",
    "lease_sites": "site, epoch, device, newest_n, applied_n, state, declared_generation, bearer, ms(lost_at),"
    " ms(released_at)",
    "lease_messages": "site, epoch, n, kind, person, bucket, amount, from_day, counter_owner_kind, counter_owner,"
    " for_site, for_epoch, answered",
    "lease_cutoffs": "bucket, business_day, ms(started_at)",
    "lease_cutoff_sites": "site, epoch, bucket, passed_seq",
    "standing_rights": "person, rule, site, epoch, from_day, uses_a_day, next_site, next_epoch, visit_day",
    "declarations": "site, epoch, generation, part, hex(body)",
    "replica_heads": "site, collection, version, hex(digest)",
    "replica_rows": "site, collection, key, effective_from_ms, version, hex(body)",
}
_SOURCES = {"beats": "streams WHERE heartbeat_at IS NOT NULL", "checkpoints": "streams WHERE last_batch_at IS NOT NULL"}


def _query() -> str:
    parts = []
    for name, columns in _TABLES.items():
        listed = re.sub(r"ms\((\w+)\)", r"(extract(epoch FROM \1) * 1000)::bigint", columns)
        listed = re.sub(r"hex\((\w+)\)", r"encode(\1, 'hex')", listed)
        order = " ORDER BY id" if name == "ledger_transfers" else ""
        rows = f"SELECT json_agg(json_build_array({listed}){order}) FROM {_SOURCES.get(name, name)}"
        parts.append(f"'{name}', ({rows})")
    return f"SELECT json_build_object({', '.join(parts)})"


_QUERY = _query()


async def state_of_postgres(tx: Transaction) -> State:
    """Everything the organisation holds, as plain lists."""
    return _ordered(msgspec.json.decode(await tx.fetchval(_QUERY)))


def state_of_memory(world: World) -> State:
    """The same of a world."""
    streams = world.streams.items()
    aside = world.quarantine.items()
    return _ordered({
        "streams": [
            [*key, s.site, s.forked_after, s.applied_through, s.head.hex(), s.safe_through, s.state,
             re.sub("^refused.*", "refused", s.state_reason), s.streak_reason, s.streak, s.sum_fen,
             s.parent]
            for key, s in streams
        ],
        "checkpoints": [[*key, seq, raw.hex(), _ms(at)] for key, (seq, raw, at) in world.checkpoints.items()],
        "beats": [
            [*key[:2], beat.head_seq, beat.sum_fen, beat.waiting, _ms(at)] for key, (beat, at) in world.beats.items()
        ],
        "inbox": [
            [*key, kept.kind, int(kept.state), _ms(kept.received_at), kept.hash.hex(), kept.body.hex()]
            for key, kept in world.inbox.items()
        ],
        "quarantine": [
            [*key, row.kind, row.subject, row.lane, row.hour_ms, row.state, row.code,
             "" if row.code == "refused" else row.words, row.behind_seq, _ms(row.received_at), _ms(row.resolved_at)]
            for key, row in aside
        ],
        "corrections": [
            [*m.record.key, m.record.payload.hex(), m.record.people_needed, m.record.made_by, m.withdrawn,
             len(m.approvals)]
            for m in world.mends.values()
        ],
        "completeness": [[*key, *counted] for key, counted in world.counts.items()],
        "ledger_refunds": [[*key, amount] for key, amount in world.refunds.items()],
        **_money(world),
        **_leases(world),
        "declarations": [[*key, encode(part).hex()] for key, part in world.declared.items()],
        "replica_heads": [
            [*key, version, None if digest is None else digest.hex()] for key, (version, digest) in world.heads.items()
        ],
        "replica_rows": [
            [*key, version, None if body is None else body.hex()] for key, (version, body) in world.replica.items()
        ],
    })  # fmt: skip


def _money(world: World) -> State:
    return {
        "ledger_balances": [[*key, amount] for key, amount in world.balances.items()],
        "ledger_transfers": [[*line[1:16], _ms(line[16]), *line[17:]] for line in world.lines.values()],
        "ledger_causes": [[cause] for cause in world.causes],
        "ledger_counting_buckets": [[bucket] for bucket in world.counting],
        "lease_homes": [[person, *home] for person, home in world.homes.items()],
    }


def _leases(world: World) -> State:
    return {
        "lease_visits": [list(key) for key in world.visits],
        "lease_sites": [
            [s.site, s.epoch, s.device, s.newest_n, s.applied_n, s.state, s.declared_generation, s.bearer,
             _ms(s.lost_at), _ms(s.released_at)]
            for s in world.lease_sites.values()
        ],
        "lease_messages": [
            [*key, int(m.sent.kind), m.sent.person, m.sent.bucket, m.sent.amount, m.sent.from_day,
             *(m.sent.counter or (None, None)), *m.sent.for_holder, m.answered]
            for key, m in world.messages.items()
        ],
        "lease_cutoffs": [[bucket, day, _ms(at)] for bucket, (day, at) in world.cutoffs.items()],
        "lease_cutoff_sites": [[*key, seq] for key, seq in world.cutoff_sites.items()],
        "standing_rights": [
            [r.person, r.rule, *r.holder, r.from_day, r.uses_a_day, *r.next_holder, r.visit_day]
            for r in world.rights.values()
        ],
    }  # fmt: skip


def _ordered(state: State) -> State:
    """Rows in one order; lines in the order they were posted."""
    return {
        name: rows or []
        if name == "ledger_transfers"
        else sorted(rows or [], key=lambda row: [str(value) for value in row])
        for name, rows in state.items()
    }


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp() * 1000)
