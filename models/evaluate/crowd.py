"""`evaluate crowd FOLDER`: people counted at a door and in a queue, on clips composed from the folder's photographs.

Where FOLDER holds `crowd/clips.jsonl`, its clips are counted as well. One line a clip: `{"file", "line": [[x, y],
[x, y]], "inside": [x, y], "in", "out"}`, points in shares of the picture, counts as a person counted them.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from models.crowd.camera import CrowdCamera
from models.crowd.door import Crossings, DoorCount, DoorLine
from models.crowd.queue import QueueLimits
from models.crowd.track import Tracker
from models.dish.picture import Picture
from models.errors import RecognitionError
from models.evaluate.crowd_scenes import (
    LINE,
    SIZE,
    STEP_MS,
    ZONE,
    Cutout,
    cut_out,
    door_clip,
    frames,
    guessed,
    queue_clip,
    queue_frames,
)
from models.evaluate.report import Report, Table, bootstrap, upper_95, wilson
from models.kitchen.masks import MaskDetector
from models.objects import GENERAL, PERSON, PERSONS, Detector
from models.registry import Networks

SEED: Final = 7_000
DENSITIES: Final = (2, 4, 8)  # people a clip
CLIPS: Final = 8  # of each density
GUESSED_CLIPS: Final = 200
SECONDS: Final = 12.0
QUEUE_CLIPS: Final = 4
QUEUE_SECONDS: Final = 40.0
CLIPS_INDEX: Final = "crowd/clips.jsonl"
_SETTLED_MS: Final = 3_000  # a queue is compared from here on: the median needs its time


@dataclass(frozen=True, slots=True)
class Counted:
    """A clip with what crossed and what was counted."""

    name: str
    people: int
    truth: Crossings
    told: Crossings

    @property
    def error(self) -> int:
        """Crossings too many or too few, both ways added."""
        return abs(self.truth.entered - self.told.entered) + abs(self.truth.left - self.told.left)

    @property
    def crossings(self) -> int:
        """How many there were."""
        return self.truth.entered + self.truth.left


def run(folder: Path, out: Path, networks: Networks) -> dict[str, Any]:
    """Count every clip with each detector that is there; answers the scores and leaves a table in `out`."""
    cutouts = cutouts_of(folder, networks)
    if not cutouts:
        raise RecognitionError(f"{folder} holds no photographs of people to compose clips from")
    scores: dict[str, Any] = {"evaluation": "crowd", "people_cut_out": len(cutouts)}
    report = Report("crowd", notes=[__doc__ or ""])
    detectors = _detectors(networks)
    for name in detectors:
        scores[name] = {}
    doors = [
        (name, str(people), *_summed(counted, scores[name], f"door, {people} people"))
        for people in DENSITIES
        for name, counted in _doors(detectors, cutouts, people).items()
    ]
    queues = [(name, *_off(told, scores[name])) for name, told in _queues(detectors, cutouts).items()]
    real: list[tuple[object, ...]] = []
    for name, detector in detectors.items():
        labelled = [_real(detector, folder, row) for row in _rows(folder)]
        if labelled:
            real.append((name, *_summed(labelled, scores[name], "labelled clips")))
    report.tables += [
        Table("Doors: composed clips of 12 s", ("detector", "people a clip", *_HEAD), doors),
        Table("Doors: following and counting alone", ("detector", "people a clip", *_HEAD), _guessed(cutouts, scores)),
        Table("Queues: composed clips of 40 s", ("detector", *_QUEUE_HEAD), queues),
        Table("Labelled clips of this folder", ("detector", *_HEAD), real or [("none here", "", "", "", "", "")]),
    ]
    report.write(out, scores)
    return scores


_HEAD: Final = ("clips right", "crossings", "told", "error per crossing (95 %)", "drift in minus out")
_QUEUE_HEAD: Final = ("people off by (mean)", "most off by", "moments right", "waiting time off by (share)", "told")


def cutouts_of(folder: Path, networks: Networks) -> list[Cutout]:
    """The people of the folder's photographs that show enough of them."""
    detector, masks = Detector(networks), MaskDetector(networks)
    found = []
    for path in sorted((folder / "faces").rglob("*.jpg")):
        if "multi" in path.parts:
            continue
        picture: Picture = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
        persons = [seen.box for seen in detector.look(picture) if seen.kind == PERSON]
        faces = masks.look(picture)
        cutout = cut_out(picture, persons[0], faces[0].box) if persons and faces else None
        if cutout is not None:
            found.append(cutout)
    return found


def _detectors(networks: Networks) -> dict[str, Detector]:
    """Those that are in the store, by name."""
    names = {networks.named(role).name: role for role in (PERSONS, GENERAL)}
    return {name: Detector(networks, role=role) for name, role in names.items() if networks.has(name)}


def _doors(detectors: Mapping[str, Detector], cutouts: Sequence[Cutout], people: int) -> dict[str, list[Counted]]:
    """Every clip of one density, counted by each detector."""
    found: dict[str, list[Counted]] = {name: [] for name in detectors}
    for number in range(CLIPS):
        seed = SEED + 100 * people + number
        walks, entered, left = door_clip(cutouts, seed, people=people, seconds=SECONDS)
        cameras = {name: CrowdCamera(detector, lines=[LINE]) for name, detector in detectors.items()}
        for picture, at_ms in frames(walks, seed, seconds=SECONDS):
            for camera in cameras.values():
                camera.frame(picture, at_ms)
        for name, camera in cameras.items():
            truth, told = Crossings(entered, left), camera.doors[LINE.name].total
            found[name].append(Counted(str(seed), people, truth, told))
    return found


def _guessed(cutouts: Sequence[Cutout], scores: dict[str, Any]) -> list[tuple[object, ...]]:
    """Many more clips without a network: boxes as a middling detector might give them."""
    scores["guessed"] = {}
    rows = []
    for people in DENSITIES:
        counted = []
        for number in range(GUESSED_CLIPS):
            seed = SEED + 10_000 * people + number
            walks, entered, left = door_clip(cutouts, seed, people=people, seconds=SECONDS)
            chance, tracker, door = np.random.default_rng((seed, 3)), Tracker(), DoorCount(LINE)
            for at_ms in range(0, int(SECONDS * 1000), STEP_MS):
                door.add(tracker.add(guessed(walks, at_ms / 1000, chance), at_ms), *SIZE)
            counted.append(Counted(str(seed), people, Crossings(entered, left), door.total))
        rows.append(("simulated boxes", str(people), *_summed(counted, scores["guessed"], f"door, {people} people")))
    return rows


def _summed(counted: Sequence[Counted], scores: dict[str, Any], name: str) -> tuple[object, ...]:
    """Clips right, crossings, told, error per crossing resampled by clip, and how far in minus out went astray."""
    right = wilson(sum(each.error == 0 for each in counted), len(counted))
    errors = np.array([each.error for each in counted])
    crossings = np.array([each.crossings for each in counted])
    told = sum(each.told.entered + each.told.left for each in counted)
    share = bootstrap(len(counted), lambda chosen: float(errors[chosen].sum() / max(1, crossings[chosen].sum())))
    drift = sum((each.told.entered - each.told.left) - (each.truth.entered - each.truth.left) for each in counted)
    if not errors.any():  # resampling clips without an error knows nothing of the next one
        share = replace(share, high=upper_95(0, int(crossings.sum())))
    scores[name] = {"clips_right": right.as_json(), "error_per_crossing": share.as_json(), "drift": drift}
    shown = f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})"
    return f"{right.value:.2f} of {right.n}", int(crossings.sum()), told, shown, drift


@dataclass(slots=True)
class Told:
    """Of each clip of a queue: how many people off at each moment, and the waiting time's error as a share."""

    people: list[list[int]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


def _queues(detectors: Mapping[str, Detector], cutouts: Sequence[Cutout]) -> dict[str, Told]:
    found = {name: Told() for name in detectors}
    for number in range(QUEUE_CLIPS):
        every_s = 5.0 + number
        stands = queue_clip(SEED + number, begin=3 + number % 3, every_s=every_s, arrive_s=6.0, seconds=QUEUE_SECONDS)
        limits = QueueLimits(stood_ms=1_000)
        cameras = {name: CrowdCamera(each, queues=[ZONE], queue_limits=limits) for name, each in detectors.items()}
        for told in found.values():
            told.people.append([])
        for (picture, at_ms), stand in zip(queue_frames(stands, cutouts, SEED + number), stands, strict=True):
            for name, camera in cameras.items():
                state = camera.frame(picture, at_ms).queues[ZONE.name]
                if at_ms >= _SETTLED_MS:
                    found[name].people[-1].append(abs(state.people - stand.people))
                if state.wait_s is not None and stand.people:
                    found[name].waits.append(abs(state.wait_s / (stand.people * every_s) - 1))
    return found


def _off(told: Told, scores: dict[str, Any]) -> tuple[object, ...]:
    """How far people and waiting time are off, over all moments of all clips; the interval resampled by clip."""
    clips = [np.array(each) for each in told.people]
    mean = bootstrap(len(clips), lambda chosen: float(np.concatenate([clips[each] for each in chosen]).mean()))
    moments = np.concatenate(clips)
    wrong = float(np.median(told.waits)) if told.waits else float("nan")
    scores["queue"] = {"people_off_by": mean.as_json(), "waiting_off_by_median": round(wrong, 4)}
    shown = f"{mean.value:.2f} ({mean.low:.2f} to {mean.high:.2f})"
    right = f"{(moments == 0).mean():.2f} of {moments.size}"
    return shown, int(moments.max()), right, f"{wrong:.2f} (median)", len(told.waits)


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    index = folder / CLIPS_INDEX
    if index.is_file():
        yield from (json.loads(line) for line in index.read_text(encoding="utf-8").splitlines() if line.strip())


def _real(detector: Detector, folder: Path, row: dict[str, Any]) -> Counted:
    """A clip of the folder, read at the step our own clips have."""
    first, last = row["line"]
    line = DoorLine("door", (first[0], first[1]), (last[0], last[1]), (row["inside"][0], row["inside"][1]))
    camera = CrowdCamera(detector, lines=[line])
    video = cv2.VideoCapture(str(folder / row["file"]))
    if not video.isOpened():
        raise RecognitionError(f"{row['file']} cannot be read")
    next_ms = 0.0
    while True:
        there, picture = video.read()
        if not there:
            break
        at_ms = video.get(cv2.CAP_PROP_POS_MSEC)
        if at_ms >= next_ms:
            next_ms = at_ms + STEP_MS
            camera.frame(np.asarray(picture, dtype=np.uint8), int(at_ms))
    video.release()
    return Counted(row["file"], 0, Crossings(int(row["in"]), int(row["out"])), camera.doors["door"].total)
