"""How the site stands with the cloud, for screens and stations; and the one question a lane may ask it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from edge.core.errors import EdgeError
from protocols.sync.messages import LeaseAsk, LeaseAskAnswer

Lanes = tuple[tuple[int, str, int], ...]
Asker = Callable[[LeaseAsk], Awaitable[LeaseAskAnswer]]


@dataclass(frozen=True)
class LinkState:
    """`online` or not since `since_ms`; `waiting` entries (of `waiting_fen`) are not yet in the cloud.

    `word` is "open", or why sync stands: "frozen", "stopped", "declare", "revoked", "superseded".
    `trouble` is the last error.
    """

    online: bool = False
    since_ms: int = 0
    waiting: int = 0
    waiting_fen: int = 0
    word: str = "open"
    trouble: str = ""


class Link:
    """Told by sync, read by all. Trading never awaits it, but for `ask`, which is bounded.

    `lanes` is set by the station: it gives (lane id, state word, people waiting) of each lane for the heartbeat.
    """

    def __init__(self, *, now_ms: Callable[[], int], ask_timeout_s: float) -> None:
        self.state = LinkState(since_ms=now_ms())
        self._now_ms = now_ms
        self._ask_timeout_s = ask_timeout_s
        self._asker: Asker | None = None
        self.lanes: Callable[[], Lanes] = tuple
        self._listeners: list[Callable[[LinkState], None]] = []

    def on_change(self, listener: Callable[[LinkState], None]) -> None:
        """Call `listener` in the event loop after each change of state."""
        self._listeners.append(listener)

    def serve_asks(self, asker: Asker | None) -> None:
        """Sync takes asks, or no more."""
        self._asker = asker

    async def ask(self, person: int, amount: int, rules: tuple[int, ...], day: int) -> LeaseAskAnswer | None:
        """Ask for a visitor's rights; they are in the lease book when this returns an answer.

        None where there is no network, no answer in time, or no.
        """
        if self._asker is None or not self.state.online:
            return None
        try:
            async with asyncio.timeout(self._ask_timeout_s):
                return await self._asker(LeaseAsk(person, amount, rules, day))
        except (TimeoutError, EdgeError):
            return None

    def set_online(self, *, online: bool, trouble: str = "") -> None:
        """Sync reached the cloud, or could not."""
        if online != self.state.online:
            self._set(replace(self.state, online=online, since_ms=self._now_ms(), trouble=trouble))
        elif trouble != self.state.trouble:
            self._set(replace(self.state, trouble=trouble))

    def set_word(self, word: str) -> None:
        """The cloud's word on this stream."""
        if word != self.state.word:
            self._set(replace(self.state, word=word))

    def set_waiting(self, waiting: int, waiting_fen: int) -> None:
        """What the cloud does not have yet."""
        if (waiting, waiting_fen) != (self.state.waiting, self.state.waiting_fen):
            self._set(replace(self.state, waiting=waiting, waiting_fen=waiting_fen))

    def _set(self, state: LinkState) -> None:
        self.state = state
        for listener in self._listeners:
            listener(state)
