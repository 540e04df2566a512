"""Enrolling a face at a lane: an operator, a card, a camera, and the cloud's word."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cloud.domains.identity.faces_words import CONSENT_WORDINGS, NEWEST_WORDING
from edge import kiosk
from edge.core.errors import Rejected, Unreachable
from edge.kiosk.server import Act
from edge.stations.canteen import enrolling
from edge.stations.canteen.identify import Presented
from models.face.picture import Picture
from protocols.canteen.reference import Operator
from protocols.payments.reference import FaceRecord
from protocols.sync.messages import FaceEnrolment, FaceEnrolmentAnswer
from tests.edge.stations.test_face_payment import Lane, lane_at, record
from tests.support.canteen import CARDS, RICE, put, until
from tests.support.networks import photo

pytestmark = [pytest.mark.capability("SET-07", "PLT-01")]

OPERATOR = Operator(1, 90, "李*", "", b"", 0)
PHOTOS = [f"fr-obama/{number:02}.jpg" for number in (1, 2, 3, 4)]


class Cloud:
    """Answers enrolments with a word; `silent` times it does not answer at all."""

    def __init__(self, word: str = "stored", *, silent: int = 0, refuses: bool = False) -> None:
        self.word, self.silent, self.refuses = word, silent, refuses
        self.sent: list[FaceEnrolment] = []

    async def enrol(self, sent: FaceEnrolment) -> FaceEnrolmentAnswer:
        self.sent.append(sent)
        if self.refuses:
            raise Rejected("device_frozen", "a person must look")
        if len(self.sent) <= self.silent:
            raise Unreachable("no answer")
        return FaceEnrolmentAnswer(self.word, 1)


def pose(number: int) -> Picture:
    """A photograph, each a little otherwise than the last."""
    picture = photo(PHOTOS[number % len(PHOTOS)])
    return np.ascontiguousarray(picture if number < len(PHOTOS) else picture[:, ::-1])


async def begin(lane: Lane, cloud: Cloud, tapped: Presented | None, *, agrees: bool = True) -> dict[str, Any]:
    object.__setattr__(lane.station.site, "enrol", cloud.enrol)

    async def tap() -> Presented | None:
        return tapped

    assert lane.shell.faces is not None
    act: Callable[[Act, Operator], Awaitable[dict[str, Any]]] = lane.shell.faces.enrolling.acts(tap)["enrol"]
    answer = await act(Act("A1", "operator", "enrol", 1, {}), OPERATOR)
    if agrees:
        await lane.act("enrol_agree", wording=NEWEST_WORDING)
    return answer


async def look_at_camera(lane: Lane) -> dict[str, Any]:
    """Turn this way and that until the lane has made up its mind."""
    for number in range(60):
        lane.camera.show(pose(number % 8))
        await lane.looks(4)
        told = lane.state.get("face") or {}
        if told.get("state") in {"enrol_stored", "enrol_failed"}:
            return dict(told)
    raise AssertionError(f"nothing came of it: {lane.state.get('face')}")


async def test_a_person_enrols_at_the_lane_and_pays_by_face_at_once(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        cloud = Cloud()
        assert await begin(lane, cloud, Presented("card", CARDS[3]), agrees=False) == {"person": "张3*"}
        lane.camera.show(pose(0))
        await lane.looks(12)
        assert (lane.state["face"]["state"], lane.state["face"]["taken"]) == ("enrol_consent", 0)
        await lane.act("enrol_agree", wording=NEWEST_WORDING)
        told = await look_at_camera(lane)
        assert (told["state"], told["person"], told["taken"]) == ("enrol_stored", "张3*", 5)
        (sent,) = cloud.sent
        assert (sent.person, sent.operator, sent.network, sent.wording) == (3, 1, "mobilefacenet", 1)
        assert [len(template) for template in sent.templates] == [512] * 5
        await put(lane.station.site, "faces", {"3": FaceRecord(3, sent.network, sent.templates)})
        await until(lambda: lane.station.desk.faces.people == 1)
        lane.camera.show(pose(0))
        lane.devices["reader"].lay(RICE)
        await lane.phase("paid")
        assert lane.sales()[0].person == 3


async def test_the_same_enrolment_is_sent_again_where_the_answer_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrolling, "_BETWEEN_TRIES_S", 0.01)
    async with lane_at(tmp_path) as lane:
        cloud = Cloud(silent=2)
        await begin(lane, cloud, Presented("card", CARDS[3]))
        assert (await look_at_camera(lane))["state"] == "enrol_stored"
        assert len({sent.id for sent in cloud.sent}) == 1
        assert len(cloud.sent) == 3


@pytest.mark.parametrize(
    ("cloud", "word"),
    [(Cloud("no_consent"), "no_consent"), (Cloud(refuses=True), "refused")],
    ids=["consent", "frozen"],
)
async def test_what_the_cloud_does_not_store_is_told_and_nobody_is_enrolled(
    tmp_path: Path, cloud: Cloud, word: str
) -> None:
    async with lane_at(tmp_path) as lane:
        await begin(lane, cloud, Presented("card", CARDS[3]))
        told = await look_at_camera(lane)
        assert (told["state"], told["word"], lane.station.desk.faces.people) == ("enrol_failed", word, 0)


async def test_nobody_is_enrolled_without_a_card_or_a_network(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1),)) as lane:
        assert (await begin(lane, Cloud(), None))["message"]["key"] == "no_tap"
        assert (await begin(lane, Cloud(), Presented("card", "FFFFFFFF")))["message"]["key"] == "unknown_credential"
        lane.station.site.link.set_online(online=False)
        assert (await begin(lane, Cloud(), Presented("card", CARDS[3])))["message"]["key"] == "enrol_offline"


async def test_who_says_no_is_not_looked_at(tmp_path: Path) -> None:
    async with lane_at(tmp_path) as lane:
        cloud = Cloud()
        await begin(lane, cloud, Presented("card", CARDS[3]), agrees=False)
        await lane.act("enrol_decline")
        lane.camera.show(pose(0))
        await lane.looks(6)
        assert (lane.state["face"]["state"], lane.state["face"]["word"]) == ("enrol_failed", "declined")
        assert cloud.sent == []


def test_the_screen_shows_the_very_wording_that_the_cloud_numbers() -> None:
    text = (Path(kiosk.__file__).parent / "screens" / "consent.js").read_text(encoding="utf-8")
    assert f"WORDING = {NEWEST_WORDING};" in text
    pairs = zip(*(CONSENT_WORDINGS[NEWEST_WORDING][name].split("\n") for name in ("zh-CN", "en")), strict=True)
    assert all(f"[{json.dumps(zh, ensure_ascii=False)}, {json.dumps(en)}]" in text for zh, en in pairs)


async def test_while_somebody_enrols_their_face_pays_nothing(tmp_path: Path) -> None:
    async with lane_at(tmp_path, people=(record(1),)) as lane:
        await begin(lane, Cloud(silent=9), Presented("card", CARDS[3]))
        lane.camera.face(1)
        lane.devices["reader"].lay(RICE)
        assert lane.shell.faces is not None
        for _ in range(10):
            await lane.looks(2)
            assert lane.sales() == [] or not lane.shell.faces.enrolling.busy
            assert lane.state["phase"] in {"reading", "bill"} or not lane.shell.faces.enrolling.busy
