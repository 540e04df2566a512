"""The sealed gallery: consent, withdrawal, damage, and power cuts at every moment."""

import contextlib
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest

from models.face.errors import EnrolmentRefused, GalleryBusy, GalleryOfAnotherNetwork, GalleryTorn
from models.face.sealed import FRAMES_AT, Disk, FileDisk
from models.face.vault import Consent, Enrolment, FaceVault
from tests.support.networks import random_people

KEY = bytes(range(16))
NETWORK = bytes(32)
CANTEEN, LIBRARY = 1, 2
VECTORS, _ = random_people(40)


def opened(path: Path, *, disk_of: Callable[[BinaryIO], Disk] = FileDisk, key: bytes = KEY) -> FaceVault:
    return FaceVault.open(path, key=key, network=NETWORK, random=secrets.token_bytes, disk_of=disk_of)


def person(number: int, *places: int, templates: int = 1) -> Enrolment:
    consents = tuple(Consent(place, 3, 1_700_000_000_000) for place in places or (CANTEEN,))
    return Enrolment(number, np.repeat(VECTORS[number : number + 1], templates, 0), consents, 1_700_000_000_000)


def found(vault: FaceVault, number: int, place: int = CANTEEN) -> bool:
    candidates = vault.at(place).search(VECTORS[number])
    return bool(candidates) and candidates[0].person == number and candidates[0].score > 0.99


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "faces" / "gallery.bin"


def filled(path: Path, people: int = 5) -> None:
    vault = opened(path)
    for number in range(people):
        vault.enrol([person(number)])
    vault.close()


@pytest.mark.capability("PLT-10")
def test_templates_are_unreadable_on_disk_and_whole_after_opening(path: Path) -> None:
    filled(path)
    assert VECTORS[2].tobytes() not in path.read_bytes()
    vault = opened(path)
    assert vault.people == frozenset(range(5))
    assert all(found(vault, number) for number in range(5))
    assert vault.dropped_bytes == 0
    vault.close()


def test_a_person_is_found_only_where_they_consented(path: Path) -> None:
    vault = opened(path)
    vault.enrol([person(1, CANTEEN), person(2, CANTEEN, LIBRARY)])
    assert found(vault, 1)
    assert not found(vault, 1, LIBRARY)
    assert found(vault, 2, LIBRARY)
    assert vault.places_of(2) == {CANTEEN, LIBRARY}
    assert len(vault.at(99)) == 0
    vault.close()


@pytest.mark.parametrize(
    "wrong",
    [
        Enrolment(1, VECTORS[:1], (), 0),
        Enrolment(-1, VECTORS[:1], (Consent(1, 1, 0),), 0),
        Enrolment(1, VECTORS[:1] * 2, (Consent(1, 1, 0),), 0),
        Enrolment(1, VECTORS[:0], (Consent(1, 1, 0),), 0),
        Enrolment(1, VECTORS[:11], (Consent(1, 1, 0),), 0),
        Enrolment(1, VECTORS[:1, :64], (Consent(1, 1, 0),), 0),
    ],
)
def test_without_consent_or_with_odd_templates_nothing_is_stored(path: Path, wrong: Enrolment) -> None:
    vault = opened(path)
    with pytest.raises(EnrolmentRefused):
        vault.enrol([person(3), wrong])
    assert vault.people == frozenset()
    vault.close()


def test_enrolling_again_replaces_the_templates(path: Path) -> None:
    vault = opened(path)
    vault.enrol([person(1, templates=3)])
    again = Enrolment(1, VECTORS[30:31], (Consent(LIBRARY, 4, 5),), 6)
    vault.enrol([again])
    assert vault.templates == 1
    assert vault.places_of(1) == {LIBRARY}
    vault.close()
    vault = opened(path)
    assert vault.at(LIBRARY).search(VECTORS[30])[0].score > 0.99
    assert len(vault.at(CANTEEN)) == 0
    vault.close()


@pytest.mark.capability("PLT-10")
@pytest.mark.rule(16)
def test_rule_16_withdrawal_erases_and_answers_a_proof(path: Path) -> None:
    filled(path)
    vault = opened(path)
    before = vault.digest
    with path.open("rb") as old_file:  # as whoever took the disk's blocks would still see it
        proof = vault.withdraw(3)
        old = old_file.read()
    assert (proof.person, proof.templates_erased, proof.templates_left) == (3, 1, 0)
    assert (proof.digest_before, proof.digest_after) == (before, vault.digest)
    assert proof.generation == 2
    assert not found(vault, 3)
    vault.close()
    assert old[:FRAMES_AT] == bytes(FRAMES_AT), "the key of what was erased must be gone"
    vault = opened(path)
    assert vault.people == {0, 1, 2, 4}
    assert vault.digest == proof.digest_after
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    vault.close()


@pytest.mark.rule(16)
def test_rule_16_withdrawal_at_one_place_leaves_the_other(path: Path) -> None:
    vault = opened(path)
    vault.enrol([person(1, CANTEEN, LIBRARY)])
    proof = vault.withdraw(1, place=CANTEEN)
    assert (proof.templates_erased, proof.templates_left) == (0, 1)
    assert not found(vault, 1)
    assert found(vault, 1, LIBRARY)
    assert vault.withdraw(1, place=LIBRARY).templates_left == 0
    assert vault.templates == 0
    vault.close()


@pytest.mark.rule(16)
def test_rule_16_withdrawing_who_is_not_there_is_confirmed_too(path: Path) -> None:
    vault = opened(path)
    proof = vault.withdraw(12)
    assert (proof.templates_erased, proof.templates_left) == (0, 0)
    vault.close()


def test_only_one_process_holds_the_gallery(path: Path) -> None:
    vault = opened(path)
    with pytest.raises(GalleryBusy):
        opened(path)
    vault.close()
    opened(path).close()


def test_another_device_key_or_network_is_refused(path: Path) -> None:
    filled(path, 1)
    with pytest.raises(GalleryTorn, match="another device"):
        opened(path, key=bytes(16))
    with pytest.raises(GalleryOfAnotherNetwork):
        FaceVault.open(path, key=KEY, network=b"\1" * 32, random=secrets.token_bytes)


def test_one_damaged_slot_is_survived_and_both_are_not(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    for at in (1024, 2048):
        path.write_bytes(flipped(whole, at))
        vault = opened(path)
        assert vault.people == frozenset(range(5))
        vault.close()
    path.write_bytes(flipped(flipped(whole, 1024), 2048))
    with pytest.raises(GalleryTorn, match="slots"):
        opened(path)


def test_a_torn_gallery_is_never_half_believed(path: Path) -> None:
    filled(path)
    whole = path.read_bytes()
    for at in [0, 9, 30, 100, *range(FRAMES_AT, len(whole), 37)]:
        path.write_bytes(flipped(whole, at))
        with pytest.raises(GalleryTorn):
            opened(path)
    for size in (1, 100, FRAMES_AT, FRAMES_AT + 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(GalleryTorn):
            opened(path)
    path.write_bytes(whole[: len(whole) - 1])
    with pytest.raises(GalleryTorn) as error:
        opened(path)
    assert error.value.readable == 4


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


class PowerCut(Exception):
    """The machine went dark."""


class CutDisk:
    """Goes dark in its nth operation, a write leaving `share` of its bytes, or zeros in their place."""

    left = 0
    share = 0.0
    zeros = False

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._disk = FileDisk(file)

    def write(self, offset: int, data: bytes) -> None:
        if self._goes_dark():
            kept = data[: int(len(data) * self.share)]
            self._disk.write(offset, kept + bytes(len(data) - len(kept)) if self.zeros else kept)
            self._file.close()
            raise PowerCut
        self._disk.write(offset, data)

    def sync(self) -> None:
        if self._goes_dark():
            self._file.close()
            raise PowerCut
        self._disk.sync()

    def truncate(self, size: int) -> None:
        self._disk.truncate(size)

    @classmethod
    def _goes_dark(cls) -> bool:
        cls.left -= 1
        return cls.left < 0


def cut_in(path: Path, act: Callable[[FaceVault], object], nth: int, share: float, zeros: bool) -> bool:
    """Whether the power went before the act was through."""
    CutDisk.left = 1_000
    vault = opened(path, disk_of=CutDisk)
    CutDisk.left, CutDisk.share, CutDisk.zeros = nth, share, zeros
    try:
        act(vault)
    except PowerCut:
        return True
    else:
        return False
    finally:
        vault._file.close()


@pytest.mark.parametrize(("share", "zeros"), [(0.0, False), (0.02, False), (0.5, False), (0.99, False), (0.5, True)])
def test_a_power_cut_in_enrolment_loses_at_most_that_enrolment(path: Path, share: float, zeros: bool) -> None:
    filled(path)
    before = path.read_bytes()
    dark = 0
    for nth in range(8):
        path.write_bytes(before)
        cut = cut_in(path, lambda vault: vault.enrol([person(20), person(21)]), nth, share, zeros)
        dark += cut
        vault = opened(path)
        assert vault.people in ({0, 1, 2, 3, 4}, {0, 1, 2, 3, 4, 20, 21})
        assert cut or 20 in vault.people
        vault.enrol([person(22)])
        vault.close()
        vault = opened(path)
        assert found(vault, 22)
        assert vault.dropped_bytes == 0, "what was cut off is cut off for good"
        vault.close()
    assert dark == 4, "frame, sync, slot, sync"


@pytest.mark.rule(16)
@pytest.mark.parametrize(("share", "zeros"), [(0.0, False), (0.5, False), (0.5, True)])
def test_rule_16_a_power_cut_in_a_withdrawal_is_finished_at_the_next_start(
    path: Path, share: float, zeros: bool
) -> None:
    filled(path)
    before = path.read_bytes()
    for nth in range(16):
        path.write_bytes(before)
        cut = cut_in(path, lambda vault: vault.withdraw(3), nth, share, zeros)
        vault = opened(path)
        assert vault.people in ({0, 1, 2, 4}, {0, 1, 2, 3, 4})
        if 3 not in vault.people:
            assert vault.header.generation == 2, "a tombstone is followed by the rewriting"
        assert cut or 3 not in vault.people
        vault.close()
        assert [each.name for each in path.parent.iterdir()] == [path.name]
        if not cut:
            return
    pytest.fail("the withdrawal never came through")


def test_a_power_cut_while_the_gallery_is_made_leaves_none_or_an_empty_one(path: Path) -> None:
    for nth in range(4):
        path.unlink(missing_ok=True)
        CutDisk.left, CutDisk.share, CutDisk.zeros = nth, 0.5, False
        with contextlib.suppress(PowerCut):
            opened(path, disk_of=CutDisk).close()
        vault = opened(path)
        vault.enrol([person(1)])
        assert vault.people == {1}
        vault.close()


def test_a_stronger_network_may_have_longer_templates(path: Path) -> None:
    def opened_for(dimensions: int) -> FaceVault:
        return FaceVault.open(path, key=KEY, network=NETWORK, random=secrets.token_bytes, dimensions=dimensions)

    vault = opened_for(512)
    vector = np.zeros((1, 512), np.float32)
    vector[0, 7] = 1
    vault.enrol([Enrolment(1, vector, (Consent(1, 1, 0),), 0)])
    with pytest.raises(EnrolmentRefused, match="512"):
        vault.enrol([person(2)])
    vault.close()
    with pytest.raises(GalleryOfAnotherNetwork):
        opened_for(128)
    vault = opened_for(512)
    assert vault.at(1).search(vector[0])[0].score == 1.0
    vault.close()
