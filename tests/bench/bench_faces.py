"""Searching faces, from frame to decision, and opening the sealed gallery: each over the bare work inside it."""

import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.face.decision import Policy
from models.face.detector import FaceDetector, detection_ratio
from models.face.embedder import FaceEmbedder
from models.face.gallery import Gallery
from models.face.liveness import ROLES, MiniFasNets, crop_around
from models.face.picture import Picture
from models.face.pipeline import FacePipeline
from models.face.vault import MOST_AT_ONCE, Consent, Enrolment, FaceVault
from models.registry import Networks
from protocols.crypto.sm4 import open_sealed, seal
from tests.bench.harness import Pair, Run, alternate, bench
from tests.support.networks import photo, random_people, require_networks

PEOPLE = 50_000
SITE_PEOPLE = 2_000
QUERIES = 20
FRAMES = 4
KEY = bytes(range(16))


@bench("face_search", target=1.5, better="lower")
def face_search(run: Run) -> Iterator[Pair]:
    """Two best people of 50,000 over one bare scan for the best template."""
    yield from _search(run, PEOPLE)


@bench("face_search_200000", target=1.5, better="lower")
def face_search_large(run: Run) -> Iterator[Pair]:
    """The same among 200,000."""
    yield from _search(run, 4 * PEOPLE)


@bench("face_pipeline", target=1.2, better="lower")
def face_pipeline(run: Run) -> Iterator[Pair]:
    """From a camera's frame to a decision over the four networks alone on the same inputs."""
    cv2.setNumThreads(1)
    networks = require_networks()
    pipeline = FacePipeline(
        detector=FaceDetector(networks), embedder=FaceEmbedder(networks), liveness=MiniFasNets(networks)
    )
    vectors, persons = random_people(SITE_PEOPLE)
    gallery, policy, frame = Gallery(vectors, persons), Policy(0.55, 0.35), _frame()
    sight = pipeline.look(frame, gallery, policy)
    assert sight.embedding is not None
    bare = _networks_alone(networks, frame)
    run.note(f"a frame of 1280 x 720, {SITE_PEOPLE} people, one thread")

    def ours() -> float:
        began_s = time.perf_counter()
        for _ in range(FRAMES):
            pipeline.look(frame, gallery, policy, amount_fen=1_200)
        return time.perf_counter() - began_s

    def alone() -> float:
        began_s = time.perf_counter()
        for _ in range(FRAMES):
            for session, name, value in bare:
                session.run(None, {name: value})
        return time.perf_counter() - began_s

    yield from alternate(run, ours=ours, bare=alone)


@bench("gallery_open", target=3.0, better="lower")
def gallery_open(run: Run) -> Iterator[Pair]:
    """From the sealed file of 50,000 people to a gallery that can be searched, over SM4-GCM of the same bytes."""
    path = run.folder / "gallery.bin"
    _fill(path)
    sealed = seal(key=KEY, nonce=bytes(12), plaintext=path.read_bytes())
    run.note(f"{path.stat().st_size / 1e6:.1f} MB")

    def ours() -> float:
        began_s = time.perf_counter()
        vault = _opened(path)
        count = len(vault.at(1))
        took_s = time.perf_counter() - began_s
        vault.close()
        assert count == PEOPLE
        return took_s

    def bare() -> float:
        began_s = time.perf_counter()
        open_sealed(key=KEY, sealed=sealed)
        return time.perf_counter() - began_s

    yield from alternate(run, ours=ours, bare=bare)


def _search(run: Run, people: int) -> Iterator[Pair]:
    vectors, persons = random_people(people)
    gallery = Gallery(vectors, persons)
    chance = np.random.default_rng(2)
    wanted = chance.integers(0, people, QUERIES)
    queries = vectors[wanted] + chance.standard_normal((QUERIES, 128)).astype(np.float32) * 0.05
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    found = [gallery.search(query)[0].person for query in queries]
    assert found == [int((vectors @ query).argmax()) for query in queries], "another best than the bare scan's"

    def ours() -> float:
        began_s = time.perf_counter()
        for query in queries:
            gallery.search(query)
        return time.perf_counter() - began_s

    def bare() -> float:
        began_s = time.perf_counter()
        for query in queries:
            (vectors @ query).argmax()
        return time.perf_counter() - began_s

    bests: list[float] = []
    for pair in alternate(run, ours=ours, bare=bare):
        bests.append(pair.ours / QUERIES)
        yield pair
    run.note(f"{np.median(bests) * 1e3:.2f} ms a search, same best")


def _frame() -> Picture:
    """A camera's frame with one person at the distance of a till."""
    frame = np.full((720, 1280, 3), 120, np.uint8)
    person = np.asarray(cv2.resize(photo("fr-obama/01.jpg"), (576, 720)), dtype=np.uint8)
    frame[:, 352:928] = person
    return frame


def _networks_alone(networks: Networks, frame: Picture) -> list[tuple[Any, str, NDArray[np.float32]]]:
    """Each network with the very input the pipeline gives it: some run slower on pictures than on random numbers."""
    detector, embedder, liveness = FaceDetector(networks), FaceEmbedder(networks), MiniFasNets(networks)
    face = detector.detect(frame)[0]
    aligned = embedder.align(frame, face)
    assert aligned is not None
    embedder.embed(aligned)
    inputs = {
        "face-detector": detector._fill(FaceDetector.fit(frame, detection_ratio(frame.shape[1], frame.shape[0]))),
        "face-embedder": embedder._buffer,
    }
    for role, scale in zip(ROLES, liveness._scales, strict=True):
        crop = crop_around(frame, face, scale)
        assert crop is not None
        inputs[role] = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], dtype=np.float32)
    found = []
    for role, value in inputs.items():
        session = networks.open(networks.named(role).name)
        found.append((session, session.get_inputs()[0].name, value.copy()))
    return found


def _fill(path: Path) -> None:
    vectors, persons = random_people(PEOPLE)
    vault = _opened(path)
    for start in range(0, PEOPLE, MOST_AT_ONCE // 10):
        part = slice(start, start + MOST_AT_ONCE // 10)
        vault.enrol(
            Enrolment(int(person), vector[None], (Consent(1, 1, 0),), 0)
            for person, vector in zip(persons[part], vectors[part], strict=True)
        )
    vault.close()


def _opened(path: Path) -> FaceVault:
    return FaceVault.open(path, key=KEY, network=bytes(32), random=secrets.token_bytes)
