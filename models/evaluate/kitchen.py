"""`evaluate kitchen FOLDER`: masks and phones on composed scenes, false sightings on real pictures, whole episodes.

Where FOLDER holds `kitchen/index.jsonl` (the form is in models/kitchen/labelled.py), its pictures are measured as well.
"""

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np

from models.errors import RecognitionError
from models.evaluate.faces import read_labels
from models.evaluate.kitchen_scenes import Portrait, Worn, person, scene, seen, with_phone
from models.evaluate.report import Figure, Report, Table, upper_95, wilson
from models.face.detector import FaceDetector
from models.face.picture import Picture
from models.kitchen.eye import KitchenEye, Parts
from models.kitchen.kinds import READINESS_WORDS, Kind
from models.kitchen.labelled import read
from models.kitchen.watch import RULES, KitchenCamera, KitchenWatch, rules_of
from models.objects import overlap
from models.registry import Networks

SEED: Final = 20261120
FACE_SIZES_PX: Final = (24, 40, 70, 120)
DRAWS: Final = 3
LABORATORY: Final = 20  # pictures taken of the laboratory set
PHONE_SHARES: Final = (0.1, 0.2, 0.3)
CLIPS: Final = 10
FRAMES: Final = 20  # of a clip, at two a second
STEP_MS: Final = 500
_ENLARGED: Final = 4
_SAME: Final = 0.3
_PEOPLE: Final = 3  # in view, of a clip
_LEFT_FREE: Final = {"dishes_cn", "products", "trays"}  # folders of real pictures without faces and phones
_SUFFIXES: Final = {".jpg", ".jpeg", ".png"}
_MASK_FILES: Final = ("mask", "iconic")  # drawn or labelled pictures, not photographs


def run(folder: Path, out: Path, networks: Networks) -> dict[str, Any]:
    """Measure what this folder can show; answers the scores and leaves a table in `out`."""
    portraits = portraits_of(folder, networks)
    if not portraits:
        raise RecognitionError(f"{folder} holds no faces to compose kitchens from")
    parts = Parts(networks)
    scores: dict[str, Any] = {"evaluation": "kitchen", "portraits": len(portraits), "kinds": _kinds(parts)}
    report = Report("kitchen", notes=[__doc__ or ""])
    for name, table in (
        ("masks", _masks(portraits, parts)),
        ("false", _false(folder, parts)),
        ("phones", _phones(portraits, parts)),
        ("episodes", _episodes(portraits, networks)),
        ("labelled", _labelled(folder, networks)),
        ("availability", _availability(parts)),
    ):
        figures, shown = table
        scores[name] = figures
        report.tables.append(shown)
    report.write(out, scores)
    return scores


def portraits_of(folder: Path, networks: Networks) -> list[Portrait]:
    """The photographs, and some of the laboratory pictures with room around them."""
    detector = FaceDetector(networks)
    labels = [label for label in read_labels(folder) if "multi" not in label.name]
    laboratory = [label for label in labels if label.set == "orl"]
    chosen = [label for label in labels if label.set != "orl"]
    chosen += laboratory[:: max(1, len(laboratory) // LABORATORY)][:LABORATORY]
    found = []
    for label in chosen:
        picture = np.asarray(cv2.imread(str(label.path)), dtype=np.uint8)
        grey = label.set == "orl"
        if grey:
            picture = _with_room(picture)
        faces = detector.detect(picture)
        if faces:
            found.append(Portrait(label.name, label.person, picture, faces[0], grey=grey))
    return found


def _with_room(picture: Picture) -> Picture:
    large = cv2.resize(picture, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC)
    more = large.shape[0] // 2
    shade = tuple(float(value) for value in large[:8].reshape(-1, 3).mean(0))
    return np.asarray(
        cv2.copyMakeBorder(large, more // 4, more, more // 2, more // 2, cv2.BORDER_CONSTANT, value=shade), np.uint8
    )


def _masks(portraits: Sequence[Portrait], parts: Parts) -> tuple[dict[str, Any], Table]:
    """One person a scene: would it count towards an alarm? It should without a mask, or with one under the chin.

    `first look` is the network over the whole picture alone, without the second look from near.
    """
    only = Parts.of(parts, {Kind.NO_MASK})
    chance = np.random.default_rng(SEED)
    start = RULES[Kind.NO_MASK].start
    told: dict[tuple[str, str, int], list[tuple[bool, bool]]] = {}
    for portrait, worn, size, draw in itertools.product(portraits, Worn, FACE_SIZES_PX, range(DRAWS)):
        if portrait.grey and (draw or size not in FACE_SIZES_PX[1:3]):
            continue
        frame = seen(scene([person(portrait, worn, chance, face_px=size)], chance), chance)
        look = KitchenEye(only).look(frame, 0)
        first = any(not face.masked and face.score >= start for face in look.faces or ())
        both = any(each.score >= start for each in look.sightings)
        told.setdefault(("grey" if portrait.grey else "colour", worn.value, size), []).append((first, both))
    rows, figures = [], {}
    for (kind, wore, size), answers in told.items():
        shares = [wilson(sum(answer[which] for answer in answers), len(answers)) for which in (0, 1)]
        rows.append((kind, wore, size, *(_shown(share) for share in shares), len(answers)))
        figures[f"{kind}, {wore}, {size} px"] = shares[1].as_json()
    head = ("pictures", "worn", "face px", "told as no mask, first look", "told as no mask", "n")
    return figures, Table("Masks painted on photographs, one person a scene of 960 x 540", head, rows)


def _false(folder: Path, parts: Parts) -> tuple[dict[str, Any], Table]:
    """Sightings where there can be none: no face and no phone in food and goods, no phone beside faces."""
    counts: dict[tuple[str, str], list[int]] = {}
    for group, path in _pictures(folder):
        picture = np.asarray(cv2.imread(str(path)), dtype=np.uint8)
        look = KitchenEye(parts).look(picture, 0)
        for kind in (Kind.NO_MASK, Kind.PHONE):
            if kind not in parts.kinds or (group == "faces" and kind is Kind.NO_MASK):
                continue
            rule = RULES[kind]
            seen_any = any(each.kind is kind and each.score >= rule.start for each in look.sightings)
            counts.setdefault((group, kind.value), []).append(int(seen_any))
    rows, figures = [], {}
    for (group, kind_name), hits in counts.items():
        share = wilson(sum(hits), len(hits))
        rows.append((group, kind_name, sum(hits), len(hits), f"{upper_95(sum(hits), len(hits)):.3f}"))
        figures[f"{group}, {kind_name}"] = share.as_json()
    head = ("pictures", "kind", "pictures with a false sighting", "n", "95 % upper bound")
    return figures, Table("False sightings in real pictures, single frames at the level an alarm starts", head, rows)


def _pictures(folder: Path) -> Iterator[tuple[str, Path]]:
    for name in (*sorted(_LEFT_FREE), "faces"):
        for path in sorted((folder / name).rglob("*")):
            photographed = path.suffix.lower() in _SUFFIXES and not any(word in str(path) for word in _MASK_FILES)
            if photographed and "orl" not in path.parts:
                yield name, path


def _phones(portraits: Sequence[Portrait], parts: Parts) -> tuple[dict[str, Any], Table]:
    """Drawn phones held before the chest; a drawing is not a phone, so this bounds nothing."""
    chance = np.random.default_rng(SEED)
    rows, figures = [], {}
    for share in PHONE_SHARES:
        hits = []
        for portrait, _ in itertools.product([each for each in portraits if not each.grey], range(DRAWS)):
            picture, box = with_phone(portrait, chance, share=share)
            look = KitchenEye(parts).look(seen(picture, chance), 0)
            hits.append(any(each.kind is Kind.PHONE and overlap(each.box, box) > _SAME for each in look.sightings))
        figure = wilson(sum(hits), len(hits))
        rows.append((f"{share:.0%}", _shown(figure), len(hits)))
        figures[f"phone of {share:.0%} of the width"] = figure.as_json()
    return figures, Table("Drawn phones seen", ("width of the phone in the picture", "seen", "n"), rows)


def _episodes(portraits: Sequence[Portrait], networks: Networks) -> tuple[dict[str, Any], Table]:
    """Clips of three people: all masked, one never, one for a second; how many alarms of `no_mask` each gave."""
    parts = Parts.of(Parts(networks), {Kind.NO_MASK})
    photos = [each for each in portraits if not each.grey]
    rows, figures = [], {}
    for what, wanted in (("all masked", 0), ("one without a mask", 1), ("one without for a second", 0)):
        clips = range(CLIPS if photos else 0)
        alarms = [_alarms(photos, what, parts, np.random.default_rng((SEED, number))) for number in clips]
        right = wilson(sum(each == wanted for each in alarms), len(alarms))
        rows.append((what, wanted, _shown(right), max(alarms, default=0), len(alarms)))
        figures[what] = right.as_json()
    head = ("clip of ten seconds, two frames a second", "alarms wanted", "clips right", "most alarms in one", "n")
    return figures, Table("Episodes of a mask missing", head, rows)


def _alarms(photos: Sequence[Portrait], what: str, parts: Parts, chance: np.random.Generator) -> int:
    camera = KitchenCamera(KitchenEye(parts), KitchenWatch("composed"))
    chosen = [photos[int(place)] for place in chance.choice(len(photos), _PEOPLE, replace=len(photos) < _PEOPLE)]
    layout = int(chance.integers(1 << 30))
    given = 0
    for number in range(FRAMES):
        bare = what == "one without a mask" or (what == "one without for a second" and number in (8, 9))
        same = np.random.default_rng(layout)
        people = [
            person(each, Worn.NOT if bare and place == 0 else Worn.RIGHT, same, face_px=60)
            for place, each in enumerate(chosen)
        ]
        given += len(camera.frame(seen(scene(people, np.random.default_rng(layout)), chance), number * STEP_MS))
    return given


def _labelled(folder: Path, networks: Networks) -> tuple[dict[str, Any], Table]:
    """The folder's own labelled pictures: marked breaches found, and pictures in order with a sighting."""
    head = ("kind", "breaches found", "pictures in order with a false sighting")
    rows_of, rules = read(folder), rules_of(networks)
    parts = Parts(networks, set(Kind))
    counts: dict[Kind, tuple[list[bool], list[bool]]] = {}
    for row in rows_of:
        picture = np.asarray(cv2.imread(str(row.path)), dtype=np.uint8)
        sightings = KitchenEye(parts).look(picture, 0).sightings
        for kind in row.kinds & parts.kinds - {Kind.RAT}:  # a rat is found by its movement, which a picture has not
            found, wrong = counts.setdefault(kind, ([], []))
            boxes = [each.box for each in sightings if each.kind is kind and each.score >= rules[kind].start]
            found += [any(overlap(box, mark) >= _SAME for box in boxes) for mark in row.of(kind.value)]
            if not row.of(kind.value):
                wrong.append(bool(boxes))
    rows, figures = [], {}
    for kind, (found, wrong) in counts.items():
        shares = wilson(sum(found), len(found)), wilson(sum(wrong), len(wrong))
        rows.append((kind.value, str(shares[0]), str(shares[1])))
        figures[kind.value] = {"found": shares[0].as_json(), "false": shares[1].as_json()}
    return figures, Table("Labelled pictures of kitchens in this folder", head, rows or [("none here", "", "")])


def _availability(parts: Parts) -> tuple[dict[str, Any], Table]:
    rows = [
        (state.kind.value, READINESS_WORDS[state.readiness]["en"], "yes" if state.on_by_default else "no")
        for state in parts.states
    ]
    return _kinds(parts), Table("Kinds and their networks", ("kind", "state", "on by default"), rows)


def _kinds(parts: Parts) -> dict[str, str]:
    return {state.kind.value: state.readiness.value for state in parts.states}


def _shown(figure: Figure) -> str:
    return f"{figure.value:.2f} ({figure.low:.2f} to {figure.high:.2f})"
