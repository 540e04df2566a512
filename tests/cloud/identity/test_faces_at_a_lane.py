"""From the console to a lane: who is enrolled there is known here, at that site alone, until consent is withdrawn."""

import asyncio
from typing import Any

import httpx
import pytest

from edge.stations.canteen.faces import READY, Faces
from edge.stations.canteen.seeing import Looking
from models.face.decision import Answer
from protocols.payments.reference import FaceRecord
from protocols.sync.codec import decode
from tests.support.domains import made
from tests.support.faces import agree, enrol
from tests.support.networks import photo, require_networks
from tests.support.small_campus import Campus

pytestmark = pytest.mark.capability("SET-07", "PLT-01", "PLT-10")


@pytest.mark.rule(16)
async def test_rule_16_a_face_enrolled_in_the_console_is_known_at_the_lane_until_it_is_withdrawn(
    campus: Campus, client: httpx.AsyncClient
) -> None:
    held: list[Any] = []

    async def replicate() -> None:
        rows = await campus.gateway.replica("faces")
        held[:] = [decode(row.body or b"", FaceRecord) for row in rows.values()]

    looking = Looking()
    faces = Faces(looking, require_networks().store, lambda: held, cap_fen=5_000)
    try:
        await agree(client, campus.person, campus.site)
        await enrol(client, campus.person)
        await replicate()
        await faces.open()
        assert (faces.state, faces.people, faces.of_another_network) == (READY, 1, 0)
        sight = await faces.look(photo("fr-obama/02.jpg"), amount_fen=1_200)
        assert sight is not None
        assert [each.person for each in sight.candidates] == [campus.person]
        assert sight.candidates[0].score > 0.6
        stranger = await faces.look(photo("fr-biden/01.jpg"), amount_fen=1_200)
        assert stranger is not None
        assert stranger.decision.answer is Answer.STRANGER

        await made(client, f"/identity/people/{campus.person}/face-withdrawal", {})
        await replicate()
        faces.changed()
        assert not faces.holds(campus.person)
        gone = await faces.look(photo("fr-obama/02.jpg"), amount_fen=1_200)
        assert gone is not None
        assert gone.candidates == ()
    finally:
        await asyncio.to_thread(looking.close)
