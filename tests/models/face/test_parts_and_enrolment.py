"""What a machine without networks falls back to, and how a person becomes a template."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import NetworkDamaged, NetworkUnavailable
from models.face import dlib_faces, parts
from models.face.decision import Policy
from models.face.enrolment import PROBLEM_WORDS, EnrolmentSession, Problem
from models.face.errors import EnrolmentRefused
from models.face.gallery import Gallery
from models.face.hints import Hint
from models.face.liveness import Liveness, Verdict
from models.face.parts import open_parts
from models.face.picture import Picture
from models.face.pipeline import FacePipeline, Sight
from models.face.vault import Consent
from models.registry import Networks
from tests.support.networks import photo

CONSENT = (Consent(1, 2, 3),)
POLICY = Policy(0.55, 0.35)


def test_stored_networks_are_taken_first(networks: Networks) -> None:
    found = open_parts(networks)
    assert found.name == "mobilefacenet"
    assert found.liveness is not None
    small, large = (found.policy(people=people, cap_fen=3_000).accept for people in (100, 50_000))
    assert 0.45 < small < large < 0.8


def test_without_networks_dlib_is_taken_where_it_is_installed(tmp_path: Path) -> None:
    if not dlib_faces.installed():
        pytest.skip("needs dlib-bin and face_recognition_models")
    found = open_parts(Networks(tmp_path))
    assert found.name == "dlib"
    assert found.liveness is None, "so a face only ever asks for a second factor"
    pipeline, gallery = found.pipeline(), Gallery.empty()
    policy = replace(found.policy(people=1, cap_fen=3_000, needs_liveness=False), accept=found.likeness.accept)
    first = pipeline.look(photo("fr-obama/01.jpg"), gallery, policy)
    assert first.embedding is not None
    gallery.add(7, first.embedding[None])
    assert pipeline.look(photo("fr-obama/03.jpg"), gallery, policy).decision.person == 7
    assert pipeline.look(photo("fr-biden/01.jpg"), gallery, policy).decision.person is None


def test_without_networks_and_without_dlib_both_ways_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "installed", lambda: False)
    with pytest.raises(NetworkUnavailable, match=r"models fetch yunet.*pip install"):
        open_parts(Networks(tmp_path))


def test_a_damaged_network_is_not_replaced_in_silence(tmp_path: Path) -> None:
    entry = Networks(tmp_path).entry("yunet")
    (tmp_path / entry.file).parent.mkdir()
    (tmp_path / entry.file).write_bytes(b"not the network")
    with pytest.raises(NetworkDamaged):
        open_parts(Networks(tmp_path))


def seen(pipeline: FacePipeline, name: str, gallery: Gallery) -> Sight:
    return pipeline.look(photo(name), gallery, POLICY)


@pytest.mark.capability("SET-07")
def test_good_pictures_of_one_face_become_an_enrolment(pipeline: FacePipeline) -> None:
    session = EnrolmentSession(9, Gallery.empty(), POLICY)
    steps = [session.add(seen(pipeline, f"fr-obama/0{number}.jpg", Gallery.empty())) for number in (1, 3, 4)]
    assert [step.taken for step in steps] == [True, True, True]
    assert steps[0].problems == (Problem.TOO_FEW,)
    assert steps[-1].problems == ()
    enrolment = session.enrolment(CONSENT, 5)
    assert enrolment.vectors.shape == (3, 128)


def test_another_face_or_the_same_picture_again_is_not_taken(pipeline: FacePipeline) -> None:
    session = EnrolmentSession(9, Gallery.empty(), POLICY)
    first = seen(pipeline, "fr-obama/01.jpg", Gallery.empty())
    assert session.add(first).taken
    assert not session.add(first).taken
    assert not session.add(seen(pipeline, "fr-biden/01.jpg", Gallery.empty())).taken


def test_a_poor_picture_is_answered_with_hints(pipeline: FacePipeline) -> None:
    dark: Picture = (photo("fr-obama/01.jpg") * 0.12).astype(np.uint8)
    session = EnrolmentSession(9, Gallery.empty(), POLICY)
    step = session.add(pipeline.look(dark, Gallery.empty(), POLICY))
    assert not step.taken
    assert Hint.MORE_LIGHT in step.hints
    assert session.add(pipeline.look(np.zeros((480, 640, 3), np.uint8), Gallery.empty(), POLICY)).hints == (
        Hint.NO_FACE,
    )


def test_whoever_looks_like_somebody_enrolled_waits_for_an_administrator(pipeline: FacePipeline) -> None:
    gallery = Gallery.empty()
    known = seen(pipeline, "fr-obama/01.jpg", gallery)
    assert known.embedding is not None
    gallery.add(4, known.embedding[None])
    session, confirmed = EnrolmentSession(9, gallery, POLICY), EnrolmentSession(9, gallery, POLICY, confirmed=True)
    steps = []
    for number in (2, 3, 4):
        steps.append(session.add(seen(pipeline, f"fr-obama/0{number}.jpg", gallery)))
        confirmed.add(seen(pipeline, f"fr-obama/0{number}.jpg", gallery))
    assert steps[-1].lookalikes == (4,)
    with pytest.raises(EnrolmentRefused, match="looks_like_another"):
        session.enrolment(CONSENT, 5)
    assert confirmed.enrolment(CONSENT, 5).person == 9


def test_a_picture_held_up_spoils_the_enrolment(pipeline: FacePipeline) -> None:
    session = EnrolmentSession(9, Gallery.empty(), POLICY)
    sights = [seen(pipeline, f"fr-obama/0{number}.jpg", Gallery.empty()) for number in (1, 3, 4)]
    for sight in sights:
        session.add(sight)
    session.add(replace(sights[0], liveness=Liveness(Verdict.FAILED, 0.0, "test")))
    with pytest.raises(EnrolmentRefused, match="attack"):
        session.enrolment(CONSENT, 5)


def test_without_consent_there_is_no_enrolment(pipeline: FacePipeline) -> None:
    session = EnrolmentSession(9, Gallery.empty(), POLICY)
    for number in (1, 3, 4):
        session.add(seen(pipeline, f"fr-obama/0{number}.jpg", Gallery.empty()))
    with pytest.raises(EnrolmentRefused, match="consent"):
        session.enrolment((), 5)
    assert set(PROBLEM_WORDS) == set(Problem)
