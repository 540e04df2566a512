"""A copy of a gateway's disk goes on under a key of its own: it is heard, kept, and given nothing (rules 21, 22)."""

from copy import copy
from dataclasses import replace

import httpx
import msgspec
import pytest

from protocols.journal.kinds import Kind
from protocols.payments.facts import KeyRotated
from protocols.sync.messages import LeaseAsk
from tests.support.domains import Cloud, TestGateway, made
from tests.support.small_campus import DAY, Campus, open_campus


@pytest.fixture
async def campus(cloud: Cloud, client: httpx.AsyncClient) -> Campus:
    return await open_campus(cloud, client)


async def change_key(gateway: TestGateway) -> None:
    """As the command to change keys does: the entry goes up under the old key, everything after under the new one."""
    assert gateway.who is not None
    fresh = TestGateway(gateway.cloud)
    said = KeyRotated(gateway.who.key_id + 1, fresh.public, gateway.sign(fresh.public))
    assert (await gateway.send(gateway.body(Kind.KEY_ROTATED, said))).applied == 1
    gateway.private, gateway.who = fresh.private, msgspec.structs.replace(gateway.who, key_id=gateway.who.key_id + 1)


async def copied_disk(campus: Campus) -> Campus:
    """A copy that has sold something the first did not, and the first something else before it."""
    other = replace(campus, gateway=copy(campus.gateway))
    await campus.gateway.send(campus.sale(1_000))
    assert (await other.gateway.send(other.sale(500))).state == "frozen"
    return other


@pytest.mark.rule(21, 22)
@pytest.mark.parametrize("both", [False, True])
async def test_rule_21_a_copy_with_a_key_of_its_own_opens_sessions_and_its_sales_are_kept(
    campus: Campus, client: httpx.AsyncClient, both: bool
) -> None:
    other = await copied_disk(campus)
    if both:
        await change_key(campus.gateway)
    await change_key(other.gateway)
    for each in (other, campus):
        assert (await each.gateway.open_session()).is_success
        answer = await each.gateway.send(each.sale(700))
        assert (answer.applied, answer.state) == (1, "frozen")
        assert (await each.gateway.heartbeat()).state == "frozen"
    stranger = copy(other.gateway)
    stranger.private = TestGateway(other.gateway.cloud).private
    assert (await stranger.open_session()).status_code == 401


@pytest.mark.rule(21, 22)
async def test_rule_22_what_a_copy_brings_after_its_gateway_was_replaced_waits_for_a_person(
    cloud: Cloud, campus: Campus, client: httpx.AsyncClient
) -> None:
    other = await copied_disk(campus)
    await change_key(other.gateway)
    assert other.gateway.who is not None
    before = other.gateway.seq, other.gateway.head
    code = await made(client, f"/devices/gateways/{other.gateway.who.device}/replace", {})
    successor = TestGateway(cloud)
    await successor.join(code["provisioning_code"])
    await cloud.settle()
    for opened in (False, True):  # a session from before, and one by the copy's own key
        assert not opened or (await other.gateway.open_session()).is_success
        refused = await other.gateway.post("/lease-asks", LeaseAsk(campus.person, 100, (), DAY))
        assert refused.status_code == 409, "rights are another one's now"
        answer = await other.gateway.send(other.sale(700))
        assert (answer.applied, answer.state) == (0, "frozen")
        other.gateway.seq, other.gateway.head = before
