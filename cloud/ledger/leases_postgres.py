"""Homes, holders, messages, cut-offs and standing rights on PostgreSQL."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from cloud.core.database import Transaction
from cloud.ledger.store import Holder, LeaseSite, Outgoing, Right, SiteClearing
from protocols.ledger.accounts import Owner
from protocols.sync.messages import LeaseKind, LeaseMessage

_SET_HOME: Final = """
INSERT INTO lease_homes (person, organisation_id, site, meal_fen) VALUES ($1, $2, $3, $4)
ON CONFLICT (person) DO UPDATE SET site = excluded.site, meal_fen = excluded.meal_fen
"""
_HOMES: Final = """
SELECT h.person, h.meal_fen, h.site, s.epoch FROM lease_homes AS h
JOIN LATERAL (
    SELECT epoch FROM lease_sites WHERE site = h.site AND state = 'open' ORDER BY epoch DESC LIMIT 1
) AS s ON true
WHERE h.person = ANY ($1::bigint[])
"""
_NUMBER: Final = """
UPDATE lease_sites AS s SET newest_n = s.newest_n + k.many
FROM unnest($1::bigint[], $2::integer[], $3::bigint[]) AS k (site, epoch, many)
WHERE s.site = k.site AND s.epoch = k.epoch
RETURNING s.site, s.epoch, s.newest_n - k.many
"""
_UNDECLARED: Final = f"""
SELECT count(*) FROM lease_sites AS s, core_generation AS g
WHERE s.organisation_id = app_organisation() AND s.declared_generation < g.generation AND s.state <> 'lost'
  AND (s.state <> 'closed' OR EXISTS (
      SELECT 1 FROM ledger_balances AS b
      WHERE b.owner_kind = {int(Owner.PERSON)} AND b.site = s.site AND b.epoch = s.epoch AND b.balance > 0))
"""  # noqa: S608 - made of constants
_SITE: Final = (
    "SELECT site, epoch, device, newest_n, applied_n, state, declared_generation, bearer, lost_at, released_at"
    " FROM lease_sites WHERE site = $1 AND epoch = $2"
)
_MESSAGE: Final = (
    "site, epoch, n, organisation_id, kind, person, bucket, amount, from_day, counter_owner_kind, counter_owner, "
    "for_site, for_epoch"
)
_ANSWERED: Final = """
UPDATE lease_messages AS m SET answered = k.amount FROM unnest($3::bigint[], $4::bigint[]) AS k (n, amount)
WHERE m.site = $1 AND m.epoch = $2 AND m.n = k.n AND m.answered IS NULL
"""
_HOLDERS: Final = f"""
SELECT DISTINCT b.bucket, s.site, s.epoch FROM ledger_balances AS b JOIN lease_sites AS s USING (site, epoch)
WHERE b.bucket = ANY ($1::bigint[]) AND b.owner_kind = {int(Owner.PERSON)} AND s.state <> 'lost'
UNION SELECT k.bucket, s.site, s.epoch FROM unnest($1::bigint[]) AS k (bucket), lease_sites AS s
WHERE s.state = 'open' AND s.organisation_id = app_organisation()
"""  # noqa: S608 - made of constants
_PASSED: Final = """
INSERT INTO lease_cutoff_sites AS c (site, epoch, bucket, organisation_id, passed_seq)
SELECT $1, $2, k.bucket, $3, k.seq FROM unnest($4::bigint[], $5::bigint[]) AS k (bucket, seq)
ON CONFLICT (site, epoch, bucket) DO UPDATE SET passed_seq = coalesce(c.passed_seq, excluded.passed_seq)
"""
_WAITING: Final = f"""
SELECT c.bucket, c.site, c.epoch, c.passed_seq IS NOT NULL, coalesce((
    SELECT sum(b.balance) FROM ledger_balances AS b
    WHERE b.owner_kind = {int(Owner.PERSON)} AND b.bucket = c.bucket AND b.site = c.site AND b.epoch = c.epoch
), 0)::bigint
FROM lease_cutoff_sites AS c WHERE c.bucket = ANY ($1::bigint[]) ORDER BY c.bucket, c.site, c.epoch
"""  # noqa: S608 - made of constants
_RIGHT: Final = "person, rule, site, epoch, from_day, uses_a_day, next_site, next_epoch, visit_day"


class PostgresLeases:
    """The part of `PostgresLedger` that is not about amounts.

    Rows of organisations below are seen and never written: what is not named by its id is asked for by organisation.
    """

    def __init__(self, tx: Transaction) -> None:
        self.tx = tx

    @property
    def organisation(self) -> int:
        """The one that the transaction has entered."""
        assert self.tx.organisation_id is not None
        return self.tx.organisation_id

    async def set_home(self, person: int, site: int, meal_fen: int) -> None:
        """Make `site` a person's home."""
        await self.tx.execute(_SET_HOME, person, self.organisation, site, meal_fen)

    async def homes(self, persons: Sequence[int]) -> dict[int, tuple[int, Holder]]:
        """Person -> (meal_fen, the open holder of their home)."""
        rows = await self.tx.fetch(_HOMES, list(persons))
        return {row[0]: (row[1], Holder(row[2], row[3])) for row in rows}

    async def meal_of(self, person: int) -> int:
        """What a meal of a person is worth."""
        return int(await self.tx.fetchval("SELECT meal_fen FROM lease_homes WHERE person = $1", person) or 0)

    async def claim_visit(self, person: int, site: int, day: int) -> bool:
        """Whether a visit is announced for the first time."""
        return bool(
            await self.tx.fetchval(
                "INSERT INTO lease_visits (person, site, day, organisation_id) VALUES ($1, $2, $3, $4)"
                " ON CONFLICT DO NOTHING RETURNING true",
                person, site, day, self.organisation,
            )
        )  # fmt: skip

    async def generation(self) -> int:
        """The cloud's generation."""
        return int(await self.tx.fetchval("SELECT generation FROM core_generation"))

    async def sites_missing(self) -> int:
        """How many holders have not declared."""
        return int(await self.tx.fetchval(_UNDECLARED))

    async def lock_holders(self, holders: Sequence[Holder]) -> int:
        """Lock their rows."""
        rows = await self.tx.fetch(
            "SELECT s.site FROM unnest($1::bigint[], $2::integer[]) AS k (site, epoch) JOIN lease_sites AS s"
            " USING (site, epoch) ORDER BY s.site, s.epoch FOR UPDATE OF s",
            [key.site for key in holders],
            [key.epoch for key in holders],
        )
        return len(rows)

    async def open_holder(self, site: int) -> Holder | None:
        """The one that new leases of a site go to."""
        epoch = await self.tx.fetchval(
            "SELECT epoch FROM lease_sites WHERE site = $1 AND state = 'open' ORDER BY epoch DESC LIMIT 1", site
        )
        return None if epoch is None else Holder(site, epoch)

    async def lease_site(self, holder: Holder, *, locked: bool = False) -> LeaseSite | None:
        """A holder's row."""
        row = await self.tx.fetchrow(f"{_SITE} FOR UPDATE" if locked else _SITE, *holder)
        return None if row is None else LeaseSite(*row)

    async def lock_streams(self, holder: Holder) -> None:
        """Lock the holder's stream and its forks."""
        await self.tx.fetch(
            "SELECT 1 FROM streams WHERE site = $1 AND epoch = $2 ORDER BY device, branch FOR UPDATE", *holder
        )

    async def set_lost(self, holder: Holder, *, bearer: int, at: datetime) -> None:
        """The holder is lost."""
        await self.tx.execute(
            "UPDATE lease_sites SET state = 'lost', bearer = $3, lost_at = $4 WHERE site = $1 AND epoch = $2",
            *holder, bearer, at,
        )  # fmt: skip

    async def lost_before(self, instant: datetime) -> list[Holder]:
        """Lost holders whose money is still in doubt."""
        rows = await self.tx.fetch(
            "SELECT site, epoch FROM lease_sites WHERE state = 'lost' AND released_at IS NULL AND lost_at <= $1"
            " AND organisation_id = app_organisation() ORDER BY site, epoch FOR UPDATE SKIP LOCKED",
            instant,
        )
        return [Holder(*row) for row in rows]

    async def set_released(self, holder: Holder, at: datetime) -> None:
        """What a lost holder had was given back."""
        await self.tx.execute("UPDATE lease_sites SET released_at = $3 WHERE site = $1 AND epoch = $2", *holder, at)

    async def set_declared(self, holder: Holder, generation: int, newest_n: int) -> None:
        """The holdings are known for a generation."""
        await self.tx.execute(
            "UPDATE lease_sites SET declared_generation = $3, newest_n = greatest(newest_n, $4),"
            " applied_n = greatest(applied_n, $4) WHERE site = $1 AND epoch = $2",
            *holder, generation, newest_n,
        )  # fmt: skip

    async def seen_through(self, holder: Holder, n: int) -> None:
        """The holder has applied messages up to `n`."""
        await self.tx.execute(
            "UPDATE lease_sites SET applied_n = $3 WHERE site = $1 AND epoch = $2 AND applied_n < $3"
            " AND newest_n >= $3",
            *holder, n,
        )  # fmt: skip

    async def take_numbers(self, many: Mapping[Holder, int]) -> dict[Holder, int]:
        """Give numbers; answers the last one before them."""
        keys = list(many)
        rows = await self.tx.fetch(_NUMBER, [k.site for k in keys], [k.epoch for k in keys], [many[k] for k in keys])
        return {Holder(row[0], row[1]): int(row[2]) for row in rows}

    async def keep_messages(self, numbered: Sequence[tuple[int, Outgoing]]) -> None:
        """Keep messages under their numbers."""
        await self.tx.connection.executemany(
            f"INSERT INTO lease_messages ({_MESSAGE}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)",  # noqa: S608
            [
                (*m.holder, n, self.organisation, int(m.kind), m.person, m.bucket, m.amount, m.from_day)
                + (m.counter or (None, None))
                + tuple(m.for_holder)
                for n, m in numbered
            ],
        )

    async def messages(self, holder: Holder, *, after: int, through: int, limit: int) -> list[LeaseMessage]:
        """Messages in order."""
        rows = await self.tx.fetch(
            "SELECT n, kind, person, bucket, amount, from_day FROM lease_messages"
            " WHERE site = $1 AND epoch = $2 AND n > $3 AND n <= $4 ORDER BY n LIMIT $5",
            *holder, after, through, limit,
        )  # fmt: skip
        return [LeaseMessage(*row) for row in rows]

    async def asked_of_sites(self, person: int) -> dict[tuple[int, int, int], int]:
        """What sites are asked for and have not answered."""
        rows = await self.tx.fetch(
            "SELECT site, epoch, bucket, sum(amount)::bigint FROM lease_messages"
            " WHERE person = $1 AND kind = ANY ($2::smallint[]) AND answered IS NULL GROUP BY site, epoch, bucket",
            person, [int(LeaseKind.RECALL), int(LeaseKind.SHRINK)],
        )  # fmt: skip
        return {(row[0], row[1], row[2]): row[3] for row in rows}

    async def asked_for(self, person: int, holder: Holder) -> int:
        """What others were asked for on behalf of a holder."""
        query = (
            "SELECT coalesce(sum(amount), 0)::bigint FROM lease_messages WHERE person = $1 AND kind = $2"
            " AND for_site = $3 AND for_epoch = $4 AND answered IS NULL"
        )
        return int(await self.tx.fetchval(query, person, int(LeaseKind.RECALL), *holder))

    async def under_way(self, holder: Holder, person: int) -> int:
        """What was leased for a person and is not applied there yet."""
        return int(
            await self.tx.fetchval(
                "SELECT coalesce(sum(m.amount), 0) FROM lease_messages AS m JOIN lease_sites AS s USING (site, epoch)"
                " WHERE m.site = $1 AND m.epoch = $2 AND m.n > s.applied_n AND m.kind = $3 AND m.person = $4",
                *holder, int(LeaseKind.GRANT), person,
            )
        )  # fmt: skip

    async def answer(self, holder: Holder, answers: Sequence[tuple[int, int]]) -> None:
        """Keep the first answers of messages."""
        columns = [list(column) for column in zip(*answers, strict=True)]
        await self.tx.execute(_ANSWERED, *holder, *columns)

    async def forget_questions(self, holder: Holder) -> list[Outgoing]:
        """Questions to a lost holder are answered with nothing; the corrections among them."""
        rows = await self.tx.fetch(
            "UPDATE lease_messages SET answered = 0 WHERE site = $1 AND epoch = $2 AND answered IS NULL"
            " AND kind IN (2, 3, 6)"
            " RETURNING n, kind, person, bucket, amount, counter_owner_kind, counter_owner",
            *holder,
        )
        return [
            Outgoing(holder, LeaseKind.SHRINK, person, bucket, amount, counter=(kind, owner))
            for _, _, person, bucket, amount, kind, owner in sorted(tuple(row) for row in rows if row[5] is not None)
        ]

    async def begin_cutoffs(self, buckets: Sequence[int], *, business_day: int, now: datetime) -> None:
        """These buckets are being cleared."""
        await self.tx.execute(
            "INSERT INTO lease_cutoffs (bucket, organisation_id, business_day, started_at)"
            " SELECT unnest($1::bigint[]), $2, $3, $4",
            list(buckets), self.organisation, business_day, now,
        )  # fmt: skip

    async def holders_of(self, buckets: Sequence[int]) -> list[tuple[int, Holder]]:
        """Who must pass the cut-off."""
        return [(row[0], Holder(row[1], row[2])) for row in await self.tx.fetch(_HOLDERS, list(buckets))]

    async def expect_cutoffs(self, expected: Sequence[tuple[int, Holder]]) -> None:
        """These have to pass the marker, also who passed one that a restored cloud has forgotten."""
        await self.tx.connection.executemany(
            "INSERT INTO lease_cutoff_sites (bucket, site, epoch, organisation_id) VALUES ($1, $2, $3, $4)"
            " ON CONFLICT (site, epoch, bucket) DO UPDATE SET passed_seq = NULL",
            [(bucket, *holder, self.organisation) for bucket, holder in expected],
        )

    async def pass_cutoffs(self, holder: Holder, passed: Mapping[int, int]) -> None:
        """Keep the first seq that passed each marker."""
        await self.tx.execute(_PASSED, *holder, self.organisation, list(passed), list(passed.values()))

    async def cutoffs_to_pass(self, holder: Holder) -> list[int]:
        """Buckets whose marker a holder has not passed."""
        query = "SELECT bucket FROM lease_cutoff_sites WHERE site = $1 AND epoch = $2 AND passed_seq IS NULL ORDER BY 1"
        return [row[0] for row in await self.tx.fetch(query, *holder)]

    async def being_cleared(self, buckets: Iterable[int]) -> frozenset[int]:
        """Those that are being cleared."""
        rows = await self.tx.fetch("SELECT bucket FROM lease_cutoffs WHERE bucket = ANY ($1::bigint[])", list(buckets))
        return frozenset(row[0] for row in rows)

    async def clearings(self, buckets: Sequence[int]) -> list[SiteClearing]:
        """How each site stands."""
        return [SiteClearing(*row) for row in await self.tx.fetch(_WAITING, list(buckets))]

    async def without_right(self, persons: Sequence[int], rule: int) -> list[tuple[int, int, int]]:
        """Those whose limit nobody counts, with their homes and from when on it is free."""
        rows = await self.tx.fetch(
            "SELECT h.person, h.site, coalesce(r.from_day, 0) FROM lease_homes AS h LEFT JOIN standing_rights AS r"
            " ON r.person = h.person AND r.rule = $2"
            " WHERE h.person = ANY ($1::bigint[]) AND coalesce(r.site, 0) = 0 ORDER BY h.person",
            list(persons), rule,
        )  # fmt: skip
        return [(row[0], row[1], row[2]) for row in rows]

    async def rights(self, person: int, rules: Iterable[int] | None) -> list[Right]:
        """Rights of a person, locked."""
        rows = await self.tx.fetch(
            f"SELECT {_RIGHT} FROM standing_rights"  # noqa: S608 - made of constants
            " WHERE person = $1 AND ($2::bigint[] IS NULL OR rule = ANY ($2)) ORDER BY rule FOR UPDATE",
            person, None if rules is None else list(rules),
        )  # fmt: skip
        return [_right(row) for row in rows]

    async def rights_of(self, holder: Holder) -> list[Right]:
        """Rights that a holder counts, locked."""
        rows = await self.tx.fetch(
            f"SELECT {_RIGHT} FROM standing_rights"  # noqa: S608 - made of constants
            " WHERE site = $1 AND epoch = $2 ORDER BY person, rule FOR UPDATE",
            *holder,
        )
        return [_right(row) for row in rows]

    async def keep_rights(self, rights: Sequence[Right]) -> None:
        """Make or change rights."""
        await self.tx.connection.executemany(
            f"INSERT INTO standing_rights ({_RIGHT}, organisation_id)"  # noqa: S608 - made of constants
            " VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10)"
            " ON CONFLICT (person, rule) DO UPDATE SET site = excluded.site, epoch = excluded.epoch,"
            " from_day = excluded.from_day, uses_a_day = excluded.uses_a_day, next_site = excluded.next_site,"
            " next_epoch = excluded.next_epoch, visit_day = excluded.visit_day",
            [
                (r.person, r.rule, *r.holder, r.from_day, r.uses_a_day, *r.next_holder, r.visit_day, self.organisation)
                for r in rights
            ],
        )

    async def free_rights(self, holder: Holder) -> None:
        """Nobody counts what this holder counted."""
        await self.tx.execute(
            "UPDATE standing_rights SET site = 0, epoch = 0, next_site = 0, next_epoch = 0, visit_day = 0"
            " WHERE site = $1 AND epoch = $2",
            *holder,
        )


def _right(row: Any) -> Right:
    return Right(row[0], row[1], Holder(row[2], row[3]), row[4], row[5], Holder(row[6], row[7]), row[8])
