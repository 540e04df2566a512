"""The counter under a vision lane's camera: its dishes are taught in the morning, and trays lie on it at lunch."""

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Self

from firmware_sim.core.control import ControlClient
from firmware_sim.world.screens import ActRefused, Screen

_DISHES = 8
_PICTURES = 3
_SETTLES_S = 0.8
_MOST_ON_A_TRAY = 4


@dataclass
class Counter:
    """`dishes` is how many are served; each is drawn by its number, from 1 on."""

    screen: Screen
    camera: ControlClient
    dishes: int

    @classmethod
    async def opened(cls, screen: Screen, operator: Screen, camera: ControlClient) -> Self:
        """Teach the first dishes of the menu, unless an earlier start did. The operator is signed in."""
        menu = (await operator.act("menu"))["dishes"][:_DISHES]
        await camera.act({"tray": []})
        await operator.until(lambda state: bool(state["picture"] and state["picture"]["n"]), timeout_s=20)
        if any(hint["word"] == "nothing_taught" for hint in operator.state.get("hints", ())):
            for number, dish in enumerate(menu, start=1):
                await _teach(operator, camera, number, dish["id"])
        made = cls(screen, camera, len(menu))
        await made.clear()
        return made

    async def place(self, random: Random) -> None:
        """Set a tray down."""
        count = min(self.dishes, random.randint(2, _MOST_ON_A_TRAY))
        await self.camera.act({"tray": random.sample(range(1, self.dishes + 1), count)})

    async def clear(self) -> None:
        """Take it away, and wait until the lane has seen that."""
        await self.camera.act({"tray": []})
        await self.screen.until(lambda state: state["phase"] in {"idle", "paid", "down"}, timeout_s=5)


async def _teach(operator: Screen, camera: ControlClient, number: int, dish: int) -> None:
    """A picture that shows nothing yet is taken again."""
    taken = 0
    for _ in range(4 * _PICTURES):
        await camera.act({"tray": [number]})
        await asyncio.sleep(_SETTLES_S)
        try:
            taken = int((await operator.act("teach_take", dish=dish))["taken"])
        except ActRefused:
            continue
        if taken >= _PICTURES:
            await operator.act("teach_keep", dish=dish)
            return
