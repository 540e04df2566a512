"""A lane's live state on its way to screens: full once, then what changed; a slow screen starts over."""

import asyncio
from collections.abc import Mapping
from typing import Any

State = dict[str, Any]

MOST_WAITING = 64


class Viewer:
    """One connected screen: a bounded queue of messages to it."""

    def __init__(self, state: State) -> None:
        self._queue: asyncio.Queue[State] = asyncio.Queue(MOST_WAITING)
        self._n = 0
        self._put({"full": state})

    def change(self, change: State, state: State) -> None:
        """Queue what changed; a screen that fell behind gets the whole state anew instead."""
        if self._queue.qsize() >= MOST_WAITING // 2:
            while not self._queue.empty():
                self._queue.get_nowait()
            self._put({"full": state})
        else:
            self._put({"change": change})

    def answer(self, message: State) -> None:
        """Queue the answer to an act."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(message)

    async def next(self) -> State:
        """The next message to send."""
        return await self._queue.get()

    def _put(self, message: State) -> None:
        self._n += 1
        self._queue.put_nowait({**message, "n": self._n})


class Feed:
    """The state of one side of one lane, and who looks at it."""

    def __init__(self) -> None:
        self.state: State = {}
        self.viewers: set[Viewer] = set()

    def publish(self, state: Mapping[str, Any]) -> None:
        """Take the new state; send the top-level values that differ."""
        change = {key: value for key, value in state.items() if key not in self.state or self.state[key] != value}
        if not change:
            return
        self.state = {**self.state, **change}
        for viewer in self.viewers:
            viewer.change(change, self.state)

    def join(self) -> Viewer:
        """A new viewer, with the whole state waiting for it."""
        viewer = Viewer(self.state)
        self.viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """The viewer is gone."""
        self.viewers.discard(viewer)
