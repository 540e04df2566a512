"""Diners at lanes: what a person does with tray, card and patience, against real devices and real screens."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

from firmware_sim.core.control import ControlClient
from firmware_sim.core.device import WrongActError
from firmware_sim.world.counter import Counter
from firmware_sim.world.regular import Regular
from firmware_sim.world.screens import Screen, State
from firmware_sim.world.tally import Tally

_MOST_QUEUED = 2_000
_FULL_G, _REFILL_BELOW_G = 5_500, 1_200
_PAY_BY_CODE = 0.3
_PUSHES = 20
_SETTLES_S = 0.6
_LOOKS_S = 8.0
_ENDED = ("paid", "refused")


@dataclass(frozen=True)
class Diner:
    """Somebody who eats: what they can pay with."""

    person: int
    home_site: int
    card: str
    code: str = ""
    phone: str = ""
    pin: str = ""


@dataclass
class PlatePool:
    """The clean plates of a canteen; `washed` says how often the dish room brought all of them back."""

    plates: list[str]
    random: Random
    used: int = 0
    washed: int = 0

    def take(self, count: int) -> list[str] | None:
        """Plates from the stack, or None where it is empty: the dish room must wash."""
        if self.used + count > len(self.plates):
            return None
        taken = self.plates[self.used : self.used + count]
        self.used += count
        return taken

    def wash(self) -> None:
        """All plates are clean and stacked anew."""
        self.random.shuffle(self.plates)
        self.used = 0
        self.washed += 1


@dataclass
class LaneDesk:
    """A lane as people stand before it."""

    code: str
    kind: str
    screen: Screen
    operator: Screen
    operator_card: str
    operator_pin: str
    devices: Mapping[str, ControlClient]
    tally: Tally
    random: Random
    plates: PlatePool
    load_g: int = _FULL_G
    counter: Counter | None = None
    regular: Regular | None = None
    by_face: Regular | None = None
    queue: "asyncio.Queue[Diner]" = field(default_factory=lambda: asyncio.Queue(_MOST_QUEUED))
    served: int = 0
    gave_up: int = 0

    async def run(self) -> None:
        """Serve whoever comes, one after the other, until cancelled."""
        while True:
            diner = await self.queue.get()
            await self._count()
            await self.serve(diner)
            if self.regular is not None:
                await self._regular(self.regular, diner)
            self.queue.task_done()

    async def _regular(self, regular: Regular, diner: Diner) -> None:
        """Somebody enrols after their lunch; from then on they come by themselves and pay by face."""
        if regular.due:
            self.by_face = regular
            await self.serve(replace(diner, card=regular.card, code=""), tries=2)
            self.by_face = None
        elif not regular.card and regular.tries and self.screen.state.get("by_face"):
            await self._sign_in()
            await regular.enrol(diner.card, self.devices["card"], self.screen, self.operator)

    async def _count(self) -> None:
        """What a people counter over the lane sees."""
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            await self.screen.act("waiting", people=self.queue.qsize())

    async def serve(self, diner: Diner, *, tries: int = 15) -> bool:
        """Let one diner pay; True when the screen said so. After a restart of the gateway the diner looks first."""
        for _ in range(tries):
            if not await self.screen.until(_open, timeout_s=10):
                await asyncio.sleep(0.05)
                continue
            charged = set(self.tally.told) | set(self.tally.last_charges)
            with contextlib.suppress(OSError, TimeoutError, WrongActError):
                began_s = time.monotonic()
                ended = await self._pay(diner)
                if ended:
                    self.tally.settled_s.append(time.monotonic() - began_s)
                    self.served += self.screen.state.get("phase") == "paid"
                    return True
            if await self._was_charged(charged):
                self.served += 1
                return True
        self.gave_up += 1
        return False

    async def _was_charged(self, before: set[str]) -> bool:
        """After trouble: whether this lane's screen shows a charge that was not known before (rule 18)."""
        await self.screen.until(_open, timeout_s=20)
        last = self.screen.state.get("last_charge")
        return bool(last and str(last["entry"]) not in before)

    async def _pay(self, diner: Diner) -> bool:
        match self.kind:
            case "plate":
                return await self._with_tray(diner)
            case "pos":
                return await self._at_the_stall(diner)
            case "gate":
                return await self._through_the_gate(diner)
            case "vision":
                return await self._under_the_camera(diner)
        return await self._with_weights(diner)

    async def _with_tray(self, diner: Diner) -> bool:
        plates = self.plates.take(self.random.randint(2, 4))
        if plates is None:
            await self._wash()
            return False
        reader = self.devices["reader"]
        await reader.act({"place": plates})
        try:
            if not await self.screen.until(lambda state: state["phase"] in {"bill", "ask", "down"}, timeout_s=10):
                return False
            if self.screen.state["phase"] != "bill":
                return False
            return await self._present(diner)
        finally:
            with contextlib.suppress(OSError, TimeoutError):
                await reader.act({"clear": True})

    async def _under_the_camera(self, diner: Diner) -> bool:
        """Dishes that were taught; a tray that the lane asks about is taken off and set down anew."""
        if self.counter is None:
            await self._sign_in()
            self.counter = await Counter.opened(self.screen, self.operator, self.devices["camera"])
        await self.counter.place(self.random)
        try:
            if not await self.screen.until(lambda state: state["phase"] in {"bill", "ask", "down"}, timeout_s=10):
                return False
            return self.screen.state["phase"] == "bill" and await self._present(diner)
        finally:
            with contextlib.suppress(OSError, TimeoutError):
                await self.counter.clear()

    async def _through_the_gate(self, diner: Diner) -> bool:
        """Tap and walk. Who paid before and did not get in is let in without another payment or sound."""
        ended = await self._tap(diner, partial(_just_ended, dict(self.screen.state)), timeout_s=3)
        if ended and self.screen.state["phase"] == "refused":
            return True
        for _ in range(_PUSHES):
            if (await self.devices["turnstile"].act({"pass": True}))["passed"]:
                return True
            await asyncio.sleep(0.1)
        return ended

    async def _at_the_stall(self, diner: Diner) -> bool:
        await self._sign_in()
        amount_fen = 100 * self.random.randint(6, 22) + 50 * self.random.randint(0, 1)
        await self._operate("amount", amount_fen=amount_fen)
        if not await self.screen.until(lambda state: state["phase"] in {"bill", "down"}, timeout_s=10):
            return False
        return await self._present(diner)

    async def _with_weights(self, diner: Diner) -> bool:
        scale = self.devices["scale"]
        await scale.act({"load_g": self.load_g})
        before = dict(self.screen.state)
        if not await self._tap(diner, partial(_bound_or_ended, before), timeout_s=4):
            return False
        if self.screen.state["phase"] != "bill":
            return True
        for _ in range(self.random.randint(1, 2)):
            self.load_g -= self.random.randint(80, 260)
            before_fen = int(self.screen.state.get("total_fen", 0))
            await scale.act({"load_g": self.load_g})
            await self.screen.until(partial(_costs_more_than, before_fen), timeout_s=6)
        ended = await self._present(diner)
        if self.load_g < _REFILL_BELOW_G:
            self.load_g = _FULL_G
            await scale.act({"load_g": self.load_g})
            await asyncio.sleep(_SETTLES_S)  # a pan is refilled between two diners
        return ended

    async def _present(self, diner: Diner) -> bool:
        ended = partial(_just_ended, dict(self.screen.state))
        if self.by_face is not None and await self._show_face(self.by_face, ended):
            return True
        return await self._tap(diner, ended)

    async def _show_face(self, regular: Regular, predicate: Callable[[State], bool]) -> bool:
        """Look at the camera; who is not taken for sure within a while pays by card as anybody else."""
        await regular.stand()
        try:
            return await self.screen.until(predicate, timeout_s=_LOOKS_S)
        finally:
            await regular.leave()

    async def _tap(self, diner: Diner, predicate: Callable[[State], bool], *, timeout_s: float = 12) -> bool:
        if diner.code and "scanner" in self.devices and self.random.random() < _PAY_BY_CODE:
            await self.devices["scanner"].act({"scan": diner.code})
        else:
            await self.devices["card"].act({"tap": diner.card})
        return await self.screen.until(predicate, timeout_s=timeout_s)

    async def _sign_in(self) -> None:
        await self.operator.until(bool, timeout_s=10)
        if not self.operator.state.get("operator"):
            await self._operate("sign_in", card=self.operator_card, pin=self.operator_pin)

    async def _wash(self) -> None:
        await self._sign_in()
        await self._operate("wash")
        self.plates.wash()

    async def _operate(self, act: str, **fields: Any) -> State:
        return await self.operator.act(act, **fields)


def _costs_more_than(before_fen: int, state: State) -> bool:
    return int(state.get("total_fen", 0)) > before_fen


def _open(state: State) -> bool:
    return state.get("phase") in {"idle", "reading", "bill", "ask", *_ENDED}


def _just_ended(before: State, state: State) -> bool:
    """Whether a payment ended after `before`: each ending has a sound with a number of its own."""
    return state["phase"] in _ENDED and _new_sound(before, state) in _ENDED


def _bound_or_ended(before: State, state: State) -> bool:
    """Whether the tray was bound after `before`, or a payment ended."""
    return _just_ended(before, state) or (state["phase"] == "bill" and _new_sound(before, state) == "ready")


def _new_sound(before: State, state: State) -> str:
    sound = state.get("sound") or {}
    heard = (before.get("sound") or {}).get("n")
    return str(sound.get("name", "")) if sound.get("n") != heard else ""
