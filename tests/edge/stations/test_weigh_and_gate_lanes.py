"""Weigh lanes and gates over a real store: what a restart, a time-out or a stuck device leaves behind."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from edge.core.clock import ManualClock
from edge.stations.canteen.checkout import Asked
from edge.stations.canteen.gate_shell import GateShell
from edge.stations.canteen.identify import Payer, Presented
from edge.stations.canteen.receipts import Receipt
from edge.stations.canteen.shell import LaneShell
from edge.stations.canteen.station import Station
from edge.stations.canteen.trays import PickAsked, Tray
from edge.stations.canteen.weigh_shell import WeighShell
from edge.stations.site import StationSettings
from protocols.canteen.reference import Lane, Scale
from protocols.dynamic_qr.codec import make_code, step_of
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.credentials import person_code_key
from protocols.payments.facts import Settlement, TrayBound, TurnstilePassed, Weighed, WeightUnattributed
from protocols.payments.reference import LaneKind
from protocols.payments.refusals import Reason, Refusal
from tests.support.canteen import (
    CARDS,
    GATE_LANE,
    TRAY,
    WEIGH_LANE,
    HandCard,
    HandDoor,
    HandReader,
    HandScale,
    canteen_at,
    put,
    spent_fen,
    until,
)
from tests.support.checkout import card, entries
from tests.support.edge import SITE, SITE_KEY

SECOND_WEIGH_LANE = Lane(22, 1, 11, LaneKind.WEIGH, "自助称重 2", "Weigh 2", "B2", station=2, dish=6)


@asynccontextmanager
async def running_shell(shell: LaneShell) -> AsyncIterator[LaneShell]:
    task = asyncio.create_task(shell.run())
    try:
        yield shell
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _stands(shell: WeighShell) -> bool:
    return shell.state.uid == TRAY


def weigh_shell(station: Station, lane: Lane = WEIGH_LANE, prefix: str = "w") -> tuple[WeighShell, HandScale, HandCard]:
    scale, reader = HandScale("scale"), HandCard("card")
    shell = WeighShell(station.desk, lane, {"scale": scale, "card": reader}, prefix)
    scale.weigh(10_000)
    return shell, scale, reader


def gate_shell(station: Station, prefix: str = "g") -> tuple[GateShell, HandDoor, HandCard]:
    door, reader = HandDoor("door"), HandCard("card")
    return GateShell(station.desk, GATE_LANE, {"door": door, "card": reader}, prefix), door, reader


def state(station: Station, code: str) -> dict[str, Any]:
    return station.kiosk.state(code)


def says(station: Station, code: str) -> str:
    return str(state(station, code).get("message", {}).get("key", ""))


async def phase(station: Station, code: str, word: str, total_fen: int | None = None) -> None:
    await until(
        lambda: (
            state(station, code).get("phase") == word
            and (total_fen is None or state(station, code)["total_fen"] == total_fen)
        )
    )


@pytest.mark.capability("SET-03")
@pytest.mark.lesson("odoo-125037")
async def test_a_pick_is_a_fact_before_it_is_shown_and_survives_a_power_cut(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        shell, scale, reader = weigh_shell(station)
        async with running_shell(shell):
            reader.tap(CARDS[1])
            await phase(station, "B1", "bill")
            scale.weigh(9_700)
            await phase(station, "B1", "bill", 1_200)
            (entry,) = entries(station.desk, Kind.WEIGHED)
            assert facts.decode(Weighed, entry.payload).amount_fen == 1_200
    async with canteen_at(tmp_path) as station:
        shell, scale, reader = weigh_shell(station, prefix="w2")
        async with running_shell(shell):
            reader.tap(CARDS[1])
            await phase(station, "B1", "bill", 1_200)
            reader.tap(CARDS[1])
            await phase(station, "B1", "paid", 1_200)
            assert spent_fen(station.desk, 1) == 1_200
            assert station.site.reader.rows("SELECT * FROM canteen_trays") == []


@pytest.mark.capability("SET-03")
async def test_one_tray_gathers_over_two_stations_and_is_settled_once(tmp_path: Path) -> None:
    def two(found: dict[str, dict[str, Any]]) -> None:
        found["lanes"]["22"] = SECOND_WEIGH_LANE
        found["scales"]["22"] = Scale(22, 20, 30_000, 5, 20991231)

    async with canteen_at(tmp_path, change=two) as station:
        one, scale_1, reader_1 = weigh_shell(station)
        two_, scale_2, reader_2 = weigh_shell(station, SECOND_WEIGH_LANE, "w2")
        async with running_shell(one), running_shell(two_):
            reader_1.tap(CARDS[1])
            await phase(station, "B1", "bill")
            scale_1.weigh(9_700)
            await phase(station, "B1", "bill", 1_200)
            reader_2.tap(CARDS[1])
            await phase(station, "B2", "bill", 1_200)
            scale_2.weigh(9_900)
            await phase(station, "B2", "bill", 1_600)
            reader_2.tap(CARDS[1])
            await phase(station, "B2", "paid", 1_600)
            reader_1.tap(CARDS[1])
            await asyncio.sleep(0.1)
            assert spent_fen(station.desk, 1) == 1_600
            assert len(entries(station.desk, Kind.SETTLEMENT)) == 1


@pytest.mark.capability("SET-03")
async def test_a_trays_chip_binds_it_and_is_found_again_after_a_restart(tmp_path: Path) -> None:
    for boot in range(2):
        async with canteen_at(tmp_path) as station:
            shell, scale, reader = weigh_shell(station, prefix=f"w{boot}")
            trays = HandReader("trays")
            shell.devices = {**shell.devices, "trays": trays}
            async with running_shell(shell):
                trays.lay(TRAY, times=5)
                if not boot:
                    await until(partial(_stands, shell))
                    reader.tap(CARDS[1])
                await phase(station, "B1", "bill")
                scale.weigh(9_700)
                await phase(station, "B1", "bill", 1_200 * (boot + 1))
                trays.lay(times=2)
                await phase(station, "B1", "idle")
            (bound,) = entries(station.desk, Kind.TRAY_BOUND)
            assert facts.decode(TrayBound, bound.payload).tray == TRAY


@pytest.mark.capability("SET-03")
async def test_who_leaves_without_a_tap_is_settled_after_the_time_out(tmp_path: Path) -> None:
    settings = StationSettings(meal_session_min=0.02, idle_timeout_s=0.1)
    async with canteen_at(tmp_path, settings=settings) as station:
        shell, scale, reader = weigh_shell(station)
        async with running_shell(shell):
            reader.tap(CARDS[1])
            await phase(station, "B1", "bill")
            scale.weigh(9_700)
            await until(lambda: entries(station.desk, Kind.SETTLEMENT), within_s=8)
            sale = facts.decode(Settlement, entries(station.desk, Kind.SETTLEMENT)[0].payload)
            assert (sale.amount_fen, sale.person, sale.lines[0].weight_g) == (1_200, 1, 300)


@pytest.mark.capability("SET-03")
async def test_food_taken_with_nobody_bound_is_an_exception_and_billed_to_no_one(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        shell, scale, _reader = weigh_shell(station)
        async with running_shell(shell):
            scale.weigh(9_600)
            await until(lambda: entries(station.desk, Kind.WEIGHT_UNATTRIBUTED))
            fact = facts.decode(WeightUnattributed, entries(station.desk, Kind.WEIGHT_UNATTRIBUTED)[0].payload)
            assert (fact.weight_g, fact.dish, fact.lane) == (400, 6, WEIGH_LANE.id)
            assert station.kiosk.state("B1", "operator")["hints"][0]["word"] == "unattributed"


@pytest.mark.capability("SET-03")
async def test_past_the_scales_certificate_the_lane_says_so_and_binds_nobody(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        await put(station.site, "scales", {"2": Scale(2, 20, 30_000, 5, 20200101)})
        shell, _scale, reader = weigh_shell(station)
        async with running_shell(shell):
            await phase(station, "B1", "down")
            assert says(station, "B1") == "certificate_expired"
            reader.tap(CARDS[1])
            await asyncio.sleep(0.05)
            assert entries(station.desk, Kind.TRAY_BOUND) == []


@pytest.mark.capability("SET-03", "SET-10")
async def test_nobody_is_bound_who_could_not_pay_here(tmp_path: Path) -> None:
    async with canteen_at(tmp_path, online=False, grant={}) as station:
        shell, _scale, reader = weigh_shell(station)
        async with running_shell(shell):
            reader.tap(CARDS[2])
            await phase(station, "B1", "refused")
            assert says(station, "B1") == "no_lease"


async def test_a_pick_for_a_tray_closed_meanwhile_is_nobodys(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        tray = await desk.site.writer.submit(partial(desk.trays.bind, WEIGH_LANE.id, card(desk), ""))
        assert isinstance(tray, Tray)
        assert await desk.site.writer.submit(partial(desk.trays.close_empty, tray.session))
        pick = PickAsked(tray.session, WEIGH_LANE.id, 1, 6, 300, 4_000)
        assert await desk.site.writer.submit(partial(desk.trays.pick, pick)) is None
        assert len(entries(desk, Kind.WEIGHT_UNATTRIBUTED)) == 1


@pytest.mark.capability("SET-05")
@pytest.mark.rule(18)
async def test_rule_18_who_paid_and_could_not_pass_before_a_restart_is_let_in_after_it(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        shell, door, reader = gate_shell(station)
        async with running_shell(shell):
            reader.tap(CARDS[1])
            await phase(station, "D1", "paid")
            await until(lambda: door.opened == 1)
    async with canteen_at(tmp_path) as station:
        shell, door, reader = gate_shell(station, "g2")
        async with running_shell(shell):
            reader.tap(CARDS[1])
            await until(lambda: door.opened == 1)
            door.walk()
            await until(lambda: entries(station.desk, Kind.TURNSTILE_PASSED))
            fact = facts.decode(TurnstilePassed, entries(station.desk, Kind.TURNSTILE_PASSED)[0].payload)
            sale = entries(station.desk, Kind.SETTLEMENT)[0]
            assert (fact.settlement_seq, fact.passed) == (sale.seq, True)
            reader.tap(CARDS[1])
            await until(lambda: says(station, "D1") == "entered")
            assert spent_fen(station.desk, 1) == 1_500


@pytest.mark.capability("SET-05")
async def test_a_stuck_gate_keeps_the_payment_and_asks_for_help(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        shell, door, reader = gate_shell(station)
        door.broken = True
        async with running_shell(shell):
            reader.tap(CARDS[1])
            await until(lambda: says(station, "D1") == "gate_stuck")
            await until(lambda: entries(station.desk, Kind.TURNSTILE_PASSED))
            assert spent_fen(station.desk, 1) == 1_500


@pytest.mark.capability("SET-05")
async def test_a_gate_without_a_price_for_the_meal_lets_nobody_in_for_free(tmp_path: Path) -> None:
    async with canteen_at(tmp_path, change=lambda found: found["price_rules"].clear()) as station:
        shell, door, reader = gate_shell(station)
        async with running_shell(shell):
            reader.tap(CARDS[1])
            await phase(station, "D1", "refused")
            assert (says(station, "D1"), door.opened) == ("price_missing", 0)


async def test_a_next_day_opens_the_gate_again(tmp_path: Path) -> None:
    clock = ManualClock()
    async with canteen_at(tmp_path, clock=clock) as station:
        shell, door, reader = gate_shell(station)
        async with running_shell(shell):
            reader.tap(CARDS[1])
            await until(lambda: door.opened == 1)
            door.walk()
            await until(lambda: entries(station.desk, Kind.TURNSTILE_PASSED))
            clock.advance(24 * 3_600_000)
            reader.tap(CARDS[1])
            await until(lambda: door.opened == 2)
            assert spent_fen(station.desk, 1) == 3_000


@pytest.mark.rule(15)
async def test_rule_15_a_dynamic_code_binds_one_tray_and_pays_for_it(tmp_path: Path) -> None:
    async with canteen_at(tmp_path) as station:
        desk = station.desk
        step = step_of(desk.now_ms())
        text = make_code(person_code_key(SITE_KEY, 1), site=SITE, person=1, step=step)
        payer = desk.identifier.at_once(Presented("code", text))
        assert isinstance(payer, Payer)
        tray = await desk.site.writer.submit(partial(desk.trays.bind, WEIGH_LANE.id, payer, ""))
        assert isinstance(tray, Tray)
        again = await desk.site.writer.submit(partial(desk.trays.bind, WEIGH_LANE.id, payer, ""))
        assert again == Refusal(Reason.CODE_USED)
        pick = PickAsked(tray.session, WEIGH_LANE.id, 1, 6, 300, 4_000)
        grown = await desk.site.writer.submit(partial(desk.trays.pick, pick))
        assert grown is not None
        asked = Asked(f"weigh {tray.session}", WEIGH_LANE, payer, grown.lines(), grown.total_fen, 0, tray.session)
        assert isinstance(await desk.site.writer.submit(partial(desk.checkout.unit, asked)), Receipt)
        assert desk.trays.get(tray.session) is None
        other = asked._replace(attempt="elsewhere", session="")
        assert await desk.site.writer.submit(partial(desk.checkout.unit, other)) == Refusal(Reason.CODE_USED)
