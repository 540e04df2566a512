"""The disk of a world loses what was not synced, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import apsw
import pytest

from edge.store.connection import open_connection
from tests.simulation.disk import PowerCut, SimDisk
from tests.simulation.losses import SECTOR, Fate, Op, survivors, undone


@pytest.fixture
def disk(tmp_path: Path) -> SimDisk:
    return SimDisk(tmp_path / "disk", Random(1))


def wrote(random: Random, image: bytearray, count: int) -> list[Op]:
    """Random writes and truncates on an image, as the disk notes them."""
    ops = []
    for _ in range(count):
        before = len(image)
        if random.random() < 0.2 and before:
            size = random.randrange(before)
            ops.append(Op(size, bytes(image[size:]), b"", before, size))
            del image[size:]
            continue
        offset, data = random.randrange(before + 1), random.randbytes(random.randint(1, 2_000))
        old = bytes(image[offset : offset + len(data)])
        image[offset : offset + len(data)] = data
        ops.append(Op(offset, old, data, before, len(image)))
    return ops


@pytest.mark.parametrize("seed", range(40))
def test_undoing_what_was_not_synced_gives_the_file_as_it_was(seed: int) -> None:
    random = Random(seed)
    durable = random.randbytes(random.randrange(6_000))
    image = bytearray(durable)
    ops = wrote(random, image, random.randint(1, 12))
    assert undone(bytes(image), ops) == durable
    assert survivors(bytes(image), ops, random, Fate.DROP) == durable
    assert survivors(bytes(image), ops, random, Fate.KEEP) == bytes(image)


@pytest.mark.parametrize("fate", [Fate.PREFIX, Fate.MIX])
def test_each_sector_that_survives_is_one_that_was_there_at_some_moment(fate: Fate) -> None:
    for seed in range(200):
        random = Random(seed)
        moments = [random.randbytes(SECTOR * 6)]
        image, ops = bytearray(moments[0]), []
        for _ in range(5):
            at, data = SECTOR * random.randrange(6), random.randbytes(SECTOR)
            ops.append(Op(at, bytes(image[at : at + SECTOR]), data, len(image), len(image)))
            image[at : at + SECTOR] = data
            moments.append(bytes(image))
        kept = survivors(bytes(image), ops, random, fate)
        for at in range(0, len(kept), SECTOR):
            assert kept[at : at + SECTOR] in [moment[at : at + SECTOR] for moment in moments]


def rows(disk: SimDisk) -> list[int]:
    connection = open_connection(disk.folder / "a.db", vfs=disk.name)
    try:
        return [number for (number,) in connection.execute("SELECT n FROM t ORDER BY n")]
    finally:
        connection.close()


def let_go(disk: SimDisk, connection: apsw.Connection) -> None:
    """The process is gone: what it would still write on closing does not count."""
    disk.dead = True
    connection.close()
    disk.revive()


def filled(disk: SimDisk, *, setup: str = "") -> apsw.Connection:
    connection = open_connection(disk.folder / "a.db", vfs=disk.name)
    connection.execute(setup + "CREATE TABLE t (n INTEGER PRIMARY KEY, filler BLOB)")
    for number in range(20):
        connection.execute("INSERT INTO t VALUES (?, randomblob(900))", (number,))
    return connection


@pytest.mark.parametrize("fate", [*Fate, None])
def test_what_was_committed_is_there_after_any_power_loss(disk: SimDisk, fate: Fate | None) -> None:
    connection = filled(disk)
    connection.execute("BEGIN; INSERT INTO t VALUES (99, randomblob(50000))")
    let_go(disk, connection)
    disk.lose_power(fate=fate)
    assert rows(disk) == list(range(20))


def test_what_is_never_synced_is_found_missing(disk: SimDisk) -> None:
    connection = filled(disk, setup="PRAGMA synchronous = OFF;")
    let_go(disk, connection)
    disk.lose_power(fate=Fate.DROP)
    with pytest.raises(apsw.Error):
        rows(disk)


def test_a_process_that_is_killed_leaves_all_that_it_wrote(disk: SimDisk) -> None:
    connection = filled(disk, setup="PRAGMA synchronous = OFF;")
    let_go(disk, connection)
    assert rows(disk) == list(range(20))


def test_a_cut_ends_the_process_in_the_midst_of_a_commit(disk: SimDisk) -> None:
    connection = filled(disk)
    heard: list[int] = []
    disk.on_cut = lambda: heard.append(disk.operations)
    disk.cut_at = disk.operations + 2
    with pytest.raises(apsw.IOError):
        connection.execute("INSERT INTO t VALUES (50, randomblob(9000))")
    assert heard == [disk.operations]
    before = disk.image()
    let_go(disk, connection)
    assert disk.image() == before
    disk.lose_power()
    assert rows(disk) == list(range(20))


def test_a_full_disk_takes_nothing_more_but_what_the_reserve_leaves(disk: SimDisk) -> None:
    connection = filled(disk)
    reserve = disk.folder / "reserve"
    disk.allocate(reserve, 1_000_000)
    disk.full = True
    with pytest.raises(apsw.FullError):
        connection.execute("INSERT INTO t VALUES (50, randomblob(90000))")
    assert disk.free_bytes(disk.folder) == 0
    with pytest.raises(OSError, match="full"):
        disk.allocate(disk.folder / "more", 10)
    assert disk.remove(reserve)
    connection.execute("INSERT INTO t VALUES (50, randomblob(90000))")
    disk.full = False
    connection.close()
    assert rows(disk)[-1] == 50


def test_a_sector_that_cannot_be_read_is_an_error(disk: SimDisk) -> None:
    connection = filled(disk)
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    connection.close()
    disk.read_errors = 1.0
    with pytest.raises(apsw.Error):
        rows(disk)
    assert disk.read_faults
    disk.read_errors = 0.0
    assert rows(disk) == list(range(20))


def outcomes(tmp_path: Path, *, sync_file: bool, sync_folder: bool) -> Iterator[bytes | None]:
    """What is found of a small file that was replaced, over many power losses."""
    for seed in range(60):
        disk = SimDisk(tmp_path / f"d{seed}{sync_file}{sync_folder}", Random(seed))
        path, partial = disk.folder / "key", disk.folder / "key.partial"
        path.write_bytes(b"old")
        disk.write(partial, b"new" * 700)
        if sync_file:
            disk.sync(partial)
        disk.rename(partial, path)
        if sync_folder:
            disk.sync(disk.folder)
        disk.lose_power()
        yield path.read_bytes() if path.exists() else None


def test_a_file_replaced_with_both_syncs_is_the_new_one(tmp_path: Path) -> None:
    assert set(outcomes(tmp_path, sync_file=True, sync_folder=True)) == {b"new" * 700}


def test_a_file_replaced_without_the_folder_synced_is_the_old_or_the_new_one(tmp_path: Path) -> None:
    assert set(outcomes(tmp_path, sync_file=True, sync_folder=False)) == {b"old", b"new" * 700}


def test_a_file_replaced_without_a_sync_of_its_own_may_be_empty_or_torn(tmp_path: Path) -> None:
    assert not set(outcomes(tmp_path, sync_file=False, sync_folder=True)) <= {b"old", b"new" * 700}


def test_a_file_removed_without_the_folder_synced_may_come_back(tmp_path: Path) -> None:
    back = set()
    for seed in range(30):
        disk = SimDisk(tmp_path / f"d{seed}", Random(seed))
        (disk.folder / "file").write_bytes(b"here")
        assert disk.remove(disk.folder / "file")
        assert not disk.remove(disk.folder / "file")
        disk.lose_power()
        back.add(disk.exists(disk.folder / "file"))
    assert back == {True, False}


def test_a_plain_file_can_be_cut_too(disk: SimDisk) -> None:
    disk.cut_at = disk.operations + 2
    path = disk.folder / "key"
    disk.write(path, b"some")
    with pytest.raises(PowerCut):
        disk.sync(path)
    disk.write(path, b"else")
    assert path.read_bytes() == b"some"


def test_an_old_image_put_back_is_all_there_is(disk: SimDisk) -> None:
    filled(disk).close()
    image = disk.image()
    connection = open_connection(disk.folder / "a.db", vfs=disk.name)
    connection.execute("DELETE FROM t WHERE n > 3")
    connection.close()
    assert rows(disk) == [0, 1, 2, 3]
    disk.put_back(image)
    assert rows(disk) == list(range(20))


def test_a_clone_goes_its_own_way_from_the_same_unsynced_writes(disk: SimDisk, tmp_path: Path) -> None:
    connection = filled(disk, setup="PRAGMA synchronous = OFF;")
    let_go(disk, connection)
    twin = disk.clone(tmp_path / "twin", Random(2))
    twin.lose_power(fate=Fate.DROP)
    with pytest.raises(apsw.Error):
        rows(twin)
    assert rows(disk) == list(range(20))
