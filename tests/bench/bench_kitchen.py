"""From a kitchen camera's frame to the alarms it settles, over the bare networks' time for the same frame."""

import time
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.evaluate.kitchen_scenes import Portrait, Worn, person, scene
from models.face.detector import FaceDetector, detection_ratio
from models.face.picture import Picture
from models.kitchen.eye import KitchenEye, Parts, around
from models.kitchen.masks import MaskDetector
from models.kitchen.watch import KitchenCamera, KitchenWatch
from models.registry import Networks
from tests.bench.harness import Pair, Run, alternate, bench
from tests.support.networks import photo, require_networks

FRAMES = 4
STEP_MS = 200
_WORN = (Worn.RIGHT, Worn.NOT, Worn.RIGHT)


@bench("kitchen_pipeline", target=1.2, better="lower")
def kitchen_pipeline(run: Run) -> Iterator[Pair]:
    """Detectors, the second look at a bare face, zones, persistence: over the networks alone on the same inputs."""
    cv2.setNumThreads(1)
    networks = require_networks()
    parts = Parts(networks)
    shown = _frames(networks)
    camera, clock = KitchenCamera(KitchenEye(parts), KitchenWatch("bench")), iter(range(0, 10**9, STEP_MS))
    bare = _networks_alone(parts, networks, shown)
    run.note(
        f"frames of 1280 x 720, three people, one without a mask, {len(bare) // FRAMES} network runs each, one thread"
    )

    def ours() -> float:
        begun = time.perf_counter()
        for frame in shown:
            camera.frame(frame, next(clock))
        return time.perf_counter() - begun

    def alone() -> float:
        begun = time.perf_counter()
        for session, name, value in bare:
            session.run(None, {name: value})
        return time.perf_counter() - begun

    yield from alternate(run, ours=ours, bare=alone)


def _frames(networks: Networks) -> list[Picture]:
    """Several frames with other noise, so that the stream does not stand still."""
    detector, chance = FaceDetector(networks), np.random.default_rng(5)
    names = ("fr-obama/01.jpg", "fr-biden/02.jpg", "fr-obama/03.jpg")
    portraits = [Portrait(name, name, photo(name), detector.detect(photo(name))[0]) for name in names]
    people = [person(each, worn, chance, face_px=90) for each, worn in zip(portraits, _WORN, strict=True)]
    still = scene(people, chance, size=(1280, 720)).astype(np.float32)
    return [
        np.asarray(np.clip(still + np.random.default_rng(n).normal(0, 2, still.shape), 0, 255), dtype=np.uint8)
        for n in range(FRAMES)
    ]


def _networks_alone(
    parts: Parts, networks: Networks, shown: list[Picture]
) -> list[tuple[Any, str, NDArray[np.float32]]]:
    """Each network with the very input the pipeline gives it, frame by frame."""
    assert parts.masks is not None
    assert parts.objects is not None
    assert parts.faces is not None
    faces = networks.open(networks.named("face-detector").name)
    runs: list[tuple[Any, NDArray[np.float32]]] = []
    for frame in shown:
        runs.append((parts.masks.session, MaskDetector.prepare(frame)))
        runs.append((parts.objects.session, parts.objects.prepare(frame)[0]))
        bare = [face for face in parts.masks.look(frame) if not face.masked]
        assert len(bare) == 1
        near, _, _ = around(frame, bare[0].box)
        runs.append((parts.masks.session, MaskDetector.prepare(near)))
        fitted = FaceDetector.fit(near, detection_ratio(near.shape[1], near.shape[0]))
        runs.append((faces, parts.faces._fill(fitted).copy()))
    return [(session, session.get_inputs()[0].name, value) for session, value in runs]
