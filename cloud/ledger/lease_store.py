"""Lease sites and the numbered messages to them, in SQL."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from cloud.core.database import Transaction
from cloud.ledger.errors import LeasesWait, UnknownLeaseSite
from protocols.ledger.accounts import Owner
from protocols.sync.messages import LeaseKind, LeaseMessage


class Holder(NamedTuple):
    """Who holds leases: a site under an epoch."""

    site: int
    epoch: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to be numbered. `counter` is where a shrink's money goes, `for_holder` whom a recall is for."""

    holder: Holder
    kind: LeaseKind
    person: int
    bucket: int
    amount: int
    from_day: int = 0
    counter: tuple[int, int] | None = None
    for_holder: Holder = Holder(0, 0)


_NUMBER: Final = """
UPDATE lease_sites AS s SET newest_n = s.newest_n + k.many
FROM unnest($1::bigint[], $2::integer[], $3::bigint[]) AS k (site, epoch, many)
WHERE s.site = k.site AND s.epoch = k.epoch
RETURNING s.site, s.epoch, s.newest_n - k.many
"""
_UNDECLARED: Final = f"""
SELECT count(*) FROM lease_sites AS s, core_generation AS g
WHERE s.declared_generation < g.generation AND s.state <> 'lost'
  AND (s.state <> 'closed' OR EXISTS (
      SELECT 1 FROM ledger_balances AS b
      WHERE b.owner_kind = {int(Owner.PERSON)} AND b.site = s.site AND b.epoch = s.epoch AND b.balance > 0))
"""  # noqa: S608 - made of constants
_COLUMNS: Final = (
    "site, epoch, n, organisation_id, kind, person, bucket, amount, from_day, counter_owner_kind, counter_owner, "
    "for_site, for_epoch"
)


async def sites_missing(tx: Transaction) -> int:
    """How many sites have neither declared what they hold since the last restore nor been declared lost."""
    return int(await tx.fetchval(_UNDECLARED))


async def need_declared(tx: Transaction) -> None:
    """Raise LeasesWait while a restored cloud does not know all holdings (rule 25)."""
    missing = await sites_missing(tx)
    if missing:
        raise LeasesWait(f"{missing} sites have not declared what they hold", sites_missing=missing)


async def lock_holders(tx: Transaction, holders: Iterable[Holder]) -> None:
    """Hold the rows of these lease sites to the transaction's end, in one order for all."""
    keys = sorted(set(holders))
    rows = await tx.fetch(
        "SELECT s.site FROM unnest($1::bigint[], $2::integer[]) AS k (site, epoch) JOIN lease_sites AS s"
        " USING (site, epoch) ORDER BY s.site, s.epoch FOR UPDATE OF s",
        [key.site for key in keys],
        [key.epoch for key in keys],
    )
    if len(rows) != len(keys):
        raise UnknownLeaseSite


async def open_holder(tx: Transaction, site: int) -> Holder | None:
    """The (site, epoch) that new leases of a site go to, or None where there is none."""
    epoch = await tx.fetchval(
        "SELECT epoch FROM lease_sites WHERE site = $1 AND state = 'open' ORDER BY epoch DESC LIMIT 1", site
    )
    return None if epoch is None else Holder(site, epoch)


async def send(tx: Transaction, messages: Sequence[Outgoing]) -> list[tuple[int, Outgoing]]:
    """Number and store messages, each (site, epoch) in the order given; answers them with their numbers."""
    if not messages:
        return []
    many: dict[Holder, int] = defaultdict(int)
    for message in messages:
        many[message.holder] += 1
    keys = sorted(many)
    await lock_holders(tx, keys)
    rows = await tx.fetch(_NUMBER, [k.site for k in keys], [k.epoch for k in keys], [many[k] for k in keys])
    last = {Holder(row[0], row[1]): int(row[2]) for row in rows}
    numbered = []
    for message in messages:
        last[message.holder] += 1
        numbered.append((last[message.holder], message))
    await tx.connection.executemany(
        f"INSERT INTO lease_messages ({_COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11,$12,$13)",  # noqa: S608
        [
            (*m.holder, n, tx.organisation_id, int(m.kind), m.person, m.bucket, m.amount, m.from_day)
            + (m.counter or (None, None))
            + tuple(m.for_holder)
            for n, m in numbered
        ],
    )
    return numbered


async def messages_after(
    tx: Transaction, holder: Holder, after_n: int, *, limit: int
) -> tuple[int, list[LeaseMessage]]:
    """The newest number, and the messages after one, in order without a gap."""
    newest = await tx.fetchval("SELECT newest_n FROM lease_sites WHERE site = $1 AND epoch = $2", *holder)
    if newest is None:
        raise UnknownLeaseSite
    rows = await tx.fetch(
        "SELECT n, kind, person, bucket, amount, from_day FROM lease_messages"
        " WHERE site = $1 AND epoch = $2 AND n > $3 AND n <= $4 ORDER BY n LIMIT $5",
        *holder, after_n, newest, limit,
    )  # fmt: skip
    return newest, [LeaseMessage(*row) for row in rows]


async def seen_through(tx: Transaction, holder: Holder, n: int) -> None:
    """The site says it has applied messages up to `n`; never steps back."""
    await tx.execute(
        "UPDATE lease_sites SET applied_n = $3 WHERE site = $1 AND epoch = $2 AND applied_n < $3 AND newest_n >= $3",
        *holder, n,
    )  # fmt: skip
