"""The evaluations of kitchens and crowds: complete on a small folder, real labels of the folder included."""

import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from models.__main__ import main
from models.evaluate import crowd, kitchen
from models.evaluate.crowd_scenes import LINE, SIZE, cut_out, door_clip, frames
from models.objects import PERSON, Detector
from tests.support.networks import network_folder, photo, require_networks, require_samples

CARD = "before\n<!-- begin {0}: {1} -->\n<!-- end -->\nafter\n"
PHOTOS = ("fr-biden/01.jpg", "fr-obama/03.jpg")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photographs of people in the form of the sample data."""
    made = tmp_path / "data"
    lines = []
    for name in PHOTOS:
        (made / "faces" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(require_samples() / "faces" / name, made / "faces" / name)
        lines.append({"file": f"faces/{name}", "person": name.split("/")[0], "n": 1, "set": "photos"})
    (made / "faces" / "index.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return made


def evaluated(what: str, folder: Path, capsys: pytest.CaptureFixture[str], card: str) -> tuple[dict[str, Any], str]:
    require_networks()
    out, cards = folder.parent / "out", folder.parent / "cards"
    cards.mkdir()
    (cards / "card.md").write_text(CARD.format(what, card))
    asked = ["--store", str(network_folder()), "evaluate", what, str(folder), "--out", str(out), "--cards", str(cards)]
    assert main(asked) == 0
    assert (out / f"{what}.md").is_file()
    scores: dict[str, Any] = json.loads(capsys.readouterr().out)
    return scores, (cards / "card.md").read_text()


@pytest.mark.capability("CAN-10")
def test_a_kitchen_is_measured_on_composed_scenes_and_on_labelled_pictures(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("DRAWS", 1), ("CLIPS", 1), ("FRAMES", 8), ("FACE_SIZES_PX", (70,))):
        monkeypatch.setattr(kitchen, name, value)
    row = {
        "file": "faces/fr-obama/03.jpg",
        "group": "one",
        "kinds": ["no_mask", "phone"],
        "boxes": [{"label": "no_mask", "xywh": [243, 92, 106, 143]}],
    }
    (folder / "kitchen").mkdir()
    (folder / "kitchen" / "index.jsonl").write_text(json.dumps(row) + "\n")
    scores, card = evaluated("kitchen", folder, capsys, "Labelled")
    assert scores["masks"]["colour, no mask, 70 px"]["value"] == 1.0
    assert scores["masks"]["colour, mask, 70 px"]["value"] == 0.0
    assert scores["labelled"]["no_mask"]["found"] == {
        "value": 1.0,
        "low": pytest.approx(0.2, abs=0.1),
        "high": 1,
        "n": 1,
    }
    assert scores["kinds"]["rat"] == "no_measured_network"
    assert scores["episodes"]["one without a mask"]["n"] == 1
    assert "| no_mask |" in card


@pytest.mark.capability("CAN-08")
def test_a_crowd_is_counted_on_composed_clips_and_on_labelled_ones(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("DENSITIES", (2,)), ("CLIPS", 1), ("GUESSED_CLIPS", 10), ("QUEUE_CLIPS", 1)):
        monkeypatch.setattr(crowd, name, value)
    monkeypatch.setattr(crowd, "QUEUE_SECONDS", 8.0)
    (folder / "crowd").mkdir()
    line = {
        "line": [LINE.begin, LINE.end],
        "inside": LINE.inside,
        "file": "crowd/a.avi",
        **filmed(folder / "crowd" / "a.avi"),
    }
    (folder / "crowd" / "clips.jsonl").write_text(json.dumps(line) + "\n")
    scores, card = evaluated("crowd", folder, capsys, "Labelled")
    assert scores["person-light"]["labelled clips"]["error_per_crossing"]["value"] == 0.0
    assert scores["guessed"]["door, 2 people"]["error_per_crossing"]["value"] < 0.2
    assert scores["person-light"]["queue"]["people_off_by"]["n"] == 1
    assert "| person-light |" in card


def filmed(path: Path) -> dict[str, int]:
    """A clip as a camera's file, with what a person would count in it."""
    picture = photo(PHOTOS[1])
    person = next(seen.box for seen in Detector(require_networks()).look(picture) if seen.kind == PERSON)
    cutout = cut_out(picture, person, (243.0, 92.0, 106.0, 143.0))
    assert cutout is not None
    walks, entered, left = door_clip([cutout], 7400, people=4, seconds=12.0)
    video = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5.0, SIZE)
    for shown, _ in frames(walks, 7400, seconds=12.0):
        video.write(np.asarray(shown))
    video.release()
    return {"in": entered, "out": left}


@pytest.mark.parametrize("what", ["kitchen", "crowd"])
def test_a_folder_without_people_is_refused_with_a_word(
    what: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    require_networks()
    asked = ["--store", str(network_folder()), "evaluate", what, str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(asked) == 1
    assert "holds no" in capsys.readouterr().err
