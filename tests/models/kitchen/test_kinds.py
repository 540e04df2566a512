"""Which kinds can be seen on a gateway, and what is said of those that cannot."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from models.kitchen.eye import KitchenEye, Parts
from models.kitchen.kinds import KIND_WORDS, Kind, KindState, Readiness, state_of, states
from models.kitchen.watch import RULES, rules_of
from models.registry import Networks
from tests.support.networks import photo

pytestmark = pytest.mark.capability("CAN-10")
ENTRY = """
[hats]
role = "kitchen-hat"
file = "hats/hats.onnx"
use = "a test"
sha256 = "{digest}"
size_bytes = 3
licence = "own"
input = "none"
output = "none"
conversion = "none"
[hats.source]
repository = "own/training"
commit = "own"
path = "hats.onnx"
sha256 = "{digest}"
licence_path = "LICENSE"
[hats.settings]
start = 0.8
{measured}
"""


def by_kind(networks: Networks) -> dict[Kind, KindState]:
    return {state.kind: state for state in states(networks)}


def store(folder: Path, *, measured: str = "", body: bytes = b"abc") -> Networks:
    digest = hashlib.sha256(b"abc").hexdigest()
    (folder / "hats").mkdir()
    (folder / "hats" / "hats.onnx").write_bytes(body)
    (folder / "registry.toml").write_text(ENTRY.format(digest=digest, measured=measured))
    return Networks(folder)


def test_masks_and_phones_are_there_and_the_others_say_what_they_lack(networks: Networks) -> None:
    found = by_kind(networks)
    assert {kind for kind, state in found.items() if state.on_by_default} == {Kind.NO_MASK, Kind.PHONE}
    for kind in (Kind.NO_HAT, Kind.SMOKING, Kind.RAT):
        shown = found[kind].as_json()
        assert shown["available"] is False
        assert shown["on_by_default"] is False
        assert shown["reason"]["en"] == "not available: no measured network"
        assert "没有经过评测" in shown["reason"]["zh-CN"]


def test_every_kind_and_state_has_words_in_both_languages(tmp_path: Path) -> None:
    for state in states(Networks(tmp_path)):
        shown = state.as_json()
        assert set(shown["name"]) == set(shown["reason"]) == {"zh-CN", "en"}
        assert shown["available"] is False
    assert set(KIND_WORDS) == set(Kind)


def test_a_network_that_was_not_measured_enough_raises_no_alarms(tmp_path: Path) -> None:
    few = store(tmp_path, measured="measured_cases = 12")
    assert state_of(Kind.NO_HAT, few).readiness is Readiness.NOT_MEASURED
    assert Parts(few, {Kind.NO_HAT}).kinds == frozenset()


def test_a_measured_network_is_available_but_stays_off_until_somebody_turns_it_on(
    tmp_path: Path, networks: Networks
) -> None:
    shutil.copytree(networks.path("face-mask").parent, tmp_path / "face_mask")
    state = state_of(Kind.NO_HAT, store(tmp_path, measured="measured_cases = 400"))
    assert (state.available, state.on_by_default) == (True, False)


def test_the_threshold_found_in_training_is_the_one_that_alarms(tmp_path: Path) -> None:
    rules = rules_of(store(tmp_path))
    assert rules[Kind.NO_HAT].start == 0.8
    assert rules[Kind.NO_HAT].keep < 0.8
    assert rules[Kind.NO_MASK] == RULES[Kind.NO_MASK]


def test_a_file_with_a_wrong_hash_is_never_opened_and_the_others_go_on(tmp_path: Path, networks: Networks) -> None:
    for name in ("face-mask", "yunet", "yolox-nano"):
        path = networks.path(name)
        shutil.copytree(path.parent, tmp_path / path.parent.name)
    damaged = tmp_path / networks.entry("face-mask").file
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    here = Networks(tmp_path)
    found = by_kind(here)
    assert found[Kind.NO_MASK].readiness is Readiness.DAMAGED
    assert found[Kind.PHONE].available
    parts = Parts(here)
    assert parts.kinds == {Kind.PHONE}
    assert parts.masks is None
    look = KitchenEye(parts).look(photo("fr-obama/01.jpg"), 0)
    assert (look.faces, look.reason) == (None, "")


def test_without_any_network_nothing_is_seen_and_nothing_breaks(tmp_path: Path) -> None:
    parts = Parts(Networks(tmp_path))
    look = KitchenEye(parts).look(np.asarray(photo("fr-obama/01.jpg")), 0)
    assert (parts.kinds, look.sightings, look.reason) == (frozenset(), (), "")
