"""Taking payments over a real store: once, exactly, and with reasons."""

import asyncio
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from edge.core.clock import ManualClock
from edge.stations.canteen.checkout import Short, tidy
from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.receipts import Receipt
from edge.store.errors import StoreFull
from protocols.canteen.reference import Price
from protocols.dynamic_qr.codec import make_code, make_static, step_of
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.credentials import card_key, person_code_key
from protocols.payments.facts import Refused, Settlement, Share
from protocols.payments.reference import BucketKind, CredentialAge, CredentialKind, LimitPer
from protocols.payments.refusals import Reason, Refusal
from protocols.sync.messages import LeaseKind, LeaseMessage
from protocols.values.instants import to_ms
from tests.support.canteen import (
    CARDS,
    CASH,
    FISH,
    MEAL,
    OTHER_PLATE_LANE,
    PHONE,
    PIN,
    PLATE_LANE,
    TOKENS,
    canteen_at,
    put,
    spent_fen,
)
from tests.support.checkout import card, dish, entries, paid, pay
from tests.support.edge import SITE, SITE_KEY
from tests.support.payment_rules import make_bucket, make_limit, make_period

ZONE = ZoneInfo("Asia/Shanghai")


def noon(minute: int = 0, second: int = 0) -> int:
    return to_ms(datetime(2026, 11, 20, 12, minute, second, tzinfo=ZONE))


@pytest.mark.lesson("odoo-40567")
@pytest.mark.capability("SET-10")
async def test_a_second_try_with_the_same_attempt_gives_the_same_receipt(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        first, second = await asyncio.gather(pay(desk, dish(900)), pay(desk, dish(900)))
        third = await pay(desk, dish(900))
        assert first == second == third
        assert spent_fen(desk, 1) == 900
        assert len(entries(desk, Kind.SETTLEMENT)) == 1


@pytest.mark.lesson("odoo-125037")
@pytest.mark.rule(18)
async def test_rule_18_after_a_power_cut_the_attempt_still_gives_its_receipt(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        before = await paid(station.desk, dish(900))
    async with canteen_at(tmp_path) as station:
        assert await pay(station.desk, dish(900)) == before
        assert spent_fen(station.desk, 1) == 900


@pytest.mark.lesson("two-tills-one-number-series")
@pytest.mark.capability("SET-11")
async def test_two_tills_number_their_receipts_apart_and_go_on_after_a_restart(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        numbers = [(await paid(desk, dish(100), attempt=f"a{n}")).receipt_no for n in range(3)]
        other = await paid(desk, dish(100), attempt="b1", lane=OTHER_PLATE_LANE)
        assert (numbers, other.receipt_no) == ([1, 2, 3], 1)
        assert other.number.split("-")[1] == "A2"
    async with canteen_at(tmp_path) as station:
        assert (await paid(station.desk, dish(100), attempt="a9")).receipt_no == 4


async def test_a_number_is_given_back_when_the_unit_is_undone(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk

        def fails(tx: Any) -> None:
            desk.checkout._numbers.take(tx, PLATE_LANE.id, 20261120)
            raise ValueError("undone")

        with pytest.raises(ValueError, match="undone"):
            await desk.site.writer.submit(fails)
        assert (await paid(desk, dish(100))).receipt_no == 1


@pytest.mark.lesson("stripe-declines")
@pytest.mark.capability("SET-10")
async def test_what_is_not_leased_here_is_declined_at_the_till_and_never_later(tmp_path: Path) -> None:
    async with canteen_at(tmp_path, online=False, grant={1: 500}) as station:
        desk = station.desk
        assert await pay(desk, dish(900)) == Refusal(Reason.NOT_ENOUGH, 400)
        assert spent_fen(desk, 1, granted_fen=500) == 0
        (entry,) = entries(desk, Kind.REFUSED)
        fact = facts.decode(Refused, entry.payload)
        assert (fact.reason, fact.amount_fen, fact.visiting) == ("not_enough", 900, False)


async def test_a_visitor_short_of_a_lease_is_left_to_the_cloud_first(tmp_path: Path) -> None:
    async with canteen_at(tmp_path, grant={}) as station:
        desk = station.desk
        short = await pay(desk, dish(900), payer=card(desk, 5), last_try=False)
        assert isinstance(short, Short)
        assert (short.person, short.amount_fen) == (5, 900)
        assert entries(desk, Kind.REFUSED) == []
        await pay(desk, dish(900), payer=card(desk, 5))
        assert facts.decode(Refused, entries(desk, Kind.REFUSED)[0].payload).visiting


@pytest.mark.rule(2)
@pytest.mark.capability("SET-08")
async def test_rule_2_one_bill_is_split_over_the_leased_buckets_in_order(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        grant = [LeaseMessage(desk.site.leases.n + 1, LeaseKind.GRANT, 1, MEAL, 300, 0)]
        await desk.site.writer.submit(lambda tx: desk.site.leases.apply(tx, grant))
        receipt = await paid(desk, dish(900))
        assert receipt.shares == (Share(MEAL, 300), Share(CASH, 600))
        fact = facts.decode(Settlement, entries(desk, Kind.SETTLEMENT)[0].payload)
        assert fact.gross_fen - fact.discount_fen + fact.fee_fen == fact.amount_fen == 900


@pytest.mark.rule(3)
@pytest.mark.capability("SET-09")
async def test_rule_3_one_pass_a_meal_counts_only_where_its_right_is(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        await put(desk.site, "limit_rules", {"50": make_limit(50, times=1, per=LimitPer.MEAL)})
        assert await pay(desk, dish(100), attempt="a") == Refusal(Reason.LIMIT_ELSEWHERE)
        standing = [LeaseMessage(desk.site.leases.n + 1, LeaseKind.STANDING, 1, 50, 0, 20200101)]
        await desk.site.writer.submit(lambda tx: desk.site.leases.apply(tx, standing))
        receipt = await paid(desk, dish(100), attempt="b")
        assert facts.decode(Settlement, entries(desk, Kind.SETTLEMENT)[0].payload).uses == (Share(50, 1),)
        assert isinstance(receipt, Receipt)
        assert await pay(desk, dish(100), attempt="c") == Refusal(Reason.LIMIT_TIMES)


@pytest.mark.rule(12)
async def test_rule_12_a_price_travels_ahead_and_changes_at_its_minute(tmp_path: Path) -> None:
    clock = ManualClock(noon(29, 59))
    async with canteen_at(tmp_path, clock=clock) as station:
        desk = station.desk
        await put(desk.site, "prices", {"2:0": Price(2, 0, 1_100, 2)}, from_ms=noon(30))
        assert desk.catalogue.price_fen(2, 1, desk.now_ms()) == 900
        clock.advance(1_000)
        assert desk.catalogue.price_fen(2, 1, desk.now_ms()) == 1_100
        await paid(desk, dish(1_100))
        (entry,) = entries(desk, Kind.SETTLEMENT)
        assert entry.prices_version == desk.site.replica.version("prices") == 2


@pytest.mark.rule(12)
async def test_rule_12_a_rule_comes_into_force_on_the_second(tmp_path: Path) -> None:
    clock = ManualClock(noon(29, 59))
    async with canteen_at(tmp_path, clock=clock) as station:
        desk = station.desk
        bucket = make_bucket(CASH, BucketKind.CASH, lane_kinds=(9,))
        await put(desk.site, "buckets", {str(CASH): bucket}, from_ms=noon(30))
        await paid(desk, dish(100), attempt="a")
        clock.advance(1_000)
        assert (await pay(desk, dish(100), attempt="b")).reason == Reason.OUT_OF_SCOPE


@pytest.mark.rule(14)
async def test_rule_14_a_static_code_is_not_trusted_on_an_old_replica_and_a_card_is(tmp_path: Path) -> None:
    clock = ManualClock(noon())
    age = CredentialAge(CredentialKind.STATIC_CODE, 3_600)

    def short_codes(found: dict[str, dict[str, Any]]) -> None:
        found["credential_ages"] = {str(age.kind): age}

    async with canteen_at(tmp_path, clock=clock, change=short_codes, online=False) as station:
        desk = station.desk
        code = desk.identifier.at_once(Presented("code", make_static(TOKENS[1])))
        assert isinstance(code, Payer)
        assert isinstance(await pay(desk, dish(100), payer=code, attempt="a"), Receipt)
        clock.advance(3_601_000)
        assert (await pay(desk, dish(100), payer=code, attempt="b")).reason == Reason.CREDENTIAL_STALE
        assert isinstance(await pay(desk, dish(100), attempt="c"), Receipt)


@pytest.mark.rule(15)
@pytest.mark.capability("SET-07")
async def test_rule_15_a_dynamic_code_pays_once_and_stays_used_after_a_restart(tmp_path: Path) -> None:
    clock = ManualClock(noon())
    text = make_code(person_code_key(SITE_KEY, 1), site=SITE, person=1, step=step_of(noon()))
    async with canteen_at(tmp_path, clock=clock, online=False) as station:
        desk = station.desk
        payer = desk.identifier.at_once(Presented("code", text))
        assert isinstance(payer, Payer)
        await paid(desk, dish(100), payer=payer, attempt="a")
        assert (await pay(desk, dish(100), payer=payer, attempt="b")).reason == Reason.CODE_USED
    async with canteen_at(tmp_path, clock=clock, online=False) as station:
        again = station.desk.identifier.at_once(Presented("code", text))
        assert isinstance(again, Payer)
        assert (await pay(station.desk, dish(100), payer=again, attempt="c")).reason == Reason.CODE_USED


@pytest.mark.rule(15)
async def test_rule_15_a_code_of_another_site_or_key_is_unknown_and_an_old_one_has_expired(tmp_path: Path) -> None:
    clock = ManualClock(noon())
    async with canteen_at(tmp_path, clock=clock) as station:
        key, step = person_code_key(SITE_KEY, 1), step_of(noon())
        known = station.desk.identifier.at_once
        other_site = make_code(key, site=SITE + 1, person=1, step=step)
        assert known(Presented("code", other_site)) == Refusal(Reason.UNKNOWN_CREDENTIAL)
        forged = make_code(b"x" * 32, site=SITE, person=1, step=step)
        assert known(Presented("code", forged)) == Refusal(Reason.UNKNOWN_CREDENTIAL)
        fresh = make_code(key, site=SITE, person=1, step=step)
        clock.advance(10 * 60_000)
        assert known(Presented("code", fresh)) == Refusal(Reason.CODE_EXPIRED)
        for rubbish in ("", "QMD", "QMSXX", "http://example.invalid", "QMD" + "A" * 40):
            assert known(Presented("code", rubbish)) == Refusal(Reason.UNKNOWN_CREDENTIAL)


@pytest.mark.rule(15)
@pytest.mark.capability("SET-07")
async def test_rule_15_a_phone_and_pin_pay_under_a_cap_and_lock_after_wrong_tries_durably(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        payer = await desk.identifier.by_phone(Presented("phone", PHONE, PIN))
        assert isinstance(payer, Payer)
        assert await pay(desk, dish(3_001), payer=payer) == Refusal(Reason.CREDENTIAL_CAP, 3_000)
        assert isinstance(await pay(desk, dish(3_000), payer=payer, attempt="b"), Receipt)
        wrong = [await desk.identifier.by_phone(Presented("phone", PHONE, "000000")) for _ in range(5)]
        assert [refusal.reason for refusal in wrong if isinstance(refusal, Refusal)] == ["pin_wrong"] * 4 + [
            "pin_locked"
        ]
        assert await desk.identifier.by_phone(Presented("phone", PHONE, PIN)) == Refusal(Reason.PIN_LOCKED)
    async with canteen_at(tmp_path) as station:
        locked = await station.desk.identifier.by_phone(Presented("phone", PHONE, PIN))
        assert locked == Refusal(Reason.PIN_LOCKED)


@pytest.mark.rule(16)
@pytest.mark.capability("SET-07")
async def test_rule_16_a_revoked_card_is_refused_from_the_moment_the_revocation_is_here(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        assert isinstance(card(desk, 2), Payer)
        await put(desk.site, "credentials", {card_key(SITE_KEY, CARDS[2]): None})
        assert desk.identifier.at_once(Presented("card", CARDS[2])) == Refusal(Reason.UNKNOWN_CREDENTIAL)


@pytest.mark.rule(19)
async def test_rule_19_near_a_meals_boundary_an_unsure_clock_uses_no_bucket_of_one_side(tmp_path: Path) -> None:
    clock = ManualClock(noon(30))

    def two_meals(found: dict[str, dict[str, Any]]) -> None:
        found["periods"] = {"2": make_period(2, 600, 750), "3": make_period(3, 750, 900)}
        found["buckets"][str(MEAL)] = make_bucket(MEAL, BucketKind.MEAL, periods=(3,))

    async with canteen_at(tmp_path, clock=clock, change=two_meals) as station:
        desk = station.desk
        grant = [LeaseMessage(desk.site.leases.n + 1, LeaseKind.GRANT, 1, MEAL, 5_000, 0)]
        await desk.site.writer.submit(lambda tx: desk.site.leases.apply(tx, grant))
        unsure = await paid(desk, dish(100), attempt="a")
        assert unsure.shares == (Share(CASH, 100),)
        desk.site.time.anchor(server_ms=noon(31), round_trip_ms=20)
        sure = await paid(desk, dish(100), attempt="b")
        assert sure.shares == (Share(MEAL, 100),)


async def test_a_plate_is_billed_once_over_all_lanes_and_restarts(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        await paid(desk, dish(1_200, 3, FISH))
        twice = await pay(desk, dish(1_200, 3, FISH), attempt="b", payer=card(desk, 2), lane=OTHER_PLATE_LANE)
        assert twice == Refusal(Reason.PLATE_PAID)
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        assert (await pay(desk, dish(1_200, 3, FISH), attempt="c")).reason == Reason.PLATE_PAID
        desk.plates.wash()
        assert isinstance(await pay(desk, dish(1_200, 3, FISH), attempt="d"), Receipt)


async def test_a_full_disk_refuses_new_payments_before_a_record_could_be_lost(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        desk.site.writer.room._free_bytes = lambda _: 0
        desk.site.writer.room._looked_s = float("-inf")
        with pytest.raises(StoreFull):
            await pay(desk, dish(100))
        assert spent_fen(desk, 1) == 0


async def test_what_a_payment_undone_by_its_group_had_changed_is_as_before(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk

        def pays_and_fails(tx: Any) -> None:
            from edge.stations.canteen.checkout import Asked

            desk.checkout.unit(Asked("x", PLATE_LANE, card(desk), (dish(1_200, 3, FISH),), 1_200), tx)
            raise RuntimeError("after all")

        head = desk.site.journal.head_seq
        with pytest.raises(RuntimeError):
            await desk.site.writer.submit(pays_and_fails)
        assert (desk.site.journal.head_seq, spent_fen(desk, 1)) == (head, 0)
        assert isinstance(await pay(desk, dish(1_200, 3, FISH), attempt="x"), Receipt)


async def test_tidying_drops_expired_codes_and_rows_whose_entries_are_gone_and_nothing_else(tmp_path: Path) -> None:
    clock = ManualClock(noon())
    text = make_code(person_code_key(SITE_KEY, 1), site=SITE, person=1, step=step_of(noon()))
    async with canteen_at(tmp_path, clock=clock) as station:
        desk = station.desk
        code = desk.identifier.at_once(Presented("code", text))
        assert isinstance(code, Payer)
        first = await paid(desk, dish(100), payer=code, attempt="a")
        second = await paid(desk, dish(100), attempt="b")
        await desk.site.writer.submit(partial(tidy, desk.now_ms()))
        assert desk.site.reader.row("SELECT count(*) FROM canteen_codes") == (1,)
        await desk.site.writer.submit(
            lambda tx: tx.execute("DELETE FROM entries WHERE seq <= ?", (first.entry.seq,)) and None
        )
        clock.advance(2 * 86_400_000)
        await desk.site.writer.submit(partial(tidy, desk.now_ms()))
        assert desk.site.reader.row("SELECT count(*) FROM canteen_codes") == (0,)
        assert desk.site.reader.rows("SELECT seq FROM canteen_sales") == [(second.entry.seq,)]
