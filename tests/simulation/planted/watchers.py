"""Lets a detector look at a copy of the code, in one of a few nurseries that wait for the next."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from tests.simulation.planted.detectors import Detector
from tests.simulation.planted.overlay import Base, Overlay

_FOUND: Final = 1
_KEPT_WORDS: Final = 300
_NURSERY: Final = "tests.simulation.planted.nursery"


class Seen(NamedTuple):
    """What a detector saw: status "" (nothing), "found", "hang" or "crash"; its words, and the seed it names."""

    status: str
    said: str
    seed: int | None


class Watchers:
    """`jobs` nurseries over one base. `look` may be called from as many threads."""

    def __init__(self, detectors: Sequence[Detector], base: Base, *, jobs: int) -> None:
        self.detectors, self.base = detectors, base
        self._jobs = jobs
        self._free: SimpleQueue[subprocess.Popen[str]] = SimpleQueue()
        self._all: list[subprocess.Popen[str]] = []

    def __enter__(self) -> Self:
        paths = os.pathsep.join([str(self.base.code), str(self.base.code / "firmware-sim")])
        environment = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(self.base.folder)}
        modules = sorted({detector.module for detector in self.detectors})
        for _ in range(self._jobs):
            nursery = subprocess.Popen(
                [sys.executable, "-m", _NURSERY, *modules], cwd=self.base.code, env=environment,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            self._all.append(nursery)
            self._free.put(nursery)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for nursery in self._all:
            with nursery:
                if nursery.stdin is not None:
                    nursery.stdin.close()

    def look(self, detector: Detector, overlay: Overlay) -> Seen:
        """One run of a detector."""
        nursery = self._free.get()
        try:
            told = _ask(nursery, {
                "code": str(overlay.code), "temporary": str(overlay.temporary), "module": detector.module,
                "arguments": list(detector.arguments), "timeout_s": detector.timeout_s,
            })  # fmt: skip
        finally:
            self._free.put(nursery)
        if told["status"] is None:
            return Seen("hang", f"no end after {detector.timeout_s:.0f} s", None)
        if told["status"] == 0:
            return Seen("", "", None)
        words, seed = _told(told["output"])
        return Seen("found" if told["status"] == _FOUND else "crash", words, seed)


def _ask(nursery: "subprocess.Popen[str]", what: dict[str, Any]) -> dict[str, Any]:
    assert nursery.stdin is not None
    assert nursery.stdout is not None
    nursery.stdin.write(json.dumps(what) + "\n")
    nursery.stdin.flush()
    told: dict[str, Any] = json.loads(nursery.stdout.readline())
    return told


def _told(output: str) -> tuple[str, int | None]:
    """What the detector said of it: the last line of JSON that names what is wrong, or the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    for line in reversed(lines):
        told = _json(line)
        words = told.get("violation") or told.get("failures")
        if words:
            seed = told.get("seed")
            said = words if isinstance(words, str) else str(words[0])
            return said[:_KEPT_WORDS], seed if isinstance(seed, int) else None
    return (lines[-1] if lines else "")[:_KEPT_WORDS], None


def _json(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        told = json.loads(line)
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
