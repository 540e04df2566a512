"""Enrolments that gateways hand in: the same checks, one effect for an id, a word for every refusal."""

import json
import re
from dataclasses import dataclass
from datetime import timedelta

import httpx
import msgspec
import numpy as np
import pytest

from cloud.core.clock import ManualClock
from cloud.domains.identity.faces_words import CONSENT_WORDINGS, NEWEST_WORDING
from models.face.gallery import Gallery
from models.face.parts import open_parts
from models.face.picture import Picture
from models.face.pipeline import FacePipeline
from models.registry import Networks
from protocols.payments.reference import FaceRecord
from protocols.sync.codec import decode
from protocols.sync.messages import FaceEnrolment, FaceEnrolmentAnswer, Fault
from protocols.values.instants import to_ms
from tests.support.domains import API, Cloud, listed, made
from tests.support.faces import OBAMA, agree, enrol, face_of
from tests.support.networks import photo, require_networks
from tests.support.small_campus import Campus, add_person
from tools.environment import ROOT

pytestmark = pytest.mark.capability("PLT-01", "SET-07")


@pytest.fixture(scope="module")
def templates() -> tuple[bytes, ...]:
    """What a gateway's camera makes of one person."""
    parts = open_parts(Networks(require_networks().store))
    pipeline, policy = parts.pipeline(), parts.policy(people=1, cap_fen=0)
    return tuple(template_of(pipeline, photo(name), policy) for name in OBAMA)


def template_of(pipeline: FacePipeline, picture: Picture, policy: object) -> bytes:
    embedding = pipeline.look(picture, Gallery.empty(), policy).embedding  # type: ignore[arg-type]
    assert embedding is not None
    return embedding.astype("<f4").tobytes()


@dataclass
class Kiosk:
    """A gateway with an operator, who enrols somebody."""

    campus: Campus
    sent: FaceEnrolment

    async def hand_in(self, **changes: object) -> FaceEnrolmentAnswer:
        answer = await self.campus.gateway.post("/face-enrolments", msgspec.structs.replace(self.sent, **changes))
        assert answer.is_success, answer.content
        return decode(answer.content, FaceEnrolmentAnswer)

    async def record(self) -> FaceRecord | None:
        row = (await self.campus.gateway.replica("faces")).get(f"{self.sent.person}@0")
        return None if row is None else decode(row.body or b"", FaceRecord)


@pytest.fixture
async def kiosk(campus: Campus, client: httpx.AsyncClient, clock: ManualClock, templates: tuple[bytes, ...]) -> Kiosk:
    body = {"person_id": campus.person, "card_uid": "0A0B0C0D", "pin": "135790", "refund_limit_fen": 1000}
    operator = (await made(client, "/identity/operators", body))["id"]
    at_ms = to_ms(clock.now()) - 60_000
    sent = FaceEnrolment("gw-0001-7f3a", campus.person, operator, "mobilefacenet", templates, 1, at_ms)
    return Kiosk(campus, sent)


async def test_a_gateway_s_enrolment_is_stored_with_its_consent_and_comes_back_as_a_record(
    cloud: Cloud, kiosk: Kiosk, client: httpx.AsyncClient
) -> None:
    answer = await kiosk.hand_in()
    assert (answer.word, answer.version > 0) == ("stored", True)
    found = await kiosk.record()
    assert found is not None
    assert found.templates == kiosk.sent.templates
    shown = await face_of(client, kiosk.sent.person)
    assert shown["enrolled"]["source"].startswith("gateway:")
    assert [site["agreed"] for site in shown["sites"]] == [True]
    await cloud.settle()
    records = await listed(client, "/audit/records", search="face_enrol")
    assert [each["actor"].split(":")[0] for each in records] == ["operator"]


async def test_the_same_id_again_gets_the_first_answer_and_stores_nothing_after_a_withdrawal(
    kiosk: Kiosk, client: httpx.AsyncClient
) -> None:
    first = await kiosk.hand_in()
    assert await kiosk.hand_in() == first
    await made(client, f"/identity/people/{kiosk.sent.person}/face-withdrawal", {})
    assert await kiosk.hand_in() == first
    assert await kiosk.record() is None
    other = await kiosk.campus.gateway.post("/face-enrolments", msgspec.structs.replace(kiosk.sent, operator=5))
    assert (other.status_code, decode(other.content, Fault).code) == (409, "idempotency_key_reused")


@pytest.mark.capability("PLT-10")
@pytest.mark.rule(16)
async def test_rule_16_what_was_taken_before_a_withdrawal_and_arrives_after_it_is_not_stored(
    kiosk: Kiosk, client: httpx.AsyncClient, clock: ManualClock
) -> None:
    await kiosk.hand_in()
    await made(client, f"/identity/people/{kiosk.sent.person}/face-withdrawal", {})
    late = await kiosk.hand_in(id="gw-0002-late", at_ms=kiosk.sent.at_ms + 1000)
    assert late.word == "withdrawn"
    clock.move(timedelta(minutes=10))
    anew = await kiosk.hand_in(id="gw-0003-anew", at_ms=to_ms(clock.now()) - 1000)
    assert anew.word == "stored"
    assert await kiosk.record() is not None


async def test_every_refusal_has_its_word_and_changes_nothing(
    kiosk: Kiosk, campus: Campus, client: httpx.AsyncClient
) -> None:
    left = await add_person(client, campus, "E9")
    await made(client, f"/identity/people/{left}/leave", {})
    one = kiosk.sent.templates[0]
    stranger = np.random.default_rng(1).standard_normal(128)
    other_face = (stranger / np.linalg.norm(stranger)).astype("<f4").tobytes()
    changes: dict[str, dict[str, object]] = {
        "no_person": {"person": 999_999}, "no_operator": {"operator": 999_999}, "no_consent": {"wording": 0},
        "wording_old": {"wording": 77}, "network_unknown": {"network": "yunet"}, "unfit": {"templates": (one,)},
    }  # fmt: skip
    for word, change in changes.items():
        assert (await kiosk.hand_in(id=f"gw-{word}", **change)).word == word
    assert (await kiosk.hand_in(id="gw-left-one", person=left)).word == "no_person"
    for n, wrong in enumerate(([one] * 3, [one, one[:500], one], [one, bytes(512), other_face], [one] * 11)):
        assert (await kiosk.hand_in(id=f"gw-unfit-{n}", templates=tuple(wrong))).word == "unfit"
    assert (await face_of(client, campus.person))["sites"][0]["agreed"] is False
    assert await kiosk.record() is None


async def test_a_likeness_is_left_to_an_administrator_and_an_older_picture_to_nobody(
    kiosk: Kiosk, campus: Campus, client: httpx.AsyncClient
) -> None:
    other = await add_person(client, campus, "E2")
    await agree(client, other, campus.site)
    await enrol(client, other)
    assert (await kiosk.hand_in()).word == "looks_like_another"
    older = await kiosk.hand_in(id="gw-older-one", person=other)
    assert older.word == "older"


async def test_only_a_gateway_in_service_may_hand_in(cloud: Cloud, kiosk: Kiosk, client: httpx.AsyncClient) -> None:
    async with cloud.client() as stranger:
        answer = await stranger.post("/edge/v1/face-enrolments", content=b"\x90")
    assert (answer.status_code, decode(answer.content, Fault).code) == (401, "unauthenticated")
    broken = await kiosk.campus.gateway.post("/face-enrolments", ("x", 1))
    assert decode(broken.content, Fault).code == "malformed"
    nameless = await kiosk.campus.gateway.post("/face-enrolments", msgspec.structs.replace(kiosk.sent, id="short"))
    assert decode(nameless.content, Fault).code == "malformed"
    who = kiosk.campus.gateway.who
    assert who is not None
    revoked = await client.post(f"{API}/devices/gateways/{who.device}/revoke", json={"reason": "报废"})
    assert revoked.is_success, revoked.text
    refused = await kiosk.campus.gateway.post("/face-enrolments", kiosk.sent)
    assert refused.status_code == 401


def test_the_lane_s_screen_shows_the_very_wording_of_its_number() -> None:
    """A person agrees to a numbered text: what the screen shows under the number is what the cloud keeps under it."""
    text = (ROOT / "edge" / "kiosk" / "screens" / "consent.js").read_text(encoding="utf-8")
    number = re.search(r"WORDING = (\d+);", text)
    assert number is not None
    lines = [json.loads(each) for each in re.findall(r"^\s*(\[\".*\"\]),?$", text, re.MULTILINE)]
    wording = CONSENT_WORDINGS[int(number[1])]
    assert int(number[1]) == NEWEST_WORDING
    assert "\n".join(line[0] for line in lines) == wording["zh-CN"]
    assert "\n".join(line[1] for line in lines) == wording["en"]
