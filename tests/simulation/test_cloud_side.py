"""The cloud of a simulated world answers as the real one does, and leaves no trace of what fails."""

import secrets
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeVar

import msgspec
import pytest

from cloud.core.errors import Unavailable
from cloud.ledger.errors import LeasesWait
from protocols.crypto import sm2
from protocols.journal.kinds import Kind
from protocols.payments.facts import Declaration, LeaseReturned, Movement
from protocols.sync.codec import decode, encode, provision_bytes, session_bytes
from protocols.sync.messages import (
    BatchAnswer,
    Fault,
    Heartbeat,
    HeartbeatAnswer,
    LeaseKind,
    LeasePage,
    OpenSession,
    Provision,
    Provisioned,
    ReplicaPage,
    Session,
)
from tests.cloud.sync.rig import BUCKET, LUNCH_MS, Gateway, settlement
from tests.simulation.cloud_side import CloudMachine

T = TypeVar("T")
HOUR_MS = 3_600_000


@dataclass
class HandClock:
    """A world's clock, moved by hand."""

    at_ms: int = LUNCH_MS

    def now_ms(self) -> int:
        return self.at_ms

    def monotonic_ms(self) -> int:
        return self.at_ms


@dataclass
class Site:
    """A gateway that talks to the cloud as the edge does."""

    cloud: CloudMachine
    number: int
    gateway: Gateway = field(default_factory=lambda: Gateway(0))
    token: str = ""
    clock: HandClock = field(default_factory=HandClock)

    async def ask(self, path: str, message: object, answer: type[T]) -> T:
        status, said = await self.cloud.call("POST", path, token=self.token, body=encode(message))
        assert status == 200, decode(said, Fault)
        return decode(said, answer)

    async def boot(self, code: str) -> Provisioned:
        gateway = self.gateway
        signature = _sign(gateway, provision_bytes(code, gateway.public))
        said = await self.ask("provision", Provision(code, gateway.public, signature, "g", "1"), Provisioned)
        gateway.device, gateway.epoch, gateway.key_id = said.device, said.epoch, said.key_id
        await self.open_session()
        return said

    async def open_session(self) -> None:
        gateway, nonce = self.gateway, secrets.token_bytes(16)
        signature = _sign(gateway, session_bytes(gateway.device, gateway.key_id, 1, nonce))
        ask = OpenSession(1, gateway.device, gateway.key_id, 1, nonce, signature, "1")
        self.token = (await self.ask("session", ask, Session)).token

    async def send(self, first: int = 1) -> BatchAnswer:
        return await self.ask("batches", self.gateway.batch(first), BatchAnswer)

    async def messages(self, after: int = 0) -> list[tuple[int, int, int]]:
        status, said = await self.cloud.call("GET", "leases", token=self.token, query={"after": str(after)})
        assert status == 200
        return [(m.n, m.kind, m.amount) for m in decode(said, LeasePage).messages]


def _sign(gateway: Gateway, message: bytes) -> bytes:
    signature = None
    while signature is None:
        nonce = secrets.token_bytes(32)
        signature = sm2.sign(private=gateway.private, public=gateway.public, message=message, nonce=nonce)
    return signature


async def opened(number: int = 1, **how: Any) -> Site:
    """A cloud with a site whose gateway is at work, and person 1 with 100 yuan."""
    clock = HandClock()
    cloud = CloudMachine(clock, Random(5), **how)
    site = await another(cloud, number)
    site.clock = clock
    await cloud.open_bucket(BUCKET)
    await cloud.hire(1, number, 2_000)
    assert await cloud.top_up(1, BUCKET, 10_000, cause="first")
    return site


async def another(cloud: CloudMachine, number: int) -> Site:
    """A further site."""
    site = Site(cloud, number)
    await cloud.open_site(number)
    await site.boot(await cloud.code_for(number))
    return site


@pytest.mark.rule(29)
async def test_rule_29_a_day_at_a_site_runs_over_the_real_calls() -> None:
    site = await opened()
    cloud, gateway = site.cloud, site.gateway
    assert await site.messages() == [(1, LeaseKind.GRANT, 8_000)]
    gateway.pay(1, 1_500)
    answer = await site.send()
    assert (answer.applied, answer.state, answer.generation) == (1, "open", 1)
    assert not await cloud.top_up(1, BUCKET, 10_000, cause="first")
    assert cloud.balances() == {(1, 1, BUCKET, 0, 0): 2_000, (1, 1, BUCKET, 1, 1): 6_500}
    assert [(row[0], row[1]) for row in cloud.inbox(gateway.device, 1)] == [(1, 1)]
    assert cloud.lines()[-1].fact == (gateway.device, 1, 0, 1)
    assert cloud.streams()[gateway.device, 1, 0]["sum_fen"] == 1_500
    beat = Heartbeat(1, 1, 1, gateway.hash_at(1), 1_500, 0, 1, {}, 0, 5, (), 1)
    assert (await site.ask("heartbeat", beat, HeartbeatAnswer)).applied_through == 1
    await cloud.publish("dishes", [("1", 0, b"soup")])
    status, said = await cloud.call("GET", "replica/dishes", token=site.token, query={"generation": "1", "after": "-1"})
    assert (status, decode(said, ReplicaPage).rows[0].body) == (200, b"soup")


async def test_what_fails_leaves_no_trace_and_is_answered_as_over_http() -> None:
    failing: list[str] = []

    def trouble(where: str) -> None:
        if where in failing:
            raise Unavailable("a disk is away")

    site = await opened(trouble=trouble)
    cloud = site.cloud
    site.gateway.pay(1, 1_500)
    before = (cloud.balances(), cloud.lines(), cloud.streams(), cloud.back_up())
    for where in ("write", "finish", "commit"):
        failing[:] = [where]
        status, said = await cloud.call("POST", "batches", token=site.token, body=encode(site.gateway.batch()))
        assert (status, decode(said, Fault).retry) == (503, True)
        assert (cloud.balances(), cloud.lines(), cloud.streams(), cloud.back_up()) == before
    failing.clear()
    assert (await site.send()).applied == 1
    for path, token, expected in (("batches", "x", 401), ("nowhere", site.token, 404), ("heartbeat", site.token, 400)):
        status, said = await cloud.call("POST", path, token=token, body=encode(site.gateway.batch()))
        assert (status, decode(said, Fault).retry) == (expected, False)


@pytest.mark.rule(21)
async def test_rule_21_another_gateway_takes_over_under_the_next_epoch_and_the_old_lease_closes() -> None:
    old = await opened()
    cloud = old.cloud
    new = Site(cloud, 1)
    said = await new.boot(await cloud.code_for(1))
    assert (said.device, said.epoch, said.key_id) == (old.gateway.device, 2, 2)
    assert [row["state"] for row in cloud.lease_sites().values()] == ["closed", "open"]
    assert await cloud.declare_lost(1, epoch=1) == 8_000
    assert await cloud.size() == 1, "with the rest in doubt, what was kept for visits is the last meal, and home's"
    old.clock.at_ms += 80 * HOUR_MS
    assert await cloud.size() == 2, "released, and leased to the new gateway"
    await new.open_session()
    assert await new.messages() == [(1, LeaseKind.GRANT, 2_000), (2, LeaseKind.GRANT, 6_000)]


@pytest.mark.rule(25)
async def test_rule_25_a_cloud_put_back_to_its_backup_leases_nothing_before_sites_have_declared() -> None:
    site = await opened()
    cloud, gateway = site.cloud, site.gateway
    gateway.pay(1, 1_500)
    await site.send()
    image = cloud.back_up()
    await cloud.verified(image)
    assert cloud.streams()[gateway.device, 1, 0]["safe_through"] == 1
    gateway.pay(1, 500)
    await site.send(2)
    await cloud.top_up(1, BUCKET, 3_000, cause="after the backup")
    assert cloud.restore(image) == 2
    assert cloud.balances() == {(1, 1, BUCKET, 0, 0): 2_000, (1, 1, BUCKET, 1, 1): 6_500}
    await cloud.top_up(1, BUCKET, 7_000, cause="after the restore")
    with pytest.raises(LeasesWait):
        await cloud.size()
    gateway.write(Kind.DECLARATION, Declaration(2, 2, 1, 1, (Movement(1, BUCKET, 9_000),), ()))
    answer = await site.send(2)
    assert (answer.applied, answer.state, answer.generation) == (2, "open", 2)
    assert cloud.balances()[1, 1, BUCKET, 1, 1] == 9_000
    assert cloud.restore(image) == 3, "a number is never given twice"


@pytest.mark.rule(14)
async def test_rule_14_a_leaver_is_paid_now_and_the_rest_as_it_comes_back() -> None:
    site = await opened()
    cloud, gateway = site.cloud, site.gateway
    assert not await cloud.leave(1)
    assert (await site.messages())[-1] == (2, LeaseKind.RECALL, 8_000)
    assert await cloud.size() == 0, "nothing is asked twice"
    gateway.write(Kind.LEASE_RETURNED, LeaseReturned(2, (Movement(1, BUCKET, 8_000),)))
    await site.send()
    assert await cloud.size() == 1
    assert await cloud.leave(1)
    assert cloud.balances() == {}


@pytest.mark.rule(3)
async def test_rule_3_limits_go_to_homes_and_follow_a_person_who_moves() -> None:
    site = await opened()
    cloud = site.cloud
    other = await another(cloud, 2)
    assert await cloud.give_rights(7, 1, [1]) == 1
    assert cloud.rights() == {(1, 7): (1, 1)}
    await cloud.move_home(1, 2)
    assert (await site.messages())[-1][1] == LeaseKind.STANDING_RECALL
    assert await other.messages() == [(1, LeaseKind.GRANT, 2_000)], "what stayed with the cloud follows at once"


@pytest.mark.rule(27)
async def test_rule_27_two_people_mend_an_amount_and_what_waited_behind_follows() -> None:
    site = await opened()
    cloud, gateway = site.cloud, site.gateway
    wrong = settlement(1, 700)
    gateway.write(Kind.SETTLEMENT, _with(wrong, amount_fen=777, gross_fen=777))
    gateway.pay(1, 200)
    assert (await site.send()).quarantined == 2
    (item, _, seq, state, _), (_, _, _, behind, _) = cloud.waiting()
    assert (seq, state, behind) == (1, "waiting", "parked")
    assert not await cloud.mend(item, {"amount_fen": 700, "gross_fen": 700}, by=1)
    assert await cloud.approve(item, by=2)
    assert (await cloud.replay(item)).applied == (1, 2)
    assert cloud.waiting() == []
    assert sum(counted[0] for counted in cloud.counts().values()) == 2
    assert cloud.balances()[1, 1, BUCKET, 1, 1] == 8_000 - 900


def _with(payload: Any, **values: int) -> Any:
    return msgspec.structs.replace(payload, **values)
