"""Rights and money whose next holder is gone, or not known yet, stay with somebody who can use them.

Over the store in memory, which agrees with PostgreSQL on all of it (test_agreement).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from cloud.ledger import clearing, corrections, lost, sizing, standing
from cloud.ledger.accounts import available, issuer, leased
from cloud.ledger.books import Books, Sale
from cloud.ledger.effects import effects_of
from cloud.ledger.errors import LeasesWait
from cloud.ledger.leases import Part
from cloud.ledger.messages import messages_after
from cloud.ledger.posting import balances_of, post
from cloud.ledger.store import NOBODY, Holder
from cloud.ledger.store_memory import MemoryLedger
from cloud.sync import declarations, streams
from cloud.sync.store_memory import MemoryStore
from cloud.sync.world_memory import MemoryTransaction, World
from protocols.journal.kinds import Kind
from protocols.ledger.accounts import Owner, Transfer, TransferKind
from protocols.payments.facts import Declaration, LeaseReturned, Movement, Refund, Share
from protocols.sync.messages import LeaseKind, LeaseMessage

PERSON, BUCKET, RULE, DAY = 1, 5, 7, 20261120
HOME, AWAY = Holder(1, 1), Holder(2, 1)
NOW = datetime(2026, 11, 20, 4, tzinfo=UTC)


@dataclass
class Town:
    """Two sites, and a person with 100 yuan at the first."""

    world: World
    store: MemoryStore
    ledger: MemoryLedger

    async def told(self, holder: Holder) -> list[int]:
        """Kinds of all messages to a holder."""
        return [message.kind for message in (await messages_after(self.ledger, holder, 0, limit=99))[1]]

    async def lose(self, holder: Holder) -> int:
        """A holder is lost."""
        return await lost.declare_lost(self.ledger, holder, bearer=1, now=NOW, business_day=DAY)

    async def release(self) -> int:
        """Its money is given back at once."""
        later = NOW + timedelta(days=1)
        return await lost.release_in_doubt(self.ledger, after_days=1, now=later, business_day=DAY)

    def put_back(self) -> None:
        """The cloud was restored."""
        self.world.meta["generation"] += 1

    async def declare(self, holder: Holder, lease_n: int, *rights: tuple[int, int, int], moves: int = 0) -> None:
        """All that a site has."""
        held = (Movement(PERSON, BUCKET, moves),) if moves else ()
        part = Declaration(self.world.meta["generation"], lease_n, 1, 1, held, rights)
        await declarations.declare(self.store, holder, part, device=holder.site, now=NOW, business_day=DAY)

    async def rights(self) -> dict[int, Holder]:
        """Rule -> who counts it for the person."""
        return {right.rule: right.holder for right in await self.ledger.rights(PERSON, None)}


@pytest.fixture
async def town() -> Town:
    world = World()
    store = MemoryStore(MemoryTransaction(world))
    for site in (1, 2):
        await streams.open_stream(store, device=100 + site, site=site, epoch=1)
    made = Town(world, store, store.ledger)
    await made.ledger.set_home(PERSON, 1, 0)
    money = Transfer(TransferKind.SUBSIDY, issuer(1, BUCKET), available(PERSON, BUCKET), 10_000)
    await post(made.ledger, [money], cause="first", business_day=DAY, now=NOW)
    await sizing.size_homes(made.ledger, [PERSON], now=NOW, business_day=DAY)
    return made


@pytest.mark.rule(4, 6)
async def test_rule_6_what_comes_back_for_a_site_that_is_lost_meanwhile_stays_available(town: Town) -> None:
    await town.lose(AWAY)
    back = Transfer(TransferKind.LEASE_RETURN, leased(PERSON, BUCKET, site=1, epoch=1), available(PERSON, BUCKET), 300)
    await post(town.ledger, [back], cause="back", business_day=DAY, now=NOW)
    await sizing.pass_on_returned(town.ledger, [(AWAY, PERSON, Part(BUCKET, 300))], now=NOW, business_day=DAY)
    assert [each.available for each in await balances_of(town.ledger, PERSON)] == [300]
    assert await town.told(AWAY) == []


@pytest.mark.rule(3, 6)
@pytest.mark.parametrize("visit", [True, False])
async def test_rule_3_a_limit_is_never_handed_on_to_a_site_that_is_lost_meanwhile(town: Town, visit: bool) -> None:
    await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1)
    if visit:
        await standing.want_for_visit(town.ledger, PERSON, [RULE], AWAY, day=DAY)
    else:
        await standing.move_home(town.ledger, PERSON, AWAY, from_day=DAY)
    await town.lose(AWAY)
    await standing.returned(town.ledger, HOME, PERSON, RULE, from_day=DAY)
    assert await town.rights() == {RULE: HOME if visit else NOBODY}
    assert await town.told(AWAY) == []


@pytest.mark.rule(3, 21)
async def test_rule_3_a_day_passed_to_a_visited_site_is_not_counted_at_the_successor_of_the_home(town: Town) -> None:
    await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1)
    await standing.want_for_visit(town.ledger, PERSON, [RULE], AWAY, day=DAY)
    await streams.open_stream(town.store, device=103, site=1, epoch=2)
    await standing.returned(town.ledger, HOME, PERSON, RULE, from_day=DAY)
    assert await town.told(AWAY) == [LeaseKind.PASS]
    assert await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1) == 1
    (message,) = (await messages_after(town.ledger, Holder(1, 2), 0, limit=9))[1]
    assert (message.kind, message.from_day) == (LeaseKind.STANDING, DAY + 1), "the day itself is counted elsewhere"


@pytest.mark.rule(3)
async def test_rule_3_a_limit_of_nobody_is_given_from_the_day_that_its_last_holder_named(town: Town) -> None:
    await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1)
    await standing.move_home(town.ledger, PERSON, AWAY, from_day=DAY)
    await town.lose(AWAY)
    await standing.returned(town.ledger, HOME, PERSON, RULE, from_day=DAY + 1)  # the meal of today was eaten there
    await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1)
    assert (await town.ledger.rights(PERSON, [RULE]))[0].from_day == DAY + 1
    await town.lose(HOME)
    await streams.open_stream(town.store, device=103, site=1, epoch=2)
    await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY + 5, uses_a_day=1)
    assert (await town.ledger.rights(PERSON, [RULE]))[0].from_day == DAY + 5


@pytest.mark.rule(6, 8)
async def test_rule_8_money_of_a_lost_site_in_a_bucket_being_cleared_goes_to_its_issuer_when_released(
    town: Town,
) -> None:
    await town.lose(HOME)
    await clearing.cut_off(town.ledger, [BUCKET], now=NOW, business_day=DAY)
    assert await town.release() == 10_000
    assert await balances_of(town.ledger, PERSON) == []
    kinds = [line[1] for line in town.world.lines.values()]
    assert kinds[-1] == TransferKind.CLEARING


@pytest.mark.rule(10)
def test_rule_10_a_refund_of_a_released_site_into_a_bucket_being_cleared_follows_the_clearing() -> None:
    books = Books(1, 1, 1, 0, {}, cut=frozenset({BUCKET}), lost=True, released=True, device=101)
    books.sales = {4: Sale(500)}
    back = Refund(
        "a", 1, 2, 5, PERSON, 101, 1, 4, 1, 1, 0, 1, DAY, 500, (Share(BUCKET, 500),), ()
    )  # fmt: skip
    moves = effects_of(Kind.REFUND, back, 9, books)
    assert [(kind, credit[0]) for kind, _, credit, _ in moves] == [
        (TransferKind.REFUND, Owner.PERSON), (TransferKind.CLEARING, Owner.ISSUER),
    ]  # fmt: skip
    assert set(books.balances.values()) == {0}


@pytest.mark.rule(10)
def test_rule_10_what_was_swept_with_its_refund_and_is_returned_by_the_site_as_well_is_swept_once() -> None:
    held = leased(PERSON, BUCKET, site=1, epoch=1)
    books = Books(1, 1, 1, 0, {held: 0}, cut=frozenset({BUCKET}), passed={BUCKET}, device=101)
    books.sales = {4: Sale(500)}
    back = Refund("a", 1, 2, 5, PERSON, 101, 1, 4, 1, 1, 0, 1, DAY, 500, (Share(BUCKET, 500),), ())
    assert len(effects_of(Kind.REFUND, back, 9, books)) == 2
    assert effects_of(Kind.LEASE_RETURNED, LeaseReturned(0, (Movement(PERSON, BUCKET, 500),)), 10, books) == []
    assert set(books.balances.values()) == {0}


@pytest.mark.rule(25)
async def test_rule_25_a_restored_cloud_asks_nothing_of_sites_before_all_have_declared(town: Town) -> None:
    """Its numbers may have been given before the restore: a site would take such a message for a replay."""
    town.put_back()
    how = {"business_day": DAY, "now": NOW}
    with pytest.raises(LeasesWait):
        await corrections.shrink(town.ledger, PERSON, BUCKET, 10, to=issuer(1, BUCKET), cause="fix", **how)  # type: ignore[arg-type]
    with pytest.raises(LeasesWait):
        await standing.want_for_visit(town.ledger, PERSON, [RULE], AWAY, day=DAY)
    assert await sizing.recall(town.ledger, PERSON, 10, for_holder=NOBODY) == 0
    assert await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1) == 0
    await town.declare(HOME, 9, moves=10_000)
    await town.declare(AWAY, 0)
    assert await sizing.recall(town.ledger, PERSON, 10, for_holder=NOBODY) == 10
    assert (await messages_after(town.ledger, HOME, 9, limit=9))[1][0].n == 10


@pytest.mark.rule(3, 25)
async def test_rule_25_a_limit_handed_on_after_the_backup_is_not_given_a_second_time(town: Town) -> None:
    """The books of the backup say home; it had given the right back, and the other site has it."""
    await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1)
    town.put_back()
    await standing.returned(town.ledger, HOME, PERSON, RULE, from_day=DAY)
    await town.declare(HOME, 2, moves=10_000)
    await town.declare(AWAY, 1, (PERSON, RULE, DAY))
    assert await town.rights() == {RULE: AWAY}
    assert await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1) == 0


@pytest.mark.rule(3, 25)
async def test_rule_25_a_limit_that_a_site_does_not_declare_is_nobodys_unless_it_is_under_way(town: Town) -> None:
    await standing.give_to_homes(town.ledger, [PERSON], RULE, from_day=DAY, uses_a_day=1)
    assert await town.told(HOME) == [LeaseKind.GRANT, LeaseKind.STANDING]
    town.put_back()
    await town.declare(HOME, 1, moves=10_000)
    assert await town.rights() == {RULE: HOME}, "the message is still to come"
    town.put_back()
    await town.declare(HOME, 2, moves=10_000)
    assert await town.rights() == {RULE: NOBODY}


@pytest.mark.rule(8, 25)
async def test_rule_8_a_clearing_begins_at_once_and_a_site_gets_its_marker_when_it_has_declared(town: Town) -> None:
    town.put_back()
    await town.declare(AWAY, 0)
    await clearing.cut_off(town.ledger, [BUCKET], now=NOW, business_day=DAY)
    assert await town.told(AWAY) == [LeaseKind.CUTOFF]
    assert await town.told(HOME) == [LeaseKind.GRANT]
    await town.declare(HOME, 6, moves=10_000)
    assert (await messages_after(town.ledger, HOME, 6, limit=9))[1] == [
        LeaseMessage(7, LeaseKind.CUTOFF, 0, BUCKET, 0, 0)
    ]
