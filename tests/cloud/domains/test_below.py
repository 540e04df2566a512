"""An organisation with another below it: what is done by time, and clearing, keep to the books of each (PLT-01)."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import httpx
import pytest

from cloud.core import rights
from cloud.core.clock import ManualClock
from cloud.domains.payments.events import MEAL_FEN
from cloud.domains.payments.jobs import lease_again, pay_leavers, release_in_doubt
from cloud.ledger import service as ledger
from protocols.journal.kinds import Kind
from protocols.payments.facts import LeaseReturned, Movement
from protocols.sync.messages import LeaseKind
from tests.support.cloud import make_organisation
from tests.support.domains import API, Cloud, made
from tests.support.small_campus import Campus, open_campus

HELD_FEN = 10_000 - MEAL_FEN


class Tree:
    """Two organisations, each with a campus and somebody signed in; the second is below the first."""

    def __init__(self, clouds: list[Cloud], clients: list[httpx.AsyncClient], campuses: list[Campus]) -> None:
        self.clouds, self.clients, self.campuses = clouds, clients, campuses

    async def total(self, which: int) -> int:
        """What the diner of one has, wherever it is."""
        cloud = self.clouds[which]
        async with cloud.core.database.transaction(cloud.organisation_id) as tx:
            return sum(each.total for each in await ledger.balances_of(tx, self.campuses[which].person))


@pytest.fixture
async def tree(cloud: Cloud) -> AsyncIterator[Tree]:
    below = await make_organisation(cloud.core.database, "子公司", parent_id=cloud.organisation_id)
    clouds = [cloud, Cloud(cloud.core, cloud.app, below)]
    async with AsyncExitStack() as stack:
        clients = [
            await stack.enter_async_context(each.signed_in(f"user{each.organisation_id}", rights.ALL))
            for each in clouds
        ]
        campuses = [await open_campus(each, client) for each, client in zip(clouds, clients, strict=True)]
        yield Tree(clouds, clients, campuses)


@pytest.mark.rule(14)
@pytest.mark.capability("PLT-01")
async def test_rule_14_leavers_of_an_organisation_below_are_paid_by_that_one(tree: Tree) -> None:
    campus, client = tree.campuses[1], tree.clients[1]
    await made(client, f"/identity/people/{campus.person}/leave", {})
    await tree.clouds[0].settle()
    [recall] = [m for m in (await campus.gateway.leases()).messages if m.kind == LeaseKind.RECALL]
    returned = LeaseReturned(recall.n, (Movement(campus.person, campus.cash, HELD_FEN),))
    await campus.gateway.send(campus.gateway.body(Kind.LEASE_RETURNED, returned))
    assert await pay_leavers(tree.clouds[0].core) == 1
    assert [await tree.total(0), await tree.total(1)] == [10_000, 0]
    person = (await client.get(f"{API}/identity/people/{campus.person}")).json()
    assert person["state"] == "left"


@pytest.mark.rule(6)
async def test_rule_6_money_of_a_lost_site_below_is_released_by_its_own_organisation(
    tree: Tree, clock: ManualClock
) -> None:
    campus, client = tree.campuses[1], tree.clients[1]
    who = campus.gateway.who
    assert who is not None
    lost = await made(client, f"/devices/gateways/{who.device}/declare-lost", {"bearer": 1})
    assert lost["in_doubt_fen"] == HELD_FEN
    clock.move(timedelta(days=60))
    assert await release_in_doubt(tree.clouds[0].core) == HELD_FEN
    assert [await tree.total(0), await tree.total(1)] == [10_000, 10_000]
    assert await lease_again(tree.clouds[0].core) == 0


@pytest.mark.rule(8)
async def test_rule_8_a_clearing_waits_for_the_sites_of_its_own_organisation_only(tree: Tree) -> None:
    campus, client = tree.campuses[0], tree.clients[0]
    cleared = await made(client, "/payments/clearings", {"bucket_ids": [campus.cash]}, key=True)
    assert [site["site_id"] for item in cleared["items"] for site in item["waiting"]] == [campus.site]
    told = [m.kind for m in (await tree.campuses[1].gateway.leases()).messages]
    assert LeaseKind.CUTOFF not in told


@pytest.mark.rule(25)
async def test_rule_25_leases_wait_for_the_sites_of_their_own_organisation_only(tree: Tree) -> None:
    async with tree.clouds[1].core.database.transaction(tree.clouds[1].organisation_id) as tx:
        await tx.execute("UPDATE lease_sites SET declared_generation = 0")
    for which, left in ((0, MEAL_FEN), (1, MEAL_FEN + 4_000)):
        campus, client = tree.campuses[which], tree.clients[which]
        body = {"person_id": campus.person, "bucket_id": campus.cash, "amount_fen": 4_000}
        assert (await made(client, "/payments/top-ups", body, key=True))["available_fen"] == left
