"""What a site says it holds after the cloud was restored: leases given after the backup come back into the books."""

from collections import defaultdict
from datetime import datetime
from typing import Final

from cloud.core.database import Transaction
from cloud.ledger.accounts import available, exceptions, leased
from cloud.ledger.lease_store import Holder, sites_missing
from cloud.ledger.posting import claim, load_balances, post_lines
from protocols.ledger.accounts import Account, Transfer, TransferKind
from protocols.payments import facts
from protocols.sync.codec import encode
from protocols.values.errors import RuleViolation

MOST_PARTS: Final = 10_000

_KEEP: Final = """
INSERT INTO declarations (site, epoch, generation, part, organisation_id, parts, body, received_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""


async def declare(
    tx: Transaction, holder: Holder, part: facts.Declaration, *, now: datetime, business_day: int
) -> tuple[bool, int]:
    """Keep one part; with the last one the site's leases are put right. Answers (complete, sites that still miss).

    A part of another generation than the cloud's is passed over.
    """
    generation = await tx.fetchval("SELECT generation FROM core_generation")
    if not 1 <= part.part <= part.parts <= MOST_PARTS:
        raise RuleViolation(f"part {part.part} of {part.parts} is no part")
    if part.generation == generation:
        await tx.execute(_KEEP, *holder, generation, part.part, tx.organisation_id, part.parts, encode(part), now)
    rows = await tx.fetch(
        "SELECT body, parts FROM declarations WHERE site = $1 AND epoch = $2 AND generation = $3 ORDER BY part",
        *holder, generation,
    )  # fmt: skip
    complete = bool(rows) and len(rows) >= rows[0]["parts"]
    if complete and await claim(tx, f"declared:{holder.site}:{holder.epoch}:{generation}"):
        parts = [facts.decode(facts.Declaration, bytes(row["body"])) for row in rows]
        await _put_right(tx, holder, parts, now=now, business_day=business_day)
        await tx.execute(
            "UPDATE lease_sites SET declared_generation = $3, newest_n = greatest(newest_n, $4),"
            " applied_n = greatest(applied_n, $4) WHERE site = $1 AND epoch = $2",
            *holder, generation, max(each.lease_n for each in parts),
        )  # fmt: skip
    return complete, await sites_missing(tx)


async def _put_right(
    tx: Transaction, holder: Holder, parts: list[facts.Declaration], *, now: datetime, business_day: int
) -> None:
    """Raise each lease to what the site holds: from what is available, the rest from the exceptions account.

    More in the books than at the site is left: a message may still be under way to it, or a fact from it.
    """
    site, epoch = holder
    declared: dict[tuple[int, int], int] = defaultdict(int)
    for move in (move for part in parts for move in part.moves):
        declared[move.person, move.bucket] += move.amount
    accounts: list[Account] = []
    for person, bucket in declared:
        accounts += [available(person, bucket), leased(person, bucket, site=site, epoch=epoch)]
    held = await load_balances(tx, accounts, locked=True)
    transfers = []
    for (person, bucket), amount in sorted(declared.items()):
        target = leased(person, bucket, site=site, epoch=epoch)
        lacking = amount - held.get(target, 0)
        found = min(lacking, held.get(available(person, bucket), 0))
        if found > 0:
            transfers.append(Transfer(TransferKind.LEASE_GRANT, available(person, bucket), target, found))
        if lacking > max(found, 0):
            short = exceptions(person, bucket, site=site, epoch=epoch)
            transfers.append(Transfer(TransferKind.LEASE_GRANT, short, target, lacking - max(found, 0)))
    generation = parts[0].generation
    cause = f"declared:{site}:{epoch}:{generation}"
    await post_lines(
        tx, transfers, cause=cause, business_day=business_day, now=now, memo="held at the site after a restore"
    )
