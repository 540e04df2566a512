"""Time of a simulated world: a loop that jumps to its next timer and has no threads, and the clocks of its machines."""

import asyncio
import hashlib
import secrets
from asyncio.base_events import BaseEventLoop
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from functools import lru_cache
from random import Random
from typing import Any, TypeVar
from unittest import mock

from protocols.crypto import sm2

T = TypeVar("T")

_RESOLUTION_S = 1e-6
_PPM = 1_000_000


OWNER: ContextVar[list[asyncio.Task[Any]] | None] = ContextVar("OWNER")
"""The tasks of the process that the running code belongs to: what it starts belongs to that process too."""


class Stalled(RuntimeError):
    """Something is awaited that nothing will ever bring."""


class SimTask(asyncio.Task[T]):
    """A task whose place in a set depends on the order of making, not on an address in memory."""

    def __init__(self, coro: Generator[Any, None, T] | Coroutine[Any, Any, T], **options: Any) -> None:
        loop = options["loop"]
        self._number: int = loop.tasks_made + 1
        loop.tasks_made = self._number
        context = options.get("context")
        life = OWNER.get(None) if context is None else context.get(OWNER)
        if life is not None:
            life.append(self)
        super().__init__(coro, **options)

    def __hash__(self) -> int:
        return self._number


class _Jump:
    """In a selector's place: nothing comes from outside, so waiting is moving the time on."""

    def __init__(self, loop: "SimLoop") -> None:
        self._loop = loop

    def select(self, timeout_s: float | None) -> list[Any]:
        """Move the time on by what the loop would have waited."""
        if timeout_s is None:
            raise Stalled("every task waits and no timer is set")
        if timeout_s > 0:
            self._loop.now_s += timeout_s
        return []


class SimLoop(BaseEventLoop):
    """An event loop over virtual time. Same program, same order: nothing in it asks the machine it runs on.

    What is handed to an executor (`asyncio.to_thread` too) runs at once, in the loop.
    """

    def __init__(self, start_s: float = 0.0) -> None:
        super().__init__()
        self.now_s = start_s
        self.tasks_made = 0
        self._selector = _Jump(self)
        self._clock_resolution = _RESOLUTION_S
        self.complaints: deque[dict[str, Any]] = deque(maxlen=100)
        self.set_task_factory(_make_task)
        self.set_exception_handler(lambda _loop, context: self.complaints.append(context))

    def time(self) -> float:
        """Virtual seconds."""
        return self.now_s

    def run_in_executor(self, _executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        """Run it now."""
        future = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:  # noqa: BLE001  it is the awaiting task's
            future.set_exception(error)
        return future

    def _process_events(self, _events: list[Any]) -> None:
        """Nothing comes from outside."""

    def _write_to_self(self) -> None:
        """There is no other thread to be woken by."""


def _make_task(loop: Any, coro: Any, **options: Any) -> SimTask[Any]:
    return SimTask(coro, loop=loop, **options)


def run(main: Coroutine[Any, Any, T], *, loop: SimLoop | None = None) -> T:
    """Run to the end in a loop of its own; tasks left over are cancelled."""
    loop = loop or SimLoop()
    try:
        return loop.run_until_complete(main)
    finally:
        left = sorted(asyncio.all_tasks(loop), key=hash)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()


class SimClock:
    """One machine's clocks over the world's time: set wrong, drifting, jumping."""

    def __init__(
        self, loop: SimLoop, start_ms: int = 1_800_000_000_000, *, offset_ms: int = 0, drift_ppm: int = 0
    ) -> None:
        self._loop = loop
        self._start_ms = start_ms
        self._offset_ms = float(offset_ms)
        self._drift_ppm = drift_ppm
        self._steady_ms = 0.0
        self._at_s = loop.time()

    @property
    def honest(self) -> bool:
        """Whether nobody ever set it, and it does not drift."""
        self._settle()
        return not self._offset_ms and not self._drift_ppm

    @property
    def drift_ppm(self) -> int:
        """How much too fast both clocks run."""
        return self._drift_ppm

    @drift_ppm.setter
    def drift_ppm(self, ppm: int) -> None:
        self._settle()
        self._drift_ppm = ppm

    def now_ms(self) -> int:
        """The wall clock."""
        self._settle()
        return self._start_ms + int(self._loop.time() * 1000 + self._offset_ms)

    def monotonic_ms(self) -> int:
        """The steady clock."""
        self._settle()
        return int(self._steady_ms)

    def jump(self, by_ms: int) -> None:
        """Somebody sets the wall clock."""
        self._offset_ms += by_ms

    def power_up(self) -> None:
        """The steady clock starts over."""
        self._settle()
        self._steady_ms = 0.0

    def _settle(self) -> None:
        now_s = self._loop.time()
        passed_ms = (now_s - self._at_s) * 1000
        self._at_s = now_s
        self._offset_ms += passed_ms * self._drift_ppm / _PPM
        self._steady_ms += passed_ms * (1 + self._drift_ppm / _PPM)


@contextmanager
def chance_from(random: Random) -> Iterator[None]:
    """`secrets` draws from the seed while the block runs."""
    with (
        mock.patch.object(secrets, "token_bytes", lambda size=32: random.randbytes(size)),
        mock.patch.object(secrets, "token_hex", lambda size=32: random.randbytes(size).hex()),
    ):
        yield


@contextmanager
def quick_signatures() -> Iterator[None]:
    """Signatures of microseconds: a digest by public key. A wrong key, message or byte is still refused."""

    def sign(*, private: bytes, public: bytes, message: bytes, nonce: bytes) -> bytes:
        return _mark(public, message)

    def verify(*, public: bytes, message: bytes, signature: bytes) -> bool:
        return signature == _mark(public, message)

    with (
        mock.patch.object(sm2, "sign", sign),
        mock.patch.object(sm2, "verify", verify),
        mock.patch.object(sm2, "public_key", _public_key),
    ):
        yield


_public_key = lru_cache(65_536)(sm2.public_key)  # half of a boot, and the same for the same key


def _mark(public: bytes, message: bytes) -> bytes:
    return hashlib.sha512(public + hashlib.sha256(message).digest()).digest()


@contextmanager
def sealed_world(seed: int, *, real_signatures: bool = False) -> Iterator[None]:
    """Chance from the seed, and quick signatures unless the real ones are asked for."""
    with chance_from(Random(f"{seed}:secrets")), nullcontext() if real_signatures else quick_signatures():
        yield
