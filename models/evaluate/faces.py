"""`evaluate faces FOLDER`: verification, identification and strangers on labelled pictures, each set apart."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from models.errors import RecognitionError
from models.evaluate.attacks import KINDS, Shown
from models.evaluate.calibration import calibration_table, impostors_of
from models.evaluate.identification import Outcome, identify
from models.evaluate.liveness import liveness_figures, motion_figures
from models.evaluate.report import Figure, Plot, Report, Table, bootstrap, upper_95, wilson
from models.evaluate.verification import FAR_WANTED, Pairs, Rates, pairs_of, threshold_of
from models.face.detector import FaceDetector
from models.face.embedder import FaceEmbedder
from models.face.liveness import MiniFasNets
from models.face.picture import Face, Picture
from models.face.quality import assess
from models.registry import Networks

LEAST_PERSONS_TO_TUNE = 4
LIVENESS_DRAWS = (12, 4)  # of each photograph: frames, clips
_SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".pgm"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """One picture of the folder."""

    path: Path
    name: str
    person: str
    number: int
    set: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A picture after detection and embedding; `vector` is None where no face was found."""

    label: Labelled
    vector: NDArray[np.float32] | None
    good: bool
    grey: bool
    yaw: float | None = None


def run(folder: Path, out: Path, networks: Networks) -> dict[str, Any]:
    """Measure every set of the folder; answers the scores, and leaves a table, plots and results in `out`."""
    labels = read_labels(folder)
    if not labels:
        raise RecognitionError(f"{folder} holds no index.jsonl and no folders of persons with pictures")
    embedder = FaceEmbedder(networks)
    taken, shown = _take(labels, FaceDetector(networks), embedder)
    sets = {name: [each for each in taken if each.label.set == name] for name in sorted({x.set for x in labels})}
    report = Report("faces")
    pairs = {name: _pairs(each) for name, each in sets.items()}
    scores: dict[str, Any] = {"evaluation": "faces", "network": embedder.network.name, "sets": {}}
    outcomes: list[Outcome] = []
    fixed = float(embedder.network.settings["accept"])
    for name, each in sets.items():
        tuned = _tuned_thresholds(name, pairs, each, fixed)
        figures, queries = _measure(each, pairs[name], tuned, fixed)
        scores["sets"][name] = figures
        outcomes += queries
    report.tables.append(_table(scores["sets"]))
    report.plots.append(
        Plot(
            "faces-det",
            "False rejects over false accepts",
            "false accept rate",
            "false reject rate",
            [Rates(each).det(name) for name, each in pairs.items()],
            log_x=True,
        )
    )
    impostors = impostors_of(pairs.values())
    scores["calibration"] = calibration_table(report, impostors, pairs, networks=embedder.network.name, least=fixed)
    scores["liveness"] = _liveness(report, shown, _poses(taken), networks)
    _write_results(out, outcomes)
    report.write(out, scores)
    return scores


def read_labels(folder: Path) -> list[Labelled]:
    """The pictures by index.jsonl (here or in `faces/`), or one folder for each person."""
    for index in (folder / "index.jsonl", folder / "faces" / "index.jsonl"):
        if index.is_file():
            rows = [json.loads(line) for line in index.read_text(encoding="utf-8").splitlines() if line.strip()]
            return [_row(index.parent, row, place) for place, row in enumerate(rows) if row.get("person")]
    pictures = sorted(path for path in folder.glob("*/*") if path.suffix.lower() in _SUFFIXES)
    return [
        Labelled(path, path.relative_to(folder).as_posix(), path.parent.name, place, folder.name)
        for place, path in enumerate(pictures)
    ]


def _row(base: Path, row: dict[str, Any], place: int) -> Labelled:
    name = str(row["file"])
    tried = [base.parent / name, base / name, base / Path(*Path(name).parts[1:])]
    path = next((each for each in tried if each.is_file()), tried[0])
    return Labelled(path, name, str(row["person"]), int(row.get("n", place)), str(row.get("set", base.name)))


def _take(
    labels: Sequence[Labelled], detector: FaceDetector, embedder: FaceEmbedder
) -> tuple[list[Taken], list[Shown]]:
    taken: list[Taken] = []
    shown: list[Shown] = []
    for label in labels:
        read = cv2.imread(str(label.path), cv2.IMREAD_COLOR)
        picture = None if read is None else np.asarray(read, dtype=np.uint8)
        face = None if picture is None else _largest(detector, picture)
        aligned = None if picture is None or face is None else embedder.align(picture, face)
        if picture is None or face is None or aligned is None:
            taken.append(Taken(label, None, good=False, grey=False))
            continue
        quality = assess(picture, face, aligned)
        taken.append(Taken(label, embedder.embed(aligned), quality.good, quality.grey, quality.pose.yaw))
        if not quality.grey:
            shown.append(Shown(label.name, picture, face))
    return taken, shown


def _largest(detector: FaceDetector, picture: Picture) -> Face | None:
    return max(detector.detect(picture), key=lambda face: face.area_px, default=None)


def _pairs(taken: Sequence[Taken]) -> Pairs:
    found = [each for each in taken if each.vector is not None]
    vectors = [each.vector for each in found if each.vector is not None]
    stacked = np.stack(vectors) if vectors else np.zeros((0, 1), np.float32)
    return pairs_of(stacked, [each.label.person for each in found])


def _tuned_thresholds(name: str, pairs: dict[str, Pairs], taken: Sequence[Taken], start: float) -> dict[str, float]:
    """For each person a threshold found without them: on the other half, or on other sets where this one is small."""
    persons = sorted({each.label.person for each in taken})
    others = [each for other, each in pairs.items() if other != name]
    if len(persons) < LEAST_PERSONS_TO_TUNE and others:
        impostor = np.concatenate([each.impostor for each in others])
        helping = sum(each.persons for each in others)
        return dict.fromkeys(persons, threshold_of(impostor, persons=helping, start=start))
    found: dict[str, float] = {}
    for half in (0, 1):
        tuning = _pairs([each for each in taken if persons.index(each.label.person) % 2 != half])
        threshold = threshold_of(tuning.impostor, persons=tuning.persons, start=start)
        found |= {person: threshold for place, person in enumerate(persons) if place % 2 == half}
    return found


def _measure(
    taken: Sequence[Taken], pairs: Pairs, tuned: dict[str, float], fixed: float
) -> tuple[dict[str, Any], list[Outcome]]:
    rates = Rates(pairs)
    found = [(each.label.person, each.label.number, each.vector, each.label.name) for each in taken]
    result: dict[str, Any] = {
        "pictures": len(taken),
        "persons": len({each.label.person for each in taken}),
        "faces_found": wilson(sum(each.vector is not None for each in taken), len(taken)).as_json(),
        "good_quality": wilson(sum(each.good for each in taken), len(taken)).as_json(),
        "grey": sum(each.grey for each in taken),
        "pairs_same": len(pairs.genuine),
        "pairs_different": len(pairs.impostor),
        "cosine_same_mean": round(float(pairs.genuine.mean()), 4) if len(pairs.genuine) else None,
        "cosine_different_mean": round(float(pairs.impostor.mean()), 4) if len(pairs.impostor) else None,
        "equal_error_rate": _with_interval(rates.equal_error, pairs).as_json(),
        "true_accepts_at_far_0.1%": _with_interval(rates.true_accepts, pairs).as_json(),
        "highest_of_different": _counted(pairs),
        "threshold_tuned": sorted({round(each, 4) for each in tuned.values()}),
        "threshold_fixed": fixed,
    }
    outcomes: list[Outcome] = []
    for way, thresholds in (("tuned", tuned), ("fixed", dict.fromkeys(tuned, fixed))):
        result[f"pairs_{way}"] = _pair_rates(taken, thresholds)
        for enrolled in (1, 3):
            figures, queries = identify(found, thresholds, enrolled=enrolled)
            result[f"identify_{enrolled}_{way}"] = {key: figure.as_json() for key, figure in figures.items()}
            if way == "tuned" and enrolled == 1:
                outcomes = queries
    return result, outcomes


def _with_interval(statistic: Callable[[NDArray[np.int64]], float], pairs: Pairs) -> Figure:
    """A rate with the wider of two intervals: drawn over persons, and counted over pairs of one person.

    The first alone collapses where nothing went wrong, the second alone takes pairs of one person for free.
    """
    drawn = bootstrap(pairs.persons, statistic)
    if not np.isfinite(drawn.value):
        return drawn
    counted = wilson(round(drawn.value * len(pairs.genuine)), len(pairs.genuine))
    return Figure(drawn.value, min(drawn.low, counted.low), max(drawn.high, counted.high), len(pairs.genuine))


def _counted(pairs: Pairs) -> dict[str, Any]:
    """Above the highest cosine of two persons nobody was taken for another: the bound on what that stands for."""
    if not len(pairs.impostor):
        return {"n": 0}
    count = len(pairs.impostor)
    return {
        "cosine": round(float(pairs.impostor.max()), 4),
        "rate_upper_95": round(upper_95(0, count), 6),
        "n": count,
    }


def _pair_rates(taken: Sequence[Taken], thresholds: dict[str, float]) -> dict[str, Any]:
    """Pairs judged at a threshold that neither person helped to find; pictures without a face are rejected."""
    accepted = {True: 0, False: 0}
    count = {True: 0, False: 0}
    for place, one in enumerate(taken):
        for other in taken[place + 1 :]:
            limit = max(thresholds[one.label.person], thresholds[other.label.person])
            if not np.isfinite(limit):
                continue
            same = one.label.person == other.label.person
            passed = one.vector is not None and other.vector is not None and float(one.vector @ other.vector) >= limit
            count[same] += 1
            accepted[same] += passed
    return {
        "true_accept": wilson(accepted[True], count[True]).as_json(),
        "false_accept": wilson(accepted[False], count[False]).as_json(),
    }


def _poses(taken: Sequence[Taken]) -> list[list[float]]:
    """How the head is turned in each picture, person by person."""
    found: dict[str, list[float]] = {}
    for each in taken:
        if each.yaw is not None:
            found.setdefault(each.label.person, []).append(each.yaw)
    return list(found.values())


def _liveness(report: Report, shown: Sequence[Shown], poses: list[list[float]], networks: Networks) -> dict[str, Any]:
    if not shown:
        return {"note": "no colour pictures: liveness is not measured, and stays off on such cameras"}
    detector, module = FaceDetector(networks), MiniFasNets(networks)
    found = liveness_figures(shown, detector, module, draws=LIVENESS_DRAWS[0])
    moving = motion_figures(shown, poses, detector, FaceEmbedder(networks), draws=LIVENESS_DRAWS[1])
    rows = [[kind, str(found.get(kind, "")), str(moving.get(kind, ""))] for kind in ("bona fide", *KINDS)]
    report.tables.append(
        Table(
            "Liveness on composed attacks: BPCER of the bona fide line, APCER of the others",
            ("kind", f"{module.name}, one frame", "motion over 9 frames (bona fide: poses in several pictures)"),
            rows,
        )
    )
    return {
        "composed": True,
        "module": module.name,
        "frame": {kind: figure.as_json() for kind, figure in found.items()},
        "motion": {kind: figure.as_json() for kind, figure in moving.items()},
    }


def _table(sets: dict[str, Any]) -> Table:
    rows: list[list[object]] = []
    for name, found in sets.items():
        for key, value in found.items():
            if isinstance(value, dict) and "value" in value:
                rows.append([name, key, _figure(value)])
            elif isinstance(value, dict):
                rows += [[name, f"{key} {inner}", _figure(each)] for inner, each in value.items()]
            else:
                rows.append([name, key, value])
    return Table(f"Faces (false accept rate wanted: {FAR_WANTED:.1%})", ("set", "measure", "value"), rows)


def _figure(value: Any) -> str:
    if not isinstance(value, dict) or value.get("value") is None:
        return str(value)
    return str(Figure(value["value"], _number(value["low"]), _number(value["high"]), value["n"]))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def _write_results(out: Path, outcomes: Sequence[Outcome]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    lines = [
        json.dumps(
            {"file": each.file, "person": each.answer, "score": round(each.score, 6), "enrolled": each.enrolled},
            ensure_ascii=False,
        )
        for each in outcomes
    ]
    (out / "faces.results.jsonl").write_text("".join(line + "\n" for line in lines), encoding="utf-8")
