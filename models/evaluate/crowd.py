"""`evaluate crowd FOLDER`: people counted at a door and in a queue, on clips composed from the folder's photographs.

Where FOLDER holds `crowd/clips.jsonl`, its clips are counted as well. One line a clip: `{"file", "line": [[x, y],
[x, y]], "inside": [x, y], "in", "out"}`, points in shares of the picture, counts as a person counted them.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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
from models.evaluate.report import Report, Table, bootstrap, wilson
from models.kitchen.masks import MaskDetector
from models.objects import GENERAL, PERSON, PERSONS, Detector
from models.registry import Networks

SEED: Final = 7_000
DENSITIES: Final = (2, 4, 8)  # people a clip
CLIPS: Final = 8  # of each density
GUESSED_CLIPS: Final = 200
SECONDS: Final = 12.0
QUEUE_CLIPS: Final = 6
QUEUE_SECONDS: Final = 40.0
CLIPS_INDEX: Final = "crowd/clips.jsonl"
_DETECTORS: Final = (("person-light", PERSONS), ("yolox-nano", GENERAL))
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
    doors: list[tuple[object, ...]] = []
    queues: list[tuple[object, ...]] = []
    real: list[tuple[object, ...]] = []
    for name, role in _DETECTORS:
        if not networks.has(networks.named(role).name):
            continue
        detector = Detector(networks, role=role)
        scores[name] = {}
        for people in DENSITIES:
            counted = [_door(detector, cutouts, people, number) for number in range(CLIPS)]
            doors.append((name, str(people), *_summed(counted, scores[name], f"door, {people} people")))
        queues.append((name, *_queues(detector, cutouts, scores[name])))
        counted = [_real(detector, folder, row) for row in _rows(folder)]
        if counted:
            real.append((name, *_summed(counted, scores[name], "labelled clips")))
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


def _door(detector: Detector, cutouts: Sequence[Cutout], people: int, number: int) -> Counted:
    seed = SEED + 100 * people + number
    walks, entered, left = door_clip(cutouts, seed, people=people, seconds=SECONDS)
    camera = CrowdCamera(detector, lines=[LINE])
    for picture, at_ms in frames(walks, seed, seconds=SECONDS):
        camera.frame(picture, at_ms)
    return Counted(str(seed), people, Crossings(entered, left), camera.doors[LINE.name].total)


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
    scores[name] = {"clips_right": right.as_json(), "error_per_crossing": share.as_json(), "drift": drift}
    shown = f"{share.value:.3f} ({share.low:.3f} to {share.high:.3f})"
    return f"{right.value:.2f} of {right.n}", int(crossings.sum()), told, shown, drift


def _queues(detector: Detector, cutouts: Sequence[Cutout], scores: dict[str, Any]) -> tuple[object, ...]:
    """How far people and waiting time are off, over all moments of all clips; intervals resampled by clip."""
    off: list[list[int]] = []
    waits: list[list[float]] = []
    for number in range(QUEUE_CLIPS):
        every_s = 5.0 + number
        stands = queue_clip(SEED + number, begin=3 + number % 3, every_s=every_s, arrive_s=6.0, seconds=QUEUE_SECONDS)
        camera = CrowdCamera(detector, queues=[ZONE], queue_limits=QueueLimits(stood_ms=1_000))
        people: list[int] = []
        late: list[float] = []
        for (picture, at_ms), stand in zip(queue_frames(stands, cutouts, SEED + number), stands, strict=True):
            state = camera.frame(picture, at_ms).queues[ZONE.name]
            if at_ms >= _SETTLED_MS:
                people.append(abs(state.people - stand.people))
            if state.wait_s is not None and stand.people:
                late.append(abs(state.wait_s / (stand.people * every_s) - 1))
        off.append(people)
        waits.append(late)
    mean = bootstrap(len(off), lambda chosen: float(np.mean([value for each in chosen for value in off[each]])))
    moments = [value for each in off for value in each]
    told = [value for each in waits for value in each]
    wrong = float(np.median(told)) if told else float("nan")
    scores["queue"] = {
        "people_off_by": mean.as_json(),
        "waiting_off_by_median": round(wrong, 4),
        "moments": len(moments),
    }
    right = sum(value == 0 for value in moments) / len(moments)
    shown = f"{mean.value:.2f} ({mean.low:.2f} to {mean.high:.2f})"
    return shown, max(moments), f"{right:.2f} of {len(moments)}", f"{wrong:.2f} (median)", len(told)


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
