"""The evaluation of faces: right on made-up cosines, and complete on a few real pictures."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.__main__ import main
from models.evaluate.faces import read_labels
from models.evaluate.identification import identify
from models.evaluate.verification import FAR_WANTED, Rates, pairs_of, threshold_of
from models.registry import Networks
from tests.support.networks import require_networks, require_samples


def made_up(apart: float, people: int = 12, pictures: int = 6) -> tuple[np.ndarray, list[str]]:
    chance = np.random.default_rng(3)
    centres = chance.standard_normal((people, 64)) * apart
    vectors = np.repeat(centres, pictures, 0) + chance.standard_normal((people * pictures, 64))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), [f"p{number:02d}" for number in range(people) for _ in range(pictures)]


def test_people_far_apart_give_no_errors_and_people_alike_give_half() -> None:
    far, near = Rates(pairs_of(*made_up(5.0))), Rates(pairs_of(*made_up(0.0)))
    assert far.equal_error() == 0.0
    assert far.true_accepts() == 1.0
    assert near.equal_error() == pytest.approx(0.5, abs=0.05)
    assert near.true_accepts() < 0.05


def test_rates_are_those_of_counting_every_pair() -> None:
    pairs = pairs_of(*made_up(0.7))
    limits = np.unique(pairs.scores)
    accepts = np.array([(pairs.impostor >= limit).mean() for limit in limits])
    rejects = np.array([(pairs.genuine < limit).mean() for limit in limits])
    assert Rates(pairs).equal_error() == pytest.approx(
        float(((accepts + rejects) / 2)[np.abs(accepts - rejects).argmin()])
    )
    assert Rates(pairs).true_accepts() == pytest.approx(1 - rejects[np.argmax(accepts <= FAR_WANTED)])


def test_one_person_alone_has_no_rates() -> None:
    rates = Rates(pairs_of(*made_up(1.0, people=1)))
    assert np.isnan(rates.equal_error())
    assert rates.det("one").points == ()


def test_a_threshold_from_few_people_stays_near_the_start() -> None:
    impostor = np.random.default_rng(1).normal(0.1, 0.1, 5_000)
    few, many = (threshold_of(impostor, persons=persons, start=0.6) for persons in (2, 1_000))
    assert many == pytest.approx(0.41, abs=0.03)
    assert many < few < 0.6
    assert np.isnan(threshold_of(np.zeros(0), persons=0, start=0.6))


def test_strangers_and_known_people_are_counted_apart() -> None:
    vectors, persons = made_up(5.0, people=10, pictures=4)
    rows = [
        (person, place, vector, f"{person}-{place}")
        for place, (person, vector) in enumerate(zip(persons, vectors, strict=True))
    ]
    figures, outcomes = identify(rows, dict.fromkeys(persons, 0.5), enrolled=1)
    assert figures["rank_1"].value == figures["strangers_rejected"].value == 1.0
    assert figures["strangers_rejected"].n == 40, "each person is a stranger once"
    assert figures["true_accept"].n == 4 * 30
    assert {each.enrolled for each in outcomes} == {True, False}


def sample(folder: Path) -> Path:
    source = require_samples()
    rows = []
    for line in (source / "faces" / "index.jsonl").read_text().splitlines():
        row = json.loads(line)
        if row["set"] == "photos" or (row["person"] in {f"orl-s{n:02d}" for n in (1, 2, 3, 4, 5)} and row["n"] <= 3):
            rows.append(row)
            target = folder / row["file"]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / row["file"], target)
    (folder / "faces" / "index.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.timeout(300)
def test_the_command_measures_a_folder_and_prints_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = require_networks()
    monkeypatch.setattr("models.evaluate.faces.LIVENESS_DRAWS", (1, 1))
    folder, out = sample(tmp_path / "data"), tmp_path / "out"
    assert main(["--store", str(networks.store), "evaluate", "faces", str(folder / "faces"), "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1
    scores = json.loads(lines[0])
    assert set(scores["sets"]) == {"orl", "photos"}
    for found in scores["sets"].values():
        assert found["equal_error_rate"]["value"] == 0.0
        assert found["true_accepts_at_far_0.1%"]["value"] == 1.0
        assert found["identify_1_fixed"]["rank_1"]["value"] == 1.0
        assert found["identify_1_fixed"]["strangers_rejected"]["value"] == 1.0
    assert scores["sets"]["orl"]["grey"] == 15
    assert set(scores["liveness"]["frame"]) > {"bona fide", "print", "screen"}
    for name in ("faces.md", "faces.json", "faces-det.svg", "faces-asking.svg", "faces.results.jsonl"):
        assert (out / name).is_file()


def test_folders_of_persons_are_read_without_an_index(tmp_path: Path) -> None:
    for person in ("anna", "bo"):
        (tmp_path / person).mkdir()
        for number in range(2):
            (tmp_path / person / f"{number}.jpg").write_bytes(b"")
    labels = read_labels(tmp_path)
    assert [each.person for each in labels] == ["anna", "anna", "bo", "bo"]
    assert read_labels(tmp_path / "anna") == []


def test_an_empty_folder_is_an_error_that_names_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = str(require_networks().store)
    assert main(["--store", store, "evaluate", "faces", str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert main(["--store", store, "evaluate", "faces", str(tmp_path / "no"), "--out", str(tmp_path / "out")]) == 1
    assert str(tmp_path) in capsys.readouterr().err


def test_pictures_that_cannot_be_read_are_counted_as_not_found(tmp_path: Path) -> None:
    from models.evaluate.faces import _take
    from models.face.detector import FaceDetector
    from models.face.embedder import FaceEmbedder

    networks: Networks = require_networks()
    (tmp_path / "anna").mkdir()
    (tmp_path / "anna" / "1.jpg").write_bytes(b"no picture")
    taken, shown = _take(read_labels(tmp_path), FaceDetector(networks), FaceEmbedder(networks))
    assert [each.vector for each in taken] == [None]
    assert shown == []
