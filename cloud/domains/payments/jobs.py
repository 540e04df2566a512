"""Work of payments that is done by time: leavers are paid as leases close, lost sites' money is released."""

from datetime import datetime
from typing import Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.domains.payments import leavers, setup
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
        after = -1
        while after:
            async with core.database.transaction(organisation) as tx:
                done, after = await leavers.pay_waiting(core, tx, after=max(after, 0))
            closed += done
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


# Those whose limits another site counts and is not asked for, and limits that nobody counts, where a home can take them
_LIMITS_ELSEWHERE: Final = """
SELECT r.person, h.site FROM standing_rights AS r JOIN lease_homes AS h USING (person)
WHERE r.organisation_id = app_organisation() AND r.site NOT IN (0, h.site)
  AND (r.next_site <> h.site OR r.visit_day > 0)
  AND EXISTS (SELECT 1 FROM lease_sites AS s WHERE s.site = h.site AND s.state = 'open')
  AND NOT EXISTS (SELECT 1 FROM payments_leavers AS p WHERE p.person_id = r.person)
GROUP BY r.person, h.site ORDER BY r.person LIMIT $1
"""
_LIMITS_OF_NOBODY: Final = """
SELECT DISTINCT r.rule FROM standing_rights AS r JOIN lease_homes AS h USING (person)
WHERE r.organisation_id = app_organisation() AND r.site = 0
  AND EXISTS (SELECT 1 FROM lease_sites AS s WHERE s.site = h.site AND s.state = 'open')
  AND NOT EXISTS (SELECT 1 FROM payments_leavers AS p WHERE p.person_id = r.person)
"""


async def bring_limits_home(core: Core) -> int:
    """Ask for limits that another site than the home counts, and give what nobody counts; answers how many moved.

    News of a move does it at once; this is for what had to wait: a home without a gateway, a restore, a site lost.
    """
    moved = 0
    for organisation in await organisations(core):
        async with core.database.transaction(organisation) as tx:
            if not await ledger.leases_open(tx):
                continue
            day = await _today(core, tx)
            for row in await tx.fetch(_LIMITS_ELSEWHERE, core.settings.leases.batch):
                moved += await ledger.move_limits(tx, row["person"], row["site"], from_day=day)
            rules = [row["rule"] for row in await tx.fetch(_LIMITS_OF_NOBODY)]
            if rules:
                moved += await setup.give_standing_rights(core, tx, rules)
    return moved


def register(core: Core) -> None:
    """Run them by time."""

    async def leavers_each_minute(timestamp: int) -> None:  # noqa: ARG001 - by name
        await pay_leavers(core)

    async def leases_each_minute(timestamp: int) -> None:  # noqa: ARG001 - by name
        await lease_again(core)

    async def limits_each_minute(timestamp: int) -> None:  # noqa: ARG001 - by name
        await bring_limits_home(core)

    async def every_night(timestamp: int) -> None:  # noqa: ARG001 - by name
        await release_in_doubt(core)

    core.jobs.periodic("payments.pay_leavers", "* * * * *", leavers_each_minute)
    core.jobs.periodic("payments.lease_again", "* * * * *", leases_each_minute)
    core.jobs.periodic("payments.bring_limits_home", "* * * * *", limits_each_minute)
    core.jobs.periodic("payments.release_in_doubt", "10 17 * * *", every_night)
