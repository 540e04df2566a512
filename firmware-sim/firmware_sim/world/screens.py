"""A lane's screens as a diner and an operator meet them: over the gateway's own WebSocket, as a browser would."""

import asyncio
import contextlib
import itertools
from collections.abc import Callable, Mapping
from typing import Any, Literal

import aiohttp

from firmware_sim.world.tally import Tally

State = dict[str, Any]
Side = Literal["diner", "operator"]


class ActRefused(RuntimeError):
    """The screen said no to an act; holds its message."""


class Screen:
    """One side of a lane. Connects again by itself while the gateway is away; `state` is then the last one seen."""

    def __init__(self, address: str, lane: str, side: Side, tally: Tally) -> None:
        self._url = f"{address}/lanes/{lane}/live?side={side}"
        self._side = side
        self._tally = tally
        self._numbers = itertools.count(1)
        self._answers: dict[int, asyncio.Future[State]] = {}
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._changed = asyncio.Event()
        self._seen: set[str] = set()
        self._last_word = ""
        self.state: State = {}
        self.connected = False
        self.connections = 0

    async def run(self, session: aiohttp.ClientSession) -> None:
        """Stay connected until cancelled."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
                async with session.ws_connect(self._url, max_msg_size=2**20, heartbeat=20) as socket:
                    await self._follow(socket)
            self._lost()
            await asyncio.sleep(0.2)

    async def until(self, predicate: Callable[[State], bool], *, timeout_s: float) -> bool:
        """Wait until the state is so; False when it was not in time or the gateway went away meanwhile."""
        connection = self.connections
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.connections == connection:
                    if self.connected and predicate(self.state):
                        return True
                    self._changed.clear()
                    await self._changed.wait()
        return False

    async def act(self, act: str, *, timeout_s: float = 5.0, **fields: Any) -> State:
        """Do what a finger would; raises ActRefused, TimeoutError or ConnectionError."""
        if self._socket is None:
            raise ConnectionError("the screen is not connected")
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        try:
            await self._socket.send_json({"id": number, "act": act, **fields})
            async with asyncio.timeout(timeout_s):
                told: State = await answer
        finally:
            self._answers.pop(number, None)
        if not told.get("ok"):
            raise ActRefused(str(told.get("message", {}).get("zh", told)))
        return told

    async def _follow(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        async for message in socket:
            if message.type is not aiohttp.WSMsgType.TEXT:
                break
            await self._take(message.json())

    async def _take(self, message: State) -> None:
        if "answer" in message:
            waiting = self._answers.get(message["answer"])
            if waiting is not None and not waiting.done():
                waiting.set_result(message)
            return
        if "full" in message:
            self.state = dict(message["full"])
            self.connected = True
        else:
            self.state.update(message["change"])
        if self._side == "diner":
            await self._note()
        self._changed.set()

    async def _note(self) -> None:
        """Keep what a person in front of the screen would remember, and tell the lane that it was seen."""
        phase = self.state.get("phase")
        if phase == "paid":
            await self._note_charge(self.state.get("receipt"), self._tally.tell)
        await self._note_charge(self.state.get("last_charge"), self._tally.tell_last_charge)
        word = str(self.state.get("message", {}).get("key", "")) if phase == "refused" else ""
        if word and word != self._last_word:
            self._tally.refuse(word)
        self._last_word = word

    async def _note_charge(self, charge: Mapping[str, Any] | None, note: Callable[[str, int], None]) -> None:
        if not charge:
            return
        entry = str(charge["entry"])
        note(entry, int(charge["amount_fen"]))
        if entry not in self._seen and self._socket is not None:
            self._seen.add(entry)
            with contextlib.suppress(ConnectionError):
                await self._socket.send_json({"id": next(self._numbers), "act": "seen", "entry": entry})

    def _lost(self) -> None:
        self._socket = None
        self.connected = False
        self.connections += 1
        self._last_word = ""
        for waiting in self._answers.values():
            if not waiting.done():
                waiting.set_exception(ConnectionResetError("the gateway went away"))
        self._changed.set()
