"""Work of payments that is done by time: leavers are paid as leases close, lost sites' money is released."""

from cloud.core.context import Core
from cloud.domains.payments import leavers
from cloud.domains.places import service as places
from cloud.ledger import service as ledger
from protocols.values.instants import local_day, to_ms


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
            sites = await places.sites(tx)
            day = local_day(to_ms(core.clock.now()), places.zone(sites[0].time_zone if sites else "UTC"))
            released += await ledger.release_in_doubt(
                tx, after_days=core.settings.leases.in_doubt_days, now=core.clock.now(), business_day=day
            )
    return released


def register(core: Core) -> None:
    """Run both by time."""

    async def every_minute(timestamp: int) -> None:  # noqa: ARG001 - by name
        await pay_leavers(core)

    async def every_night(timestamp: int) -> None:  # noqa: ARG001 - by name
        await release_in_doubt(core)

    core.jobs.periodic("payments.pay_leavers", "* * * * *", every_minute)
    core.jobs.periodic("payments.release_in_doubt", "10 17 * * *", every_night)
