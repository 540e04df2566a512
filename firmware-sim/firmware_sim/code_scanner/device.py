"""The scanner: sends a code's text when it is shown."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from firmware_sim.core.device import Outcome, Reply, WrongActError
from protocols.code_scanner.codec import encode_line
from protocols.code_scanner.messages import ScannedCode

_REPEAT_S = 0.1


@dataclass(frozen=True, slots=True)
class CodeScannerOptions:
    """`encoding` is utf-8 or gb18030; `repeats` is how many more times a code is sent while it is shown."""

    encoding: str = "utf-8"
    repeats: int = 0


class CodeScannerDevice:
    """A scanner; `scans` counts the codes shown to it."""

    tick_s = None

    def __init__(self, options: CodeScannerOptions) -> None:
        self._options = options
        self._scans = 0

    def receive(self, data: bytes, now_s: float) -> list[Reply]:  # noqa: ARG002 - it does not listen
        """Ignore the host: it only talks."""
        return []

    def tick(self, now_s: float) -> list[Reply]:  # noqa: ARG002 - nothing happens by itself
        """Say nothing."""
        return []

    def act(self, order: Mapping[str, Any], now_s: float) -> Outcome:  # noqa: ARG002 - it knows no time
        """`scan` shows a code of that text."""
        match order:
            case {"scan": str(text)}:
                try:
                    line = encode_line(ScannedCode(text=text), encoding=self._options.encoding)
                except ValueError as error:
                    raise WrongActError(str(error)) from error
                self._scans += 1
                replies = tuple(Reply(line, number * _REPEAT_S) for number in range(self._options.repeats + 1))
                return Outcome(answer={"scans": self._scans}, replies=replies)
            case {"state": True}:
                return Outcome(answer={"scans": self._scans})
        raise WrongActError("a code scanner knows scan, state")


def make(options: Mapping[str, Any], *, seed: int) -> CodeScannerDevice:  # noqa: ARG001 - nothing is left to chance
    """A scanner with some options changed; TypeError for an unknown one."""
    return CodeScannerDevice(replace(CodeScannerOptions(), **options))
