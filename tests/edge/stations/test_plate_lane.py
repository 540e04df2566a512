"""The plate lane at work over a real store, with its devices played by hand."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from edge.kiosk.server import Act
from edge.stations.canteen.plate_shell import PlateShell
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import Refused, Settlement
from protocols.sync.messages import LeaseAsk, LeaseAskAnswer, LeaseKind, LeaseMessage
from tests.support.canteen import (
    BOWL,
    CARDS,
    CASH,
    FISH,
    PLATE_LANE,
    PORK,
    PRICELESS,
    RICE,
    STOPPED,
    TRAY,
    HandCard,
    HandReader,
    canteen_at,
    spent_fen,
    until,
)

pytestmark = [pytest.mark.capability("SET-01")]


class Lane:
    """A running plate lane."""

    def __init__(self, shell: PlateShell, reader: HandReader, card: HandCard) -> None:
        self.shell, self.reader, self.card = shell, reader, card

    @property
    def state(self) -> dict[str, Any]:
        return self.shell.desk.kiosk.state("A1")

    async def phase(self, *words: str) -> dict[str, Any]:
        await until(lambda: self.state.get("phase") in words)
        return self.state

    async def asks(self, key: str) -> dict[str, Any]:
        await until(lambda: self.state.get("message", {}).get("key") == key)
        return self.state

    def entries(self, kind: int) -> list[Any]:
        journal = self.shell.desk.site.journal
        found = [journal.entry(seq) for seq in range(1, journal.committed().seq + 1)]
        return [entry for entry in found if entry.kind == kind]


@asynccontextmanager
async def lane_at(folder: Path, **options: Any) -> AsyncIterator[Lane]:
    async with canteen_at(folder, **options) as station:
        reader, card = HandReader("reader"), HandCard("card")
        shell = PlateShell(station.desk, PLATE_LANE, {"reader": reader, "card": card}, "7.1.1.1.1")
        task = asyncio.create_task(shell.run())
        try:
            yield Lane(shell, reader, card)
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_a_tray_is_read_priced_and_paid_with_one_tap(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(RICE, PORK, BOWL)
        bill = await lane.phase("bill")
        assert bill["total_fen"] == 1_300
        assert {line["zh"] for line in bill["lines"]} == {"米饭", "红烧肉", "蓝碗"}
        lane.card.tap(CARDS[1])
        paid = await lane.phase("paid")
        assert paid["receipt"]["amount_fen"] == 1_300
        assert paid["receipt"]["person"] == "张1*"
        assert len(paid["receipt"]["mark"]) == 8
        assert spent_fen(lane.shell.desk, 1) == 1_300
        (entry,) = lane.entries(Kind.SETTLEMENT)
        assert facts.decode(Settlement, entry.payload).attempt == paid["receipt"]["attempt"]


async def test_the_queue_is_unknown_until_a_people_counter_tells_it(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        shell = lane.shell
        assert shell.waiting == -1
        for said, known in ((7, 7), (100_000, 500), ("many", -1), (-3, -1)):
            await shell.act(Act("A1", "diner", "waiting", 1, {"people": said}))
            assert shell.waiting == known


async def test_a_card_held_while_the_tray_is_read_pays_as_soon_as_the_bill_stands(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(RICE, times=1)
        await lane.phase("reading")
        lane.card.tap(CARDS[1])
        await lane.asks("reading.tapped")
        lane.reader.lay(RICE)
        assert (await lane.phase("paid"))["total_fen"] == 100


async def test_a_tray_lifted_while_reading_is_not_charged(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(RICE, PORK, times=2)
        await lane.phase("reading")
        lane.reader.lay(times=3)
        await lane.phase("idle")
        lane.card.tap(CARDS[1])
        await lane.asks("balances")
        assert spent_fen(lane.shell.desk, 1) == 0
        assert lane.entries(Kind.SETTLEMENT) == []


@pytest.mark.parametrize(
    ("plates", "word"),
    [
        ((RICE, "E004FFFFFFFFFFFF"), "unknown_plate"),
        ((RICE, STOPPED), "unknown_plate"),
        ((RICE, PRICELESS), "price_missing"),
        ((RICE, TRAY, "E0040150000000C2"), "unknown_plate"),
        ((TRAY,), "no_dish"),
    ],
)
async def test_nobody_pays_for_a_doubtful_plate(tmp_path: Path, plates: tuple[str, ...], word: str) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(*plates)
        await lane.asks(word)
        lane.card.tap(CARDS[1])
        await asyncio.sleep(0.05)
        assert lane.state["phase"] == "ask"
        assert spent_fen(lane.shell.desk, 1) == 0
        lane.reader.lay(RICE)
        assert (await lane.phase("bill"))["total_fen"] == 100


async def test_unknown_plates_are_pointed_out_to_the_operator(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(RICE, "E004FFFFFFFFFFFF")
        await lane.asks("unknown_plate")
        told = lane.shell.desk.kiosk.state("A1", "operator")
        assert told["hints"] == [{"plate": "FFFFFF", "word": "unknown_plate"}]


async def test_a_paid_plate_cannot_be_billed_twice_until_it_was_washed(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(RICE, PORK)
        await lane.phase("bill")
        lane.card.tap(CARDS[1])
        await lane.phase("paid")
        lane.reader.lay(times=3)
        lane.reader.lay(RICE, PORK)
        state = await lane.asks("take_tray")
        assert [line["state"] for line in state["lines"]] == ["paid", "paid"]
        lane.reader.lay(RICE, PORK, FISH)
        assert (await lane.phase("bill"))["total_fen"] == 1_200
        lane.shell.desk.plates.wash()
        lane.reader.lay(times=3)
        lane.reader.lay(RICE, PORK)
        await until(lambda: lane.state["total_fen"] == 1_000)


async def test_a_tray_changed_between_tap_and_payment_is_asked_about_again(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(RICE, PORK)
        await lane.phase("bill")
        lane.reader.lay(RICE, times=2)  # pork was lifted; the bill on the screen is the old one
        await asyncio.sleep(0.02)
        lane.card.tap(CARDS[1])
        state = await lane.phase("refused", "paid")
        assert state["message"]["key"] == "bill_changed"
        assert spent_fen(lane.shell.desk, 1) == 0


async def test_the_reader_is_unplugged_and_comes_back(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(RICE)
        await lane.phase("bill")
        lane.reader.unplug()
        state = await lane.phase("down")
        assert state["message"]["zh"]
        lane.card.tap(CARDS[1])
        await asyncio.sleep(0.03)
        assert spent_fen(lane.shell.desk, 1) == 0
        lane.reader.plug()
        lane.reader.lay(RICE)
        assert (await lane.phase("bill"))["total_fen"] == 100


@pytest.mark.capability("SET-10")
async def test_no_lease_and_no_network_is_refused_in_clear_words_and_kept_as_a_fact(tmp_path: Path) -> None:
    async with lane_at(tmp_path, online=False, grant={1: 10_000}) as lane:
        lane.reader.lay(PORK)
        await lane.phase("bill")
        lane.card.tap(CARDS[2])
        state = await lane.phase("refused")
        assert state["message"]["key"] == "no_lease"
        assert "离线" in state["message"]["zh"]
        (entry,) = lane.entries(Kind.REFUSED)
        assert facts.decode(Refused, entry.payload).reason == "no_lease"
        assert entry.subject == "p2"


@pytest.mark.capability("SET-09")
async def test_a_blocked_person_and_an_unknown_card_are_refused(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(PORK)
        await lane.phase("bill")
        lane.card.tap(CARDS[6])
        await lane.asks("blocked")
        lane.card.tap("DEADBEEF")
        await lane.asks("unknown_credential")
        await until(lambda: len(lane.entries(Kind.REFUSED)) == 2)
        assert [entry.subject for entry in lane.entries(Kind.REFUSED)] == ["p6", ""]


@pytest.mark.rule(4)
@pytest.mark.capability("SET-10")
async def test_rule_4_a_visitor_pays_with_what_the_cloud_gives_while_it_can_be_asked(tmp_path: Path) -> None:
    async with lane_at(tmp_path, grant={}) as lane:
        site = lane.shell.desk.site
        asked: list[LeaseAsk] = []

        async def give(ask: LeaseAsk) -> LeaseAskAnswer:
            asked.append(ask)
            grant = LeaseMessage(site.leases.n + 1, LeaseKind.GRANT, ask.person, CASH, ask.amount, 0)
            await site.writer.submit(lambda tx: site.leases.apply(tx, [grant]))
            return LeaseAskAnswer(site.leases.n, ask.amount, "")

        site.link.serve_asks(give)
        lane.reader.lay(PORK)
        await lane.phase("bill")
        lane.card.tap(CARDS[5])
        assert (await lane.phase("paid"))["receipt"]["person"] == "访*"
        assert [(ask.person, ask.amount) for ask in asked] == [(5, 900)]
        assert lane.entries(Kind.REFUSED) == []


@pytest.mark.rule(4)
async def test_rule_4_a_cloud_that_does_not_answer_in_time_costs_the_visitor_no_more_than_the_wait(
    tmp_path: Path,
) -> None:
    async with lane_at(tmp_path, grant={}) as lane:

        async def silent(_ask: LeaseAsk) -> LeaseAskAnswer:
            await asyncio.sleep(60)
            raise AssertionError("nobody waits so long")

        lane.shell.desk.site.link._ask_timeout_s = 0.05
        lane.shell.desk.site.link.serve_asks(silent)
        lane.reader.lay(PORK)
        await lane.phase("bill")
        lane.card.tap(CARDS[5])
        assert (await lane.phase("refused"))["message"]["key"] == "not_enough"
        assert len(lane.entries(Kind.REFUSED)) == 1


async def test_a_pin_is_asked_above_the_persons_amount(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.reader.lay(PORK, FISH)
        await lane.phase("bill")
        lane.card.tap(CARDS[7])
        await until(lambda: lane.state["pin"])
        lane.shell.feed(_pin(lane, "000000"))
        await lane.asks("pin_wrong")
        lane.shell.feed(_pin(lane, "246810"))
        assert (await lane.phase("paid"))["total_fen"] == 2_100
        assert len(lane.entries(Kind.SETTLEMENT)) == 1


def _pin(lane: Lane, digits: str) -> Any:
    from edge.stations.canteen.lanes.events import Acted

    return Acted(lane.shell.desk.monotonic_ms(), "pin", {"digits": digits})
