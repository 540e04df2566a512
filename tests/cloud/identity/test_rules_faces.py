"""Templates as rows and back, sealed and opened, whatever their network's size."""

import numpy as np
import pytest

from cloud.core.crypto import OrganisationKeys, SealBroken
from cloud.domains.identity import faces_store, rules_faces
from cloud.domains.identity.faces_pictures import read_picture
from models.face.decision import Policy
from models.face.gallery import Gallery
from tests.support.networks import random_people

KEYS = OrganisationKeys(1, {1: bytes(16)}, bytes(32))


def rows_of(count: int, dimensions: int) -> np.ndarray:
    rows = np.random.default_rng(dimensions).standard_normal((count, dimensions)).astype(np.float32)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


@pytest.mark.capability("PLT-10")
@pytest.mark.parametrize("dimensions", [128, 512])
def test_sealed_templates_open_as_they_were_for_their_person_alone(dimensions: int) -> None:
    rows = rows_of(3, dimensions)
    sealed = faces_store.seal(KEYS, 7, rows)
    assert rows[0].tobytes()[:16] not in sealed
    assert np.array_equal(faces_store.open_sealed(KEYS, 7, sealed, 3), rows)
    with pytest.raises(SealBroken):
        faces_store.open_sealed(KEYS, 8, sealed, 3)


@pytest.mark.parametrize("dimensions", [128, 512])
def test_templates_go_to_bytes_and_back(dimensions: int) -> None:
    rows = rows_of(4, dimensions)
    found = rules_faces.vectors_of(rules_faces.templates_of(rows), dimensions)
    assert found is not None
    assert np.array_equal(found, rows)
    assert rules_faces.vectors_of(rules_faces.templates_of(rows), dimensions * 2) is None


def test_templates_that_are_no_numbers_or_not_of_length_one_are_none() -> None:
    rows = rows_of(3, 128)
    for wrong in (rows * 2, np.full_like(rows, np.nan), np.zeros_like(rows)):
        assert rules_faces.vectors_of(rules_faces.templates_of(wrong), 128) is None
    assert rules_faces.vectors_of((), 128) is None


def test_somebody_is_never_a_lookalike_of_themselves() -> None:
    vectors, persons = random_people(50)
    policy = Policy(0.5, 0.3)
    assert rules_faces.lookalikes_of(7, vectors[7:8], Gallery(vectors, persons), policy) == ()
    assert rules_faces.lookalikes_of(99, vectors[7:8], Gallery(vectors, persons), policy) == (7,)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"", "unreadable"),
        (b"\xff\xd8", "unreadable"),
        (b"\xff\xd8\xff\xe0\xff", "unreadable"),
        (b"\xff\xd8" + b"\xff" * 50, "unreadable"),
        (b"\xff\xd8\xff\xc0\x00\x11\x08\x01\x00\x01\x00" + bytes(20), "unreadable"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00\x01\x00\x00" * 2 + bytes(20), "picture_too_large"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + b"\x00\x00\x00\x01" * 2 + bytes(20), "unreadable"),
        (b"GIF89a" + bytes(100), "unreadable"),
    ],
)
def test_what_is_no_picture_or_unpacks_to_too_much_is_told_before_it_is_unpacked(content: bytes, word: str) -> None:
    assert read_picture(content) == word
