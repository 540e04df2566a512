"""Somebody who pays by face: enrols once at the lane, on its real screens, and then comes every few minutes."""

import asyncio
import contextlib
import time
from dataclasses import dataclass

from firmware_sim.core.control import ControlClient
from firmware_sim.world.screens import ActRefused, Screen

_FACE = 1  # of the drawn ones
_WORDING = 1
_EVERY_S = 320.0  # the same face pays a lane again unasked after five minutes
_TAP_S = 18.0
_TAKING_S = 40.0
_TRIES = 3


@dataclass
class Regular:
    """`card` is empty until somebody has enrolled; `tries` are what is left of them."""

    camera: ControlClient
    card: str = ""
    tries: int = _TRIES
    next_s: float = 0.0

    @property
    def due(self) -> bool:
        """Whether they come again now."""
        return bool(self.card) and time.monotonic() >= self.next_s

    async def enrol(self, card: str, reader: ControlClient, screen: Screen, operator: Screen) -> None:
        """Become a regular, where faces can pay at this lane at all. The operator is signed in."""
        if self.card or not self.tries:
            return
        self.tries -= 1
        with contextlib.suppress(ActRefused, OSError, TimeoutError):
            asked = asyncio.ensure_future(operator.act("enrol", timeout_s=_TAP_S))
            try:
                await operator.until(lambda state: bool(state.get("waiting_for_tap")) or asked.done(), timeout_s=5)
                await reader.act({"tap": card})
                await asked
            finally:
                asked.cancel()
            if not await screen.until(lambda state: _shown(state) == "enrol_consent", timeout_s=5):
                return
            await screen.act("enrol_agree", wording=_WORDING)
            await self.stand()
            await screen.until(lambda state: _shown(state) in {"enrol_stored", "enrol_failed"}, timeout_s=_TAKING_S)
            stored = _shown(screen.state) == "enrol_stored"
            await self.leave()
            if stored:
                self.card = card

    async def stand(self) -> None:
        """Step before the camera."""
        await self.camera.act({"face": _FACE})

    async def leave(self) -> None:
        """Go, and come back in a while."""
        self.next_s = time.monotonic() + (_EVERY_S if self.card else 0.0)
        await self.camera.act({"face": None})


def _shown(state: dict[str, object]) -> str:
    face = state.get("face")
    return str(face["state"]) if isinstance(face, dict) else ""
