"""The printer: prints on paper that can be read back, stops without paper or with its cover open."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from firmware_sim.core.device import Outcome, Reply, WrongActError
from firmware_sim.receipt_printer.escpos import (
    AskStatus,
    AskWhenThrough,
    Command,
    CommandStream,
    Cut,
    Feed,
    Initialise,
    Qr,
    Text,
)

_MOST_RECEIPTS = 200
_MOST_WAITING_COMMANDS = 4096
_FIXED = 0b0001_0010
_OFFLINE, _COVER_OPEN, _PAPER_STOP = 0b1000, 0b100, 0b10_0000
_PAPER_LOW, _PAPER_OUT = 0b1100, 0b110_0000
_LINE_S = 0.01


@dataclass(frozen=True, slots=True)
class ReceiptPrinterOptions:
    """`paper_lines` is the rest of the roll."""

    paper_lines: int = 1_000_000


class ReceiptPrinterDevice:
    """A printer; what it cannot print waits in its memory until it can."""

    tick_s = None

    def __init__(self, options: ReceiptPrinterOptions) -> None:
        self._stream = CommandStream()
        self._waiting: deque[Command] = deque(maxlen=_MOST_WAITING_COMMANDS)
        self._receipts: deque[str] = deque(maxlen=_MOST_RECEIPTS)
        self._lines: list[str] = []
        self._line = bytearray()
        self._paper_lines = options.paper_lines
        self._cover_closed = True
        self._printed = 0

    def receive(self, data: bytes, now_s: float) -> list[Reply]:
        """Bytes from the host in, status bytes out."""
        return [reply for command in self._stream.feed(data) for reply in self.handle(command, now_s)]

    def handle(self, command: Command, now_s: float) -> list[Reply]:  # noqa: ARG002 - a printer knows no time
        """Take one command: real-time questions are answered at once, all else in its turn."""
        if isinstance(command, AskStatus):
            return [Reply(bytes((self._status(command.number),)))]
        self._waiting.append(command)
        return self._work()

    def tick(self, now_s: float) -> list[Reply]:  # noqa: ARG002 - nothing happens by itself
        """Say nothing."""
        return []

    def act(self, order: Mapping[str, Any], now_s: float) -> Outcome:  # noqa: ARG002 - a printer knows no time
        """`paper` takes it out or puts a roll in, `paper_lines` says how much, `cover` opens; `receipts` reads back."""
        match order:
            case {"paper": bool(paper)}:
                self._paper_lines = ReceiptPrinterOptions().paper_lines if paper else 0
            case {"paper_lines": int(lines)}:
                self._paper_lines = max(lines, 0)
            case {"cover": "open" | "closed" as cover}:
                self._cover_closed = cover == "closed"
            case {"receipts": int(most)}:
                receipts = list(self._receipts)[-most:] if most > 0 else []
                return Outcome(answer={"receipts": receipts, "printed": self._printed})
            case {"state": True}:
                pass
            case _:
                raise WrongActError("a printer knows paper, paper_lines, cover, receipts, state")
        replies = tuple(self._work())
        answer = {"paper": self._paper_lines > 0, "cover_closed": self._cover_closed, "printed": self._printed}
        return Outcome(answer=answer | {"unfinished": len(self._lines)}, replies=replies)

    @property
    def _able(self) -> bool:
        return self._cover_closed and self._paper_lines > 0

    def _work(self) -> list[Reply]:
        replies: list[Reply] = []
        lines = 0
        while self._waiting and self._able:
            command = self._waiting.popleft()
            match command:
                case Text(data):
                    self._line += data
                case Feed():
                    self._end_line()
                    lines += 1
                case Qr(data):
                    self._line += b"[QR " + data + b"]"
                case AskWhenThrough(_):
                    replies.append(Reply(b"\x00", lines * _LINE_S))
                case Cut():
                    self._cut()
                case Initialise():
                    self._line.clear()
        return replies

    def _end_line(self) -> None:
        self._lines.append(self._line.decode("gb18030", errors="replace"))
        self._line.clear()
        self._paper_lines -= 1

    def _cut(self) -> None:
        if self._line:
            self._end_line()
        while self._lines and not self._lines[-1]:
            self._lines.pop()
        self._receipts.append("\n".join(self._lines))
        self._lines.clear()
        self._printed += 1

    def _status(self, number: int) -> int:
        paper = self._paper_lines > 0
        match number:
            case 1:
                return _FIXED | (0 if self._able else _OFFLINE)
            case 2:
                return _FIXED | (0 if self._cover_closed else _COVER_OPEN) | (0 if paper else _PAPER_STOP)
            case 4:
                return _FIXED | (0 if paper else _PAPER_OUT | _PAPER_LOW)
        return _FIXED


def make(options: Mapping[str, Any], *, seed: int) -> ReceiptPrinterDevice:  # noqa: ARG001 - nothing is left to chance
    """A printer with some options changed; TypeError for an unknown one."""
    return ReceiptPrinterDevice(replace(ReceiptPrinterOptions(), **options))
