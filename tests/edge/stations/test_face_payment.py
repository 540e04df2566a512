"""Faces pay at lanes: real networks over drawn faces, a real store, and everything that must not pay."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from firmware_sim.camera import drawing

from edge.kiosk.server import Act
from edge.stations.canteen.plate_shell import PlateShell
from edge.stations.canteen.pos_shell import PosShell
from edge.stations.canteen.shell import LaneShell
from edge.stations.canteen.station import Station
from edge.stations.site import RecognitionSettings
from models.face.parts import FaceParts, open_parts
from models.registry import Networks
from protocols.journal.kinds import Kind
from protocols.payments import facts
from protocols.payments.facts import Settlement
from protocols.payments.reference import CredentialKind, FaceRecord
from tests.support.cameras import HandCamera, noise
from tests.support.canteen import (
    CARDS,
    FISH,
    PIN,
    PLATE_LANE,
    PORK,
    POS_LANE,
    RICE,
    HandCard,
    HandReader,
    canteen_at,
    put,
    until,
)
from tests.support.networks import random_people, require_networks

pytestmark = [pytest.mark.capability("SET-07")]

ONE = 1  # the drawn face whose liveness the networks believe


@cache
def parts() -> FaceParts:
    return open_parts(require_networks())


@cache
def record(person: int, face: int = ONE) -> FaceRecord:
    """Templates of a drawn face, as enrolment would send them down."""
    made = []
    for seed in (901, 902, 903):
        picture = drawing.face(face, np.random.default_rng(seed))
        aligned = parts().embedder.align(picture, parts().detector.detect(picture)[0])
        assert aligned is not None
        embedding = parts().embedder.embed(aligned)
        assert embedding is not None
        made.append(embedding.astype("<f4").tobytes())
    return FaceRecord(person, parts().name, tuple(made))


def somebody(person: int) -> FaceRecord:
    """Whose face nobody shows."""
    vector = random_people(1)[0][0]
    return FaceRecord(person, parts().name, (vector.astype("<f4").tobytes(),))


class Lane:
    """A running lane with a camera for faces."""

    def __init__(self, shell: LaneShell, station: Station, devices: dict[str, Any]) -> None:
        self.shell, self.station, self.devices = shell, station, devices
        self.camera: HandCamera = devices["face"]

    @property
    def state(self) -> dict[str, Any]:
        return self.shell.desk.kiosk.state(self.shell.lane.code)

    async def phase(self, *words: str) -> dict[str, Any]:
        await until(lambda: self.state.get("phase") in words, within_s=20)
        return self.state

    async def face(self, state: str, word: str = "") -> dict[str, Any]:
        await until(
            lambda: (told := self.state.get("face")) and told["state"] == state and word in told["word"], within_s=20
        )
        found: dict[str, Any] = self.state["face"]
        return found

    async def looks(self, frames: int = 8) -> None:
        """Let the camera show so many more frames."""
        seen = self.camera.taken
        await until(lambda: self.camera.taken >= seen + frames, within_s=20)

    async def withdraw(self, person: int) -> None:
        await put(self.station.site, "faces", {str(person): None})

    def sales(self) -> list[Settlement]:
        journal = self.station.site.journal
        found = [journal.entry(seq) for seq in range(1, journal.committed().seq + 1)]
        return [facts.decode(Settlement, entry.payload) for entry in found if entry.kind == Kind.SETTLEMENT]

    async def act(self, name: str, **fields: Any) -> dict[str, Any]:
        return await self.shell.act(Act(self.shell.lane.code, "diner", name, 1, fields))


@asynccontextmanager
async def lane_at(
    folder: Path,
    *,
    kind: str = "plate",
    networks: Path | None = None,
    people: tuple[FaceRecord, ...] = (),
    **options: Any,
) -> AsyncIterator[Lane]:
    recognition = RecognitionSettings(networks=str(networks or require_networks().store), **options)
    async with canteen_at(folder, recognition=recognition) as station:
        devices: dict[str, Any] = {"card": HandCard("card"), "face": HandCamera("face", "face")}
        devices["face"].face(None)
        if kind == "plate":
            devices["reader"] = HandReader("reader")
        made = (PlateShell, PLATE_LANE) if kind == "plate" else (PosShell, POS_LANE)
        await put(station.site, "faces", {str(one.person): one for one in people})
        shell = made[0](station.desk, made[1], devices, "7.1.1.1.1")
        tasks = [asyncio.create_task(shell.run()), asyncio.create_task(station.desk.faces.run())]
        try:
            await until(lambda: station.desk.faces.state != "loading", within_s=30)
            yield Lane(shell, station, devices)
        finally:
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
            station.desk.looking.close()


async def test_a_known_face_pays_the_bill_that_waits(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1),)) as lane:
        lane.camera.face(ONE)
        await lane.looks()
        assert lane.sales() == []  # nothing is to be paid: nobody is looked at
        lane.devices["reader"].lay(RICE, PORK)
        state = await lane.phase("paid")
        assert state["receipt"]["person"] == "张1*"
        (sale,) = lane.sales()
        assert (sale.person, sale.amount_fen, sale.credential_kind) == (1, 1_000, CredentialKind.FACE)


async def test_a_face_pays_at_a_stall_too(tmp_path: Path) -> None:
    async with lane_at(tmp_path, kind="pos", people=(record(1),)) as lane:
        lane.camera.face(ONE)
        assert isinstance(lane.shell, PosShell)
        lane.shell.order_amount(1_250, operator=1)
        await lane.phase("paid")
        assert lane.sales()[0].amount_fen == 1_250


async def test_a_stranger_is_told_other_ways_and_a_card_pays(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.face(ONE)
        lane.devices["reader"].lay(RICE)
        await lane.face("other", "nobody_like_this")
        lane.devices["card"].tap(CARDS[2])
        await lane.phase("paid")
        assert [(sale.person, sale.credential_kind) for sale in lane.sales()] == [(2, CredentialKind.CARD)]


async def test_above_the_cap_the_pin_is_asked_and_then_pays(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1),), face_cap_fen=1_000) as lane:
        lane.camera.face(ONE)
        lane.devices["reader"].lay(FISH)
        told = await lane.face("confirm", "over_cap")
        assert told["person"] == "张1*"
        assert lane.sales() == []
        await lane.act("face_pin", digits="000000")
        await lane.phase("refused")
        assert lane.sales() == []
        await lane.phase("bill")
        await lane.face("confirm")
        await lane.act("face_pin", digits=PIN)
        await lane.phase("paid")
        assert [(sale.person, sale.amount_fen) for sale in lane.sales()] == [(1, 1_200)]


async def test_a_pin_pays_nobody_whom_the_camera_does_not_ask_for(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1),)) as lane:
        lane.devices["reader"].lay(FISH)
        await lane.phase("bill")
        await lane.act("face_pin", digits=PIN)
        await lane.looks()
        assert (lane.sales(), lane.state["phase"]) == ([], "bill")


@pytest.mark.parametrize(("attack", "motion"), [("print", True), ("screen", True), ("screen", False)])
async def test_a_face_on_paper_or_a_screen_pays_nothing_alone(tmp_path: Path, attack: str, motion: bool) -> None:
    """The networks alone believe a drawn face on drawn paper: paper is what asking for movement is for."""
    async with lane_at(tmp_path, people=(record(1),), face_needs_motion=motion) as lane:
        lane.camera.face(ONE, attack=attack)
        lane.devices["reader"].lay(RICE)
        await lane.phase("bill")
        await lane.looks(20)
        await asyncio.sleep(1.0)
        assert lane.sales() == []


@pytest.mark.rule(16)
async def test_rule_16_who_withdrew_cannot_pay_from_the_moment_the_change_is_here(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1), somebody(2))) as lane:
        faces = lane.station.desk.faces
        assert (faces.people, faces.holds(1)) == (2, True)
        await lane.withdraw(1)
        assert not faces.holds(1)
        lane.camera.face(ONE)
        lane.devices["reader"].lay(RICE)
        await lane.phase("bill")
        await lane.looks(15)
        assert lane.sales() == []
        assert faces.people == 1


async def test_who_enrols_now_can_pay_now(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        lane.camera.face(ONE)
        lane.devices["reader"].lay(RICE)
        await lane.face("other")
        await put(lane.station.site, "faces", {"3": record(3)})
        await lane.phase("paid")
        assert lane.sales()[0].person == 3


async def test_templates_of_another_network_are_not_compared(tmp_path: Path) -> None:
    other = FaceRecord(1, "another-network", record(1).templates)
    async with lane_at(tmp_path, people=(other,)) as lane:
        faces = lane.station.desk.faces
        assert (faces.people, faces.of_another_network) == (0, 1)
        lane.camera.face(ONE)
        lane.devices["reader"].lay(RICE)
        await lane.face("other", "nobody_like_this")


async def test_two_people_alike_are_asked_for_something_else(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1), FaceRecord(2, parts().name, record(1).templates))) as lane:
        lane.camera.face(ONE)
        lane.devices["reader"].lay(RICE)
        await lane.face("other", "close_candidates")
        assert lane.sales() == []


async def test_the_same_face_does_not_pay_twice_for_standing_there(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1),)) as lane:
        lane.camera.face(ONE)
        lane.devices["reader"].lay(RICE)
        await lane.phase("paid")
        lane.devices["reader"].lay()
        lane.devices["reader"].lay(PORK)
        await lane.phase("bill")
        told = await lane.face("confirm", "paid_before")
        assert (told["person"], len(lane.sales())) == ("张1*", 1)


async def test_nobody_noise_darkness_and_a_crowd_charge_nothing(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1),)) as lane:
        lane.devices["reader"].lay(RICE)
        await lane.phase("bill")
        await lane.face("looking", "no_face")
        one = drawing.face(ONE, np.random.default_rng(1))
        crowd = np.tile(cv2.resize(one, (128, 96)), (5, 8, 1))
        for picture in (noise(), np.zeros((480, 640, 3), np.uint8), np.zeros((2, 2, 3), np.uint8), crowd):
            lane.camera.show(np.asarray(picture, dtype=np.uint8))
            await lane.looks()
            await asyncio.sleep(0.3)
            assert (lane.sales(), lane.state["phase"]) == ([], "bill")
        assert crowd.shape == (480, 1024, 3)


async def test_a_camera_that_goes_leaves_every_other_way_to_pay(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1),)) as lane:
        lane.camera.unplug("the stream ended")
        await until(lambda: "face" in lane.station.desk.alerts)
        lane.devices["reader"].lay(RICE)
        await lane.phase("bill")
        lane.devices["card"].tap(CARDS[2])
        await lane.phase("paid")
        assert lane.sales()[0].person == 2


async def test_without_networks_the_lane_says_that_faces_cannot_pay(tmp_path: Path) -> None:
    async with lane_at(tmp_path / "site", networks=tmp_path / "nothing") as lane:
        if lane.station.desk.faces.state == "ready":
            pytest.skip("dlib is installed here and takes the networks' place")
        lane.devices["reader"].lay(RICE)
        assert (await lane.face("unavailable", "absent"))["person"] == ""
        lane.devices["card"].tap(CARDS[1])
        await lane.phase("paid")


async def test_a_network_file_with_a_wrong_hash_is_not_used(tmp_path: Path) -> None:
    store = tmp_path / "models"
    for name in ("yunet", "mobilefacenet"):
        shutil.copytree(require_networks().store / name, store / name)
    path = store / Networks(store).entry("mobilefacenet").file
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    async with lane_at(tmp_path / "site", networks=store) as lane:
        lane.devices["reader"].lay(RICE)
        await lane.face("unavailable", "damaged")
        lane.devices["card"].tap(CARDS[1])
        await lane.phase("paid")
        assert lane.station.desk.faces.state == "damaged"
        assert [sale.person for sale in lane.sales()] == [1], "the card pays all the same"
