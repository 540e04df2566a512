"""The vision lane at work: drawn trays, our own small network, a real store; chips beside the camera."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge.kiosk.server import Act
from edge.stations.canteen.eyes import Eyes, TeachingRefused
from edge.stations.canteen.portions import Portions
from edge.stations.canteen.stirring import Stirring
from edge.stations.canteen.vision_shell import VisionShell
from edge.stations.site import RecognitionSettings
from models.dish.embedder import ROLE
from models.dish.picture import Picture
from models.registry import Networks
from protocols.canteen.reference import Operator
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import Settlement
from tests.support.cameras import HandCamera, drawn, noise, plain, taught
from tests.support.canteen import (
    CARDS,
    FISH,
    PLATE_LANE,
    PORK,
    PRICELESS,
    RICE,
    HandCard,
    HandReader,
    HandScale,
    canteen_at,
    put,
    until,
)
from tests.support.networks import require_samples

pytestmark = [pytest.mark.capability("SET-02")]

OPERATOR = Operator(1, 90, "李*", "", b"", 0)


class Lane:
    """A running vision lane."""

    def __init__(self, shell: VisionShell, devices: dict[str, Any]) -> None:
        self.shell, self.devices = shell, devices
        self.camera: HandCamera = devices["camera"]

    @property
    def state(self) -> dict[str, Any]:
        return self.shell.desk.kiosk.state("A1")

    async def phase(self, *words: str) -> dict[str, Any]:
        await until(lambda: self.state.get("phase") in words, within_s=15)
        return self.state

    async def asks(self, key: str) -> dict[str, Any]:
        await until(lambda: self.state.get("message", {}).get("key") == key, within_s=15)
        return self.state

    async def looked(self) -> None:
        """Wait for another look, and for the views that follow it."""
        number = self.state["picture"]["n"]
        await until(lambda: self.state["picture"]["n"] > number, within_s=15)
        await asyncio.sleep(0.3)

    async def clear(self) -> None:
        self.camera.tray()
        await self.phase("idle")
        await until(lambda: not self.shell.state.settled, within_s=15)

    async def pay(self, person: int = 1) -> dict[str, Any]:
        await self.phase("bill")
        self.devices["card"].tap(CARDS[person])
        return await self.phase("paid", "refused")

    async def operate(self, name: str, **fields: Any) -> dict[str, Any]:
        return await self.shell.operator_acts()[name](Act("A1", "operator", name, 1, fields), OPERATOR)

    async def choose(self, **fields: Any) -> dict[str, Any]:
        return await self.shell.act(Act("A1", "diner", "choose", 1, fields))

    def sales(self) -> list[Settlement]:
        journal = self.shell.desk.site.journal
        found = [journal.entry(seq) for seq in range(1, journal.committed().seq + 1)]
        return [facts.decode(Settlement, entry.payload) for entry in found if entry.kind == Kind.SETTLEMENT]


@asynccontextmanager
async def lane_at(
    folder: Path, *extra: Any, dishes: tuple[int, ...] = (1, 2, 3), diner_chooses: bool = True, **options: Any
) -> AsyncIterator[Lane]:
    recognition = RecognitionSettings(networks=str(folder / "none"), diner_chooses=diner_chooses)
    async with canteen_at(folder, recognition=recognition, **options) as station:
        devices: dict[str, Any] = {"camera": HandCamera("camera"), "card": HandCard("card")}
        devices |= {device.name: device for device in extra}
        devices["camera"].tray()
        await taught(station.desk, dishes)
        shell = VisionShell(station.desk, PLATE_LANE, devices, "7.1.1.1.1")
        task = asyncio.create_task(shell.run())
        lane = Lane(shell, devices)
        try:
            if not extra:
                await lane.clear()
            yield lane
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            station.desk.looking.close()


async def test_dishes_that_are_known_and_priced_become_a_bill_that_is_durable_before_paid(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.tray(1, 2)
        state = await lane.phase("bill")
        assert state["total_fen"] == 1_000
        assert {(box["zh"], box["amount_fen"]) for box in state["picture"]["boxes"]} == {("米饭", 100), ("红烧肉", 900)}
        paid = await lane.pay()
        (sale,) = lane.sales()
        assert (sale.amount_fen, sorted(line.dish for line in sale.lines)) == (1_000, [1, 2])
        assert paid["receipt"]["entry"].endswith(f"-{lane.shell.desk.site.journal.committed().seq}")
        await lane.asks("take_tray")
        lane.devices["card"].tap(CARDS[2])
        await asyncio.sleep(0.3)
        assert len(lane.sales()) == 1


async def test_a_still_tray_is_looked_at_once_and_not_again_and_again(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.tray(1, 2)
        await lane.phase("bill")
        number = lane.state["picture"]["n"]
        seen = lane.camera.taken
        await until(lambda: lane.camera.taken > seen + 30)
        assert lane.state["picture"]["n"] == number
        assert (await lane.pay())["phase"] == "paid"


async def test_a_dish_in_doubt_may_be_chosen_by_the_diner_among_its_candidates_alone(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.tray(2, 9)
        state = await lane.asks("which_dish")
        place, box = next((place, box) for place, box in enumerate(state["picture"]["boxes"]) if box["state"] == "ask")
        number = state["picture"]["n"]
        assert {choice["id"] for choice in box["choices"]} <= {1, 2, 3}
        assert (await lane.choose(n=number, item=place, dish=6))["message"]["key"] == "staff_only"
        assert (await lane.choose(n=number - 1, item=place, dish=1))["message"]["key"] == "moved"
        assert await lane.choose(n=number, item=place, dish=1) == {}
        assert (await lane.phase("bill"))["total_fen"] == 1_000
        trail = await lane.shell.desk.looking.run(lane.shell.desk.eyes.trail)
        assert {lesson.why for lesson in trail} == {"taught"}  # a diner's word bills, but teaches nothing


async def test_where_the_site_says_so_the_staff_alone_may_name_a_dish(tmp_path: Path) -> None:
    async with lane_at(tmp_path, diner_chooses=False) as lane:
        lane.camera.tray(2, 9)
        state = await lane.phase("ask")
        place = next(place for place, box in enumerate(state["picture"]["boxes"]) if box["state"])
        assert (await lane.choose(n=state["picture"]["n"], item=place, dish=1))["message"]["key"] == "staff_only"


async def test_an_operators_correction_is_billed_now_and_is_a_training_picture_with_its_trail(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.tray(2, 9)
        state = await lane.phase("ask")
        place = next(place for place, box in enumerate(state["picture"]["boxes"]) if box["state"])
        answer = await lane.operate("choose", n=state["picture"]["n"], item=place, dish=3)
        assert answer == {"learnt": True}
        assert (await lane.phase("bill"))["total_fen"] == 2_100
        await lane.pay()
        assert lane.sales()[0].operator == 1
        lines = (tmp_path / "dishes" / "lessons.jsonl").read_text().splitlines()
        last = json.loads(lines[-1])
        assert (last["dish"], last["why"], last["who"]) == ("3", "corrected", "operator 1")
        assert last["said"] in {"1", "2", "3"}
        assert (tmp_path / "dishes" / "pictures" / f"{last['picture']}.jpg").stat().st_size > 500


async def test_nothing_taught_blocks_every_bill_and_tells_the_operator(tmp_path: Path) -> None:
    async with lane_at(tmp_path, dishes=()) as lane:
        lane.camera.tray(1)
        state = await lane.asks("unknown_thing")
        assert (state["total_fen"], lane.shell.hints()) == (0, [{"word": "nothing_taught", "plate": ""}])


async def test_a_dish_without_a_price_today_blocks_the_bill(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.tray(1)
        await lane.phase("bill")
        await put(lane.shell.desk.site, "prices", {"1:0": None})
        state = await lane.asks("unknown_thing")
        assert state["total_fen"] == 0


async def test_a_dish_is_taught_at_the_counter_from_three_pictures(tmp_path: Path) -> None:
    async with lane_at(tmp_path, dishes=(2, 3)) as lane:
        lane.camera.tray(1, 2)
        await lane.phase("ask", "bill")
        with pytest.raises(TeachingRefused, match="not_one_dish"):
            await lane.operate("teach_take", dish=1)
        for taken in (1, 2, 3):
            if taken == 3:
                with pytest.raises(TeachingRefused, match="few_pictures"):
                    await lane.operate("teach_keep", dish=1)
            lane.camera.tray(1)
            await asyncio.sleep(0.3)
            assert await lane.operate("teach_take", dish=1) == {"taken": taken}
        assert (await lane.operate("teach_take", dish=77))["message"]["key"] == "unknown_dish"
        assert await lane.operate("teach_keep", dish=1) == {"known": 3}
        assert (await lane.phase("bill"))["total_fen"] == 100


@pytest.mark.parametrize(
    ("picture", "word"), [(noise(), "blind"), (plain(0), "blind"), (plain(255), "idle")], ids=["noise", "dark", "white"]
)
async def test_a_frame_of_noise_or_of_nothing_bills_nothing_and_says_why(
    tmp_path: Path, picture: Picture, word: str
) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.tray(1)
        await lane.phase("bill")
        lane.camera.show(picture)
        await lane.asks(word)
        lane.devices["card"].tap(CARDS[1])
        await asyncio.sleep(0.2)
        assert lane.sales() == []


async def test_a_camera_unplugged_or_frozen_takes_the_lane_down_and_it_comes_back(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.tray(1)
        await lane.phase("bill")
        lane.camera.unplug("the picture has stood still for 10 s")
        assert (await lane.phase("down"))["total_fen"] == 0
        assert lane.shell.desk.alerts == {"camera": "the picture has stood still for 10 s"}
        lane.camera.plug()
        assert (await lane.phase("bill"))["total_fen"] == 100


async def test_chips_and_camera_that_agree_are_billed_by_the_chips(tmp_path: Path) -> None:
    reader = HandReader("reader")
    async with lane_at(tmp_path, reader) as lane:
        reader.lay()
        await lane.clear()
        lane.camera.tray(1, 2)
        reader.lay(RICE, PORK)
        assert (await lane.phase("bill"))["total_fen"] == 1_000
        await lane.pay()
        assert {line.plate for line in lane.sales()[0].lines} == {RICE, PORK}


@pytest.mark.parametrize(
    ("plates", "word"),
    [
        ((RICE,), "fewer_chips"),
        ((RICE, PORK, FISH), "more_chips"),
        ((RICE, FISH), "other_dish"),
        ((RICE, PRICELESS), "unknown_chip"),
    ],
)
async def test_chips_that_say_otherwise_than_the_camera_are_asked_about(
    tmp_path: Path, plates: tuple[str, ...], word: str
) -> None:
    reader = HandReader("reader")
    async with lane_at(tmp_path, reader) as lane:
        reader.lay()
        await lane.clear()
        lane.camera.tray(1, 2)
        reader.lay(*plates)
        assert (await lane.asks(word))["total_fen"] == 0
        lane.devices["card"].tap(CARDS[1])
        await asyncio.sleep(0.2)
        assert lane.sales() == []


async def test_a_scale_that_still_moves_holds_the_bill_up(tmp_path: Path) -> None:
    scale = HandScale("scale")
    async with lane_at(tmp_path, scale) as lane:
        scale.weigh(0)
        await lane.clear()
        scale.weigh(300, stable=False)
        await asyncio.sleep(0.1)
        lane.camera.tray(1)
        await lane.phase("reading")
        scale.weigh(420)
        assert (await lane.phase("bill"))["total_fen"] == 100


async def test_a_weight_that_does_not_fit_the_dishes_is_asked_about(tmp_path: Path) -> None:
    scale = HandScale("scale")
    async with lane_at(tmp_path, scale) as lane:
        scale.weigh(0)
        await lane.clear()
        portions = lane.shell.desk.portions
        portions.learn(1, (300, 310, 305))
        portions.learn(2, (420, 400, 410))
        lane.camera.tray(1)
        scale.weigh(712)
        await lane.asks("weight")
        scale.weigh(298)
        assert (await lane.phase("bill"))["total_fen"] == 100
        assert Portions(tmp_path / "dishes" / "portions.json").expected == portions.expected


async def test_portions_are_weighed_while_a_dish_is_taught(tmp_path: Path) -> None:
    scale = HandScale("scale")
    async with lane_at(tmp_path, scale, dishes=(2,)) as lane:
        lane.camera.tray(1)
        for grams in (300, 320, 310):
            scale.weigh(grams)
            await asyncio.sleep(0.3)
            await lane.operate("teach_take", dish=1)
        await lane.operate("teach_keep", dish=1)
        assert lane.shell.desk.portions.expected["1"].mean_g == 310


@pytest.mark.parametrize("torn", [b"", b'{"1": [3', b"[]", b'{"1": "x"}'])
def test_a_torn_file_of_weights_leaves_the_scale_without_a_say(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "portions.json"
    path.write_bytes(torn)
    portions = Portions(path)
    assert portions.expected == {}
    portions.learn(1, (200,))
    assert Portions(path).expected["1"].mean_g == 200


async def test_a_lane_that_starts_over_does_not_bill_what_may_have_been_paid_before(tmp_path: Path) -> None:
    camera = HandCamera("camera")
    async with canteen_at(tmp_path) as station:
        await taught(station.desk, (1,))
        camera.tray(1)
        shell = VisionShell(station.desk, PLATE_LANE, {"camera": camera}, "7.1.1.1.2")
        task = asyncio.create_task(shell.run())
        try:
            lane = Lane(shell, {"camera": camera})
            await lane.asks("clear_first")
            assert shell.total_fen() == 0, "what lies there has no bill"
            await lane.clear()
            camera.tray(1)
            await lane.phase("bill")
            assert shell.total_fen() > 0
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def test_real_trays_are_looked_at_without_a_charge_for_what_nobody_taught(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        found = sorted((require_samples() / "trays").rglob("*.jpg"))[:3]
        for path in found:
            picture = cv2.imread(str(path))
            assert picture is not None
            lane.camera.show(np.asarray(cv2.resize(picture, (960, 720)), np.uint8))
            await lane.looked()
            assert lane.state["total_fen"] == 0 or lane.state["phase"] != "bill"


def test_a_damaged_network_for_dishes_is_not_used_and_our_own_takes_its_place(tmp_path: Path) -> None:
    networks = Networks(tmp_path / "models")
    path = networks.store / networks.named(ROLE).file
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not the network that was named")
    eyes = Eyes(networks.store, tmp_path / "dishes", now_ms=lambda: 1)
    eyes.teach(1, [eyes.single(drawn(1, seed=seed)) for seed in (1, 2, 3)], who="operator 1")
    assert eyes.look(drawn(1), {"1"}).items[0].dish == 1
    assert eyes.describer.startswith("small")


def test_grain_is_no_change_and_one_more_dish_is() -> None:
    stirring = Stirring()
    assert stirring.stirred(drawn(1, 2))
    grain = np.random.default_rng(2).integers(-3, 4, (480, 640, 3))
    assert not stirring.stirred(np.asarray(np.clip(drawn(1, 2) + grain, 0, 255), np.uint8))
    assert stirring.stirred(drawn(1, 2, 3))
    stirring.forget()
    assert stirring.stirred(drawn(1, 2, 3))
