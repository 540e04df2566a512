"""One thread in which the gateway looks at pictures, so that no lane and no screen waits for a network."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


class Looking:
    """Runs looks one after the other. A lane hands in one at a time, so what waits is bounded by the lanes."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="looking")

    async def run(self, work: Callable[[], T]) -> T:
        """The result of `work`, or what it raised."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, work)

    def close(self) -> None:
        """Take nothing more; what is under way ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)
