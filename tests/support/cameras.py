"""Cameras played by hand, drawn trays before them, and a lane that was taught what they show."""

import asyncio
from collections.abc import AsyncGenerator, Iterable
from functools import partial
from time import monotonic
from typing import Any

import numpy as np
from firmware_sim.camera.device import Scene

from edge.drivers.base import Frame, Link, LooksAt
from edge.stations.canteen.desk import Desk
from models.dish.picture import Picture


class HandCamera:
    """A camera that shows the picture it was given last, with fresh grain, as often as one is taken from it."""

    def __init__(self, name: str, looks_at: LooksAt = "tray", *, period_s: float = 0.02) -> None:
        self.name = name
        self.looks_at: LooksAt = looks_at
        self.taken = 0
        self._scene = Scene(1, width=640, height=480)
        self._period_s = period_s
        self._plain: Picture | None = None
        self._away = ""
        self._changed = asyncio.Event()

    def tray(self, *dishes: int) -> None:
        """A drawn tray lies there."""
        self._plain = None
        self._scene.act({"tray": list(dishes)})

    def face(self, number: int | None, **how: Any) -> None:
        """A drawn face stands there."""
        self._plain = None
        self._scene.act({"face": number, **how})

    def show(self, picture: Picture) -> None:
        """Any picture."""
        self._plain = picture

    def unplug(self, reason: str = "unplugged") -> None:
        self._away = reason
        self._changed.set()

    def plug(self) -> None:
        self._away = ""
        self._changed.set()

    async def close(self) -> None:
        return None

    async def frames(self) -> AsyncGenerator[Frame | Link, None]:
        yield Link(up=True, reason="", at_monotonic_s=monotonic())
        while True:
            await asyncio.sleep(self._period_s)
            if self._away:
                yield Link(up=False, reason=self._away, at_monotonic_s=monotonic())
                while self._away:
                    self._changed.clear()
                    await self._changed.wait()
                yield Link(up=True, reason="", at_monotonic_s=monotonic())
            self.taken += 1
            picture = self._scene.picture() if self._plain is None else self._plain
            yield Frame(picture, self.taken, monotonic())


def drawn(*dishes: int, seed: int = 5) -> Picture:
    """A drawn tray as a camera would see it."""
    scene = Scene(seed, width=640, height=480)
    scene.act({"tray": list(dishes)})
    return scene.picture()


async def taught(desk: Desk, dishes: Iterable[int]) -> None:
    """Teach drawn dishes, three pictures each, as an operator would."""
    for dish in dishes:
        pictures = [drawn(dish, seed=seed) for seed in (11, 12, 13)]
        cuts = [await desk.looking.run(partial(desk.eyes.single, picture)) for picture in pictures]
        await desk.looking.run(partial(desk.eyes.teach, dish, cuts, who="operator 1"))


def noise(seed: int = 1) -> Picture:
    """A frame of noise."""
    return np.random.default_rng(seed).integers(0, 256, (480, 640, 3), dtype=np.uint8)


def plain(value: int) -> Picture:
    """One grey all over."""
    return np.full((480, 640, 3), value, np.uint8)
