"""A gateway of a world is the real one: it sells, dies at any point, comes up again, and replays from its seed."""

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TypeVar

import apsw
import pytest

from edge.leases.audit import verify
from edge.stations.canteen.closing import Closed
from edge.stations.gateway import CORE_SCHEMAS
from edge.store.turns import Pace
from edge.store.writer import StoreOptions, Writer
from protocols.journal.codec import decode_entry
from protocols.journal.kinds import Kind
from tests.simulation.clockwork import SimClock, SimLoop, run, sealed_world
from tests.simulation.crash_day import CASH, NOON_MS, DayCloud, DirectApi, new_cloud
from tests.simulation.disk import SimDisk
from tests.simulation.site_side import Died, Refused, SiteMachine, Told
from tests.support.fake_cloud import SITE_KEY

T = TypeVar("T")
ROOT = Path(__file__).resolve().parents[2]
Script = Callable[[SiteMachine, DayCloud], Awaitable[T]]


def living(folder: Path, script: Script[T], *, seed: int = 1) -> T:
    """A site with people and money, and what happens there."""

    async def main(loop: SimLoop) -> T:
        cloud = new_cloud()
        for person in range(1, 9):
            cloud.grant(person, 10_000, bucket=CASH)
        disk = SimDisk(folder / "disk", Random(seed))
        clock = SimClock(loop, NOON_MS)
        random = Random(seed)
        machine = SiteMachine(loop, disk.folder, random, clock=clock, disk=disk, api=DirectApi(cloud), code="CODE")
        await machine.boot()
        await asyncio.sleep(70)
        assert machine.leases.n == 8
        try:
            return await script(machine, cloud)
        finally:
            if machine.alive:
                await machine.stop()

    loop = SimLoop()
    with sealed_world(seed):
        return run(main(loop), loop=loop)


def settlements(machine: SiteMachine) -> int:
    return sum(decode_entry(body).kind == Kind.SETTLEMENT for body in machine.committed())


def test_a_sale_is_told_with_what_stands_in_the_journal(tmp_path: Path) -> None:
    async def script(machine: SiteMachine, cloud: DayCloud) -> None:
        told = await machine.sell(attempt="a", lane=1, person=1, extra_fen=300)
        assert told == await machine.sell(attempt="a", lane=1, person=1, extra_fen=300)
        assert isinstance(told, Told)
        assert (told.amount_fen, told.price_fen, told.shares) == (1_500, 1_200, ((CASH, 1_500),))
        assert machine.held()[1, CASH] == 8_500
        assert isinstance(await machine.sell(attempt="b", lane=1, person=2, extra_fen=9_000), Refused)
        back = await machine.refund(attempt="r", lane=1, seq=told.seq, items=(0,))
        assert isinstance(back, Told)
        assert (back.person, back.amount_fen, back.sale_seq) == (1, 1_200, told.seq)
        kept = await machine.cash_in(attempt="c", lane=2, person=1, fen=500)
        assert isinstance(kept, Told)
        assert isinstance(await machine.cash_void(attempt="v", lane=2, person=1, seq=kept.seq), Told)
        assert await machine.cash_void(attempt="w", lane=2, person=1, seq=kept.seq) == Refused("voided_before")
        closed = await machine.close_day(lane=1)
        assert isinstance(closed, Closed)
        assert (closed.fact.settlements, closed.agrees) == (1, True)
        await asyncio.sleep(60)
        assert cloud.entries == machine.committed()
        assert machine.link.state.waiting == 0
        assert machine.identity.site_key == SITE_KEY

    living(tmp_path, script)


def test_lanes_that_sell_at_one_moment_share_a_commit(tmp_path: Path) -> None:
    async def script(machine: SiteMachine, _cloud: DayCloud) -> None:
        before = machine.stores.writer.commits
        await asyncio.gather(*(machine.sell(attempt=f"a{n}", lane=n % 4 + 1, person=n) for n in range(1, 9)))
        assert machine.stores.writer.commits == before + 1
        assert settlements(machine) == 8

    living(tmp_path, script)


@pytest.mark.rule(18)
@pytest.mark.parametrize("power", [False, True])
def test_rule_18_a_process_that_ends_in_a_commit_tells_nobody_and_a_second_try_settles_once(
    tmp_path: Path, power: bool
) -> None:
    async def script(machine: SiteMachine, _cloud: DayCloud) -> list[bool]:
        found = []
        for number in range(16):
            attempt = f"a{number}"
            machine.disk.cut_at = machine.disk.operations + number % 12 + 1
            machine.dies_of_cut(power=power)
            try:
                await machine.sell(attempt=attempt, lane=1, person=number % 8 + 1)
            except Died:
                assert machine.disk.cut_at is None
            else:
                machine.die(power=power)  # the cut lay beyond the last write of the commit
            assert machine.died.is_set()
            assert not machine.alive
            await machine.boot()
            found.append(settlements(machine) > number)
            assert isinstance(await machine.sell(attempt=attempt, lane=1, person=number % 8 + 1), Told)
            assert settlements(machine) == number + 1
        assert verify(machine.stores.reader) == []
        return found

    assert set(living(tmp_path, script)) == {False, True}


def test_what_was_told_is_there_after_the_power_is_lost_at_once(tmp_path: Path) -> None:
    async def script(machine: SiteMachine, _cloud: DayCloud) -> None:
        for number in range(10):
            told = await machine.sell(attempt=f"a{number}", lane=1, person=number % 8 + 1)
            assert isinstance(told, Told)
            machine.die(power=True)
            await machine.boot()
            assert machine.journal.entry(told.seq).kind == Kind.SETTLEMENT
        assert machine.boots == 11

    living(tmp_path, script)


def test_whoever_awaits_a_process_that_ends_hears_that_it_died(tmp_path: Path) -> None:
    async def script(machine: SiteMachine, _cloud: DayCloud) -> None:
        waiting = asyncio.ensure_future(machine.sell(attempt="a", lane=1, person=1))
        await asyncio.sleep(0)
        machine.die(power=False)
        with pytest.raises(Died):
            await waiting
        with pytest.raises(Died):
            await machine.sell(attempt="b", lane=1, person=1)
        await machine.boot()

    living(tmp_path, script)


def test_a_dead_process_says_nothing_more_to_the_cloud(tmp_path: Path) -> None:
    async def script(machine: SiteMachine, cloud: DayCloud) -> None:
        await machine.sell(attempt="a", lane=1, person=1)
        machine.die(power=False)
        beats, batches = len(cloud.heartbeats), cloud.batches
        await asyncio.sleep(3_600)
        assert (len(cloud.heartbeats), cloud.batches) == (beats, batches)
        await machine.boot()
        await asyncio.sleep(60)
        assert cloud.entries == machine.committed()

    living(tmp_path, script)


def test_a_full_disk_refuses_sales_and_still_takes_refunds(tmp_path: Path) -> None:
    async def script(machine: SiteMachine, _cloud: DayCloud) -> None:
        told = await machine.sell(attempt="a", lane=1, person=1)
        assert isinstance(told, Told)
        machine.disk.full = True
        await asyncio.sleep(2)
        assert await machine.sell(attempt="b", lane=1, person=1) == Refused("store_full")
        assert isinstance(await machine.refund(attempt="r", lane=1, seq=told.seq), Told)
        machine.disk.full = False
        await asyncio.sleep(2)
        assert isinstance(await machine.sell(attempt="b", lane=1, person=1), Told)

    living(tmp_path, script)


def test_a_disk_that_reads_badly_is_survived(tmp_path: Path) -> None:
    async def script(machine: SiteMachine, _cloud: DayCloud) -> None:
        machine.disk.read_errors = 0.2
        machine.die(power=False)
        booting = asyncio.ensure_future(machine.boot())
        await asyncio.sleep(600)
        machine.disk.read_errors = 0.0
        await booting
        assert machine.disk.read_faults
        assert isinstance(await machine.sell(attempt="a", lane=1, person=1), Told)

    living(tmp_path, script)


async def test_a_store_that_cannot_be_closed_well_lets_the_next_process_in(tmp_path: Path) -> None:
    disk = SimDisk(tmp_path / "disk", Random(1))
    pace = Pace(asyncio.get_running_loop())
    options = StoreOptions(vfs=disk.name, free_bytes=disk.free_bytes, files=disk, reserve_mb=0, pace=pace)
    writer = Writer(disk.folder / "journal.db", CORE_SCHEMAS, options)
    disk.read_errors = 1.0
    with pytest.raises(apsw.IOError):
        writer.close()
    disk.read_errors = 0.0
    again = Writer(disk.folder / "journal.db", CORE_SCHEMAS, options)
    assert again.run(lambda tx: tx.execute("SELECT count(*) FROM entries").fetchone()[0]) == 0
    again.close()


def test_an_old_image_put_back_boots_as_the_gateway_it_was(tmp_path: Path) -> None:
    async def script(machine: SiteMachine, _cloud: DayCloud) -> None:
        await machine.stop()
        image = machine.disk.image()
        await machine.boot()
        await machine.sell(attempt="a", lane=1, person=1)
        head = machine.journal.head_seq
        await machine.stop()
        machine.disk.put_back(image)
        await machine.boot()
        assert settlements(machine) == 0
        assert machine.journal.head_seq < head

    living(tmp_path, script)


async def a_life(machine: SiteMachine, cloud: DayCloud) -> str:
    """A digest of an hour with deaths in it."""
    random = Random(5)
    for number in range(30):
        machine.disk.cut_at = machine.disk.operations + random.randint(1, 60)
        machine.dies_of_cut(power=number % 2 == 0)
        try:
            await asyncio.gather(*(machine.sell(attempt=f"a{number}.{n}", lane=n, person=n) for n in (1, 2, 3)))
            await asyncio.sleep(random.uniform(1, 60))
        except Died:
            await asyncio.sleep(5)
        while not machine.alive:
            with suppress(Died):
                await machine.boot()
    machine.disk.cut_at = None
    await asyncio.sleep(120)
    told = hashlib.sha256(b"".join(machine.committed()) + b"".join(cloud.entries))
    told.update(repr((machine.disk.operations, asyncio.get_running_loop().time(), machine.boots)).encode())
    return told.hexdigest()


def test_the_same_seed_lives_the_same_life_in_another_process(tmp_path: Path) -> None:
    said = []
    for hash_seed in ("1", "77"):
        folder = tmp_path / hash_seed
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT}/firmware-sim",
        }
        program = (
            "import sys; from pathlib import Path; from tests.simulation.test_site_side import a_life, living;"
            "print(living(Path(sys.argv[1]), a_life))"
        )
        command = [sys.executable, "-c", program, str(folder)]
        found = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        assert found.returncode == 0, found.stderr
        said.append(found.stdout)
    assert said[0] == said[1]
    assert living(tmp_path / "other", a_life, seed=2) + "\n" != said[0]
