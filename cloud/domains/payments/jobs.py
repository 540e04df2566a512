"""Work of payments that is done by time: leavers are paid as leases close, lost sites' money is released."""

from datetime import datetime
from typing import Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.domains.payments import leavers
from cloud.domains.payments.money import size_leases
from cloud.domains.places import service as places
from cloud.ledger import service as ledger
from protocols.values.instants import day_to_date, local_day, to_ms


async def organisations(core: Core) -> list[int]:
    """Every organisation of the installation."""
    async with core.database.system_transaction() as tx:
        return [row["id"] for row in await tx.fetch("SELECT id FROM core_organisations ORDER BY id")]


async def pay_leavers(core: Core) -> int:
    """Pay leavers what came back since; answers how many are closed now."""
    closed = 0
    for organisation in await organisations(core):
        async with core.database.transaction(organisation) as tx:
            closed += await leavers.pay_waiting(core, tx)
    return closed


async def release_in_doubt(core: Core) -> int:
    """Give back what has been in doubt long enough (rule 6); answers the amount."""
    released = 0
    for organisation in await organisations(core):
        async with core.database.transaction(organisation) as tx:
            released += await ledger.release_in_doubt(
                tx,
                after_days=core.settings.leases.in_doubt_days,
                now=core.clock.now(),
                business_day=await _today(core, tx),
            )
    return released


async def _today(core: Core, tx: Transaction) -> int:
    sites = await places.sites(tx)
    return local_day(to_ms(core.clock.now()), places.zone(sites[0].time_zone if sites else "UTC"))


# `Staying` and `reserve_fen` once more: who were found and granted nothing would keep the limit full, others out
_TOO_LITTLE_LEASED: Final = """
WITH homes AS (
    SELECT DISTINCT ON (site) site, epoch FROM lease_sites WHERE state = 'open' ORDER BY site, epoch DESC
)
SELECT h.person FROM lease_homes h JOIN homes s USING (site)
JOIN ledger_balances b ON b.owner_kind = 1 AND b.owner = h.person AND b.balance > 0
  AND (b.site = 0 OR (b.site = s.site AND b.epoch = s.epoch))
LEFT JOIN payments_withdrawals_wanted w
  ON b.site = 0 AND w.person_id = b.owner AND w.bucket_id = b.bucket AND w.until > $2
CROSS JOIN LATERAL (SELECT greatest(b.balance - coalesce(w.amount_fen, 0), 0) AS fen) f
WHERE h.organisation_id = app_organisation()
  AND NOT EXISTS (SELECT 1 FROM payments_leavers p WHERE p.person_id = h.person)
  AND NOT EXISTS (SELECT 1 FROM lease_cutoffs c WHERE c.bucket = b.bucket)
  AND NOT EXISTS (SELECT 1 FROM payments_buckets k WHERE k.id = b.bucket AND k.state = 'open' AND k.expires_on < $3)
GROUP BY h.person, h.meal_fen
HAVING sum(f.fen) FILTER (WHERE b.site = 0) > least(greatest(sum(f.fen) - h.meal_fen, 0), h.meal_fen)
ORDER BY h.person LIMIT $1
"""


async def too_little_leased(tx: Transaction, *, most: int, now: datetime, day: int) -> list[int]:
    """Up to so many people of this organisation whose home would be granted something."""
    return [row["person"] for row in await tx.fetch(_TOO_LITTLE_LEASED, most, now, day_to_date(day))]


async def lease_again(core: Core) -> int:
    """Lease to homes what lies with the cloud beyond the reserve: it shrinks as home spends, and a restore puts off."""
    found = 0
    for organisation in await organisations(core):
        async with core.database.transaction(organisation) as tx:
            now, day = core.clock.now(), await _today(core, tx)
            persons = await too_little_leased(tx, most=core.settings.leases.batch, now=now, day=day)
            if persons:
                await size_leases(core, tx, persons, day=day, now=now)
                found += len(persons)
    return found


def register(core: Core) -> None:
    """Run them by time."""

    async def leavers_each_minute(timestamp: int) -> None:  # noqa: ARG001 - by name
        await pay_leavers(core)

    async def leases_each_minute(timestamp: int) -> None:  # noqa: ARG001 - by name
        await lease_again(core)

    async def every_night(timestamp: int) -> None:  # noqa: ARG001 - by name
        await release_in_doubt(core)

    core.jobs.periodic("payments.pay_leavers", "* * * * *", leavers_each_minute)
    core.jobs.periodic("payments.lease_again", "* * * * *", leases_each_minute)
    core.jobs.periodic("payments.release_in_doubt", "10 17 * * *", every_night)
