"""Drives a writer from turns of its event loop, with no thread: the same groups, committed and told in between."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeVar

from edge.store.checkpointer import LOOK_EVERY_S

Group = TypeVar("Group")


@dataclass(frozen=True)
class Pace:
    """How a writer without a thread goes: the loop it runs in, and how long after a commit its lanes are told.

    What is submitted before the next turn, or while a commit is not told yet, shares the next commit.
    """

    loop: asyncio.AbstractEventLoop
    tell_after_s: float = 0.0


class Driven(Protocol[Group]):
    """The writer as its driver sees it."""

    def take_group(self) -> Group:
        """What is committed together next; empty where nothing waits."""

    def commit_group(self, group: Group) -> None:
        """Commit it and bound the log."""

    def tell_group(self, group: Group) -> None:
        """Deliver the outcomes."""

    def waits(self) -> tuple[int, int]:
        """Units and riders that wait."""


class Turns:
    """In a gate's place: `set` asks for a turn."""

    def __init__(self, pace: Pace, writer: Driven[Group], *, lazy_wait_s: float, look: Callable[[], bool]) -> None:
        self._pace, self._writer, self._lazy_wait_s, self._look = pace, writer, lazy_wait_s, look
        self._turn: asyncio.Handle | None = None
        self._ride: asyncio.TimerHandle | None = None
        self._house: asyncio.TimerHandle | None = None
        self._untold: list[tuple[asyncio.TimerHandle, Callable[[], None]]] = []

    def set(self) -> None:
        """Commit what waits in the next turn."""
        if self._turn is None and not self._untold:
            self._turn = self._pace.loop.call_soon(self._next)

    def hurry(self) -> None:
        """Commit and tell now all that waits: for start-up and the end."""
        self._tell_all()
        while any(self._writer.waits()):
            group = self._writer.take_group()
            self._writer.commit_group(group)
            self._writer.tell_group(group)

    def stop(self) -> None:
        """No more turns; what was committed is told."""
        self._tell_all()
        for handle in (self._turn, self._ride, self._house):
            if handle is not None:
                handle.cancel()

    def _next(self) -> None:
        self._turn = None
        units, riders = self._writer.waits()
        if units:
            self._commit()
        elif riders and self._ride is None:
            self._ride = self._pace.loop.call_later(self._lazy_wait_s, self._commit)

    def _commit(self) -> None:
        if self._ride is not None:
            self._ride.cancel()
            self._ride = None
        if self._untold:  # telling asks for the next turn
            return
        group = self._writer.take_group()
        if not group:
            return
        self._writer.commit_group(group)
        if self._house is None:
            self._house = self._pace.loop.call_later(LOOK_EVERY_S, self._keep_house)

        def tell() -> None:
            self._untold.clear()
            self._writer.tell_group(group)
            if any(self._writer.waits()):
                self.set()

        self._untold.append((self._pace.loop.call_later(self._pace.tell_after_s, tell), tell))

    def _tell_all(self) -> None:
        for handle, tell in self._untold[:]:
            handle.cancel()
            tell()

    def _keep_house(self) -> None:
        again = self._look()
        self._house = self._pace.loop.call_later(LOOK_EVERY_S, self._keep_house) if again else None
