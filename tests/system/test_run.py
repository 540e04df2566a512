"""What `make run` starts: a lunch under way, one interrupt that stops all, a second start that goes on, a fresh one."""

import asyncio
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.support.campus import campus_folder, eventually

pytestmark = [pytest.mark.serial, pytest.mark.timeout(400)]

ROOT = Path(__file__).parents[2]


@dataclass
class Running:
    """A campus process that has said that it is open."""

    said: str

    @property
    def screens(self) -> str:
        found = re.search(r"screens\s+(http://\S+)", self.said)
        assert found, self.said
        return found.group(1)

    async def has_sold(self) -> bool:
        return await self.head_seq() >= 10

    async def head_seq(self) -> int:
        async with httpx.AsyncClient(trust_env=False) as client:
            return int((await client.get(f"{self.screens}health")).json()["head_seq"])


@asynccontextmanager
async def campus(folder: Path, **environment: str) -> AsyncIterator[Running]:
    """Run it as make does, interrupt it once at the end and see that it stops everything, well."""
    command = [sys.executable, "-m", "firmware_sim", "campus", "--run", "--folder", str(folder)]
    process = await asyncio.create_subprocess_exec(
        *command, "--people", "80", "--speed", "60",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'firmware-sim'}", **environment},
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    async with asyncio.timeout(120):
        while "Ctrl-C" not in said:
            line = await process.stdout.readline()
            assert line, said
            said += line.decode()
    yield Running(said)
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(60):
        rest = (await process.stdout.read()).decode()
        assert await process.wait() == 0, rest
    assert "已停止" in rest
    assert [line for line in _processes() if str(folder) in line] == []


def _processes() -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
        except OSError:
            continue
    return found


@pytest.mark.capability("PLT-12")
async def test_a_lunch_opens_stops_at_one_interrupt_goes_on_and_starts_over_when_asked() -> None:
    with campus_folder() as folder:
        async with campus(folder) as first:
            assert re.search(r"password\s+\S{8,}", first.said)
            await eventually(first.has_sold, timeout_s=90, what="nobody came to lunch")
            reached = await first.head_seq()
        async with campus(folder) as again:
            assert again.screens == first.screens
            assert await again.head_seq() >= reached
            assert not re.search(r"password\s+\S{8,}", again.said), "a password is told once"
        async with campus(folder, FRESH="1") as fresh:
            assert re.search(r"password\s+\S{8,}", fresh.said)
            assert await fresh.head_seq() < reached
