"""A disk that gives other bytes than it was given."""

import shutil
import sqlite3
from pathlib import Path
from random import Random

from edge.journal import journal
from edge.store.errors import StoreError
from tests.simulation.auditor import Violation
from tests.simulation.incidents import somebody
from tests.simulation.office import Office
from tests.simulation.world import Site, World


async def bad_sector(world: World, _office: Office) -> None:
    """While a gateway is off a page of its journal changes: it must not open. Then the sector reads well again."""
    site = await somebody(world, "bad sector")
    async with site.switch:
        world.look(site)
        world.die(site, power=True, why="before a sector of its disk turns")
        image = site.disk.image()
        _alter(site, world.chance("which sector"))
        try:
            opened = await world.lives(site.machine.boot())
        except StoreError:
            world.fault("altered sector found at start", f"site {site.number} finds its journal altered")
        else:
            if opened:
                raise Violation(f"site {site.number} opens a journal of which a newer entry was altered")
        site.disk.revive()
        site.disk.put_back(image)
    await world.boot(site)


def _alter(site: Site, random: Random) -> None:
    """Change a byte of an entry among those that are checked at each start."""
    folder = site.machine.disk.folder
    copy = folder.with_name(folder.name + "-altered")
    shutil.copytree(folder, copy)
    try:
        _change(copy / "journal.db", random)
        image = {path.name: path.read_bytes() for path in sorted(copy.iterdir()) if not path.name.endswith(".lock")}
    finally:
        shutil.rmtree(copy)
    site.disk.put_back(image)


def _change(path: Path, random: Random) -> None:
    database = sqlite3.connect(path)
    try:
        sql = "SELECT seq, body FROM entries ORDER BY seq DESC LIMIT ?"
        newest, *checked = database.execute(sql, (journal._CHECKED_AT_START,)).fetchall()
        seq, body = random.choice(checked or [newest])
        place = random.randrange(len(body))
        changed = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        database.execute("UPDATE entries SET body = ? WHERE seq = ?", (changed, seq))
        database.commit()
    finally:
        database.close()
