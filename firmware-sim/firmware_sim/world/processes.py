"""The campus's child processes: started in their own session, watched, ended in order, killed when told to."""

import asyncio
import contextlib
import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_MOST_FACTS = 1_000
_PR_SET_PDEATHSIG = 1
_HERE = Path(__file__).resolve().parents[2]
_PYTHONPATH = os.pathsep.join((str(_HERE), str(_HERE.parent)))


class StartFailed(RuntimeError):
    """A process ended, or said nothing of use, before it was ready; holds the tail of its log."""


@dataclass
class Child:
    """One process. JSON lines of its standard output are facts for the campus (`told`), all else goes to `log`."""

    name: str
    command: Sequence[str]
    log: Path
    process: asyncio.subprocess.Process | None = None
    told: list[dict[str, Any]] = field(default_factory=list)
    _listener: "asyncio.Task[None] | None" = None

    @property
    def alive(self) -> bool:
        """Whether it runs now."""
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        """Start it; its own session, so that a Ctrl-C in the terminal reaches the campus alone."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.told.clear()
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *self.command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, "PYTHONPATH": _PYTHONPATH},
                start_new_session=True,
                preexec_fn=_die_with_parent() if sys.platform == "linux" else None,
            )
        if self.process.stdout is not None:
            self._listener = asyncio.create_task(self._listen(self.process.stdout), name=f"{self.name}: output")

    async def wait_until(self, ready: Callable[[], object], *, timeout_s: float) -> None:
        """Wait for `ready` (an async or plain predicate) to be true; raises StartFailed with the log's tail."""
        deadline = asyncio.get_running_loop().time() + timeout_s
        while True:
            if not self.alive:
                raise StartFailed(f"{self.name} ended with {self.exit_word}; its log ends:\n{self.log_tail()}")
            answer = ready()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return
            if asyncio.get_running_loop().time() > deadline:
                raise StartFailed(f"{self.name} was not ready in {timeout_s:.0f} s; its log ends:\n{self.log_tail()}")
            await asyncio.sleep(0.1)

    def fact(self, event: str) -> dict[str, Any] | None:
        """The first JSON line it told with this `event`, if it has."""
        return next((fact for fact in self.told if fact.get("event") == event), None)

    @property
    def exit_word(self) -> str:
        """How it ended, for a person."""
        code = None if self.process is None else self.process.returncode
        return "no process" if code is None else f"status {code}"

    def log_tail(self, lines: int = 20) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    async def _listen(self, output: asyncio.StreamReader) -> None:
        with self.log.open("ab") as log:
            async for line in output:
                fact = None
                with contextlib.suppress(ValueError):
                    fact = json.loads(line)
                if not isinstance(fact, dict):
                    log.write(line)
                    log.flush()
                elif len(self.told) < _MOST_FACTS:
                    self.told.append(fact)

    async def stop(self, *, timeout_s: float = 15) -> None:
        """Ask it to end, and after the time-out make it."""
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.process.terminate()
        try:
            await asyncio.wait_for(self.process.wait(), timeout_s)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """End it as a power cut would: kill -9."""
        if self.process is None or self.process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, signal.SIGKILL)
        await self.process.wait()


def _die_with_parent() -> Callable[[], None]:
    """A campus that is killed leaves nobody behind: the kernel then ends its children in order."""
    prctl = ctypes.CDLL(None, use_errno=True).prctl  # looked up here: the child does nothing but the call

    def ask_for_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_for_signal
