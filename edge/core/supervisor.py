"""Keeps services running: restart with jittered back-off, health to look at, ordered stop with budgets."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from edge.core.log import logger

_log = logger("supervisor")

STABLE_AFTER_S = 60.0


@dataclass(frozen=True)
class Service:
    """A named coroutine that should run for ever; `stop_budget_s` is what it gets to end when cancelled.

    `run` is started anew after it raises. One that returns is done and is not started again.
    """

    name: str
    run: Callable[[], Awaitable[None]]
    stop_budget_s: float = 2.0


@dataclass
class Health:
    """How a service stands: "starting", "running", "waiting" (before a restart), "done" or "stopped"."""

    state: str = "starting"
    restarts: int = 0
    last_error: str = ""


@dataclass
class Supervisor:
    """Owns the tasks of its services. Started in order, stopped in the reverse order."""

    services: Sequence[Service]
    random: Random
    first_wait_s: float = 0.5
    most_wait_s: float = 30.0
    health: dict[str, Health] = field(default_factory=dict)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    def start(self) -> None:
        """Start every service; names are unique."""
        for service in self.services:
            if service.name in self._tasks:
                raise ValueError(f"two services are called {service.name!r}")
            self.health[service.name] = Health()
            self._tasks[service.name] = asyncio.create_task(self._keep(service), name=service.name)

    async def stop(self) -> None:
        """Cancel the services from the last started to the first, each within its budget."""
        for service in reversed(self.services):
            task = self._tasks.pop(service.name, None)
            if task is None:
                continue
            self.health[service.name].state = "stopping"
            task.cancel()
            _done, late = await asyncio.wait([task], timeout=service.stop_budget_s)
            if late:
                _log.warning("%s did not stop within %.1f s and is left", service.name, service.stop_budget_s)
            self.health[service.name].state = "stopped"

    async def _keep(self, service: Service) -> None:
        health = self.health[service.name]
        loop = asyncio.get_running_loop()
        failures = 0
        while True:
            health.state = "running"
            began = loop.time()
            try:
                await service.run()
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  the supervisor is where an unforeseen error of a service ends
                failures = 1 if loop.time() - began > STABLE_AFTER_S else failures + 1
                health.restarts += 1
                health.last_error = f"{type(error).__name__}: {error}"
                _log.exception("%s failed (%d in a row)", service.name, failures)
            else:
                health.state = "done"
                return
            if health.state == "stopping":  # it failed while it was being cancelled, which ate the cancellation
                return
            health.state = "waiting"
            await asyncio.sleep(self._wait_s(failures))

    def _wait_s(self, failures: int) -> float:
        ceiling = min(self.most_wait_s, self.first_wait_s * 2 ** min(failures - 1, 16))
        return float(ceiling * self.random.uniform(0.5, 1.0))
