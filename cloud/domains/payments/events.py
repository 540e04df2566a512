"""What payments hears of: new sites, people who join, move or leave, gateways that begin an epoch."""

from typing import Final

from cloud.core.context import Core
from cloud.core.database import Transaction
from cloud.core.events import Event
from cloud.domains.identity import service as identity
from cloud.domains.identity.events import PERSON_JOINED, PERSON_LEFT, PERSON_MOVED
from cloud.domains.payments import leavers, service, setup
from cloud.domains.payments.money import business_day, size_leases
from cloud.domains.places import service as places
from cloud.domains.places.events import SITE_OPENED
from cloud.ledger import service as ledger
from protocols.values.instants import local_day, to_ms

MEAL_FEN: Final = 3_000  # kept back for visits; docs/reliability.md has what was measured
EPOCH_BEGUN: Final = "devices.provisioned"


def subscribe(core: Core) -> None:
    """Register with the core."""

    async def site_opened(tx: Transaction, event: Event) -> None:
        await service.publish_site(tx, int(event.payload["site_id"]))

    async def joined(tx: Transaction, event: Event) -> None:
        homes = [(int(person), int(site)) for person, site in event.payload["homes"]]
        for person, site in homes:
            await ledger.set_home(tx, person, site, MEAL_FEN)
        persons = [person for person, _ in homes]
        await setup.give_standing_rights(core, tx, persons=persons)
        # money may have come in before this news did
        day = await business_day(core, tx, persons[0])
        await size_leases(core, tx, persons, day=day, now=core.clock.now())

    async def moved(tx: Transaction, event: Event) -> None:
        person, site = int(event.payload["person_id"]), int(event.payload["site_id"])
        await ledger.set_home(tx, person, site, MEAL_FEN)
        day = await business_day(core, tx, person)
        await size_leases(core, tx, [person], day=day, now=core.clock.now())
        await ledger.move_limits(tx, person, site, from_day=day)

    async def left(tx: Transaction, event: Event) -> None:
        await leavers.begin(core, tx, int(event.payload["person_id"]))

    async def epoch_begun(tx: Transaction, event: Event) -> None:
        site = int(event.payload["site_id"])
        persons = [person for person, home in await identity.active_people(tx) if home == site]
        day = local_day(to_ms(core.clock.now()), await places.zone_of(tx, site))
        await size_leases(core, tx, persons, day=day, now=core.clock.now())
        await setup.give_standing_rights(core, tx, persons=persons)

    core.events.subscribe(SITE_OPENED, site_opened)
    core.events.subscribe(PERSON_JOINED, joined)
    core.events.subscribe(PERSON_MOVED, moved)
    core.events.subscribe(PERSON_LEFT, left)
    core.events.subscribe(EPOCH_BEGUN, epoch_begun)
