"""What must hold of a cloud at every moment, looked at after each answer a gateway gets and each act of the office."""

from tests.simulation.auditor import Violation
from tests.simulation.cloud_side import CloudMachine

_RELEASE = 12


class Watchman:
    """Remembers only what a restore and a loss began."""

    def __init__(self, cloud: CloudMachine, in_doubt_s: float) -> None:
        self._cloud, self._in_doubt_s = cloud, in_doubt_s
        self._numbers: dict[tuple[int, int], int] = {}
        self._lost: dict[tuple[int, int], float] = {}
        self._safe: dict[tuple[int, int], int] = {}

    def restored(self) -> None:
        """From here on nobody is leased anything before all have said what they hold (rule 25)."""
        self._numbers = {holder: row["newest_n"] for holder, row in self._cloud.lease_sites().items()}

    def lost(self, holder: tuple[int, int], at_s: float) -> None:
        """A site was declared lost."""
        self._lost[holder] = at_s

    def backed_up(self) -> None:
        """What a verified backup covers is safe; no more."""
        for (device, epoch, _branch), row in self._cloud.streams().items():
            self._safe[device, epoch] = max(self._safe.get((device, epoch), 0), row["applied_through"])

    def check(self, now_s: float) -> None:
        """Raises Violation."""
        sites = self._cloud.lease_sites()
        held = [number for (number, _), row in sites.items() if row["state"] == "open"]
        if len(held) != len(set(held)):
            raise Violation("two gateways of one site hold its leases")
        self._check_declared(sites)
        for holder, at_s in self._lost.items():
            if sites.get(holder, {}).get("released_at") is not None and now_s < at_s + self._in_doubt_s:
                raise Violation(f"what {holder} held is released {now_s - at_s:.0f} s after it was lost")

    def check_pruned(self, device: int, epoch: int, oldest: int) -> None:
        """A gateway forgets only what a verified backup has (rule 24)."""
        if oldest - 1 > self._safe.get((device, epoch), 0):
            raise Violation(f"device {device} forgot entry {oldest - 1}, which no verified backup covers")

    def _check_declared(self, sites: dict[tuple[int, int], dict[str, object]]) -> None:
        if not self._numbers:
            return
        generation = self._cloud.generation
        silent = [h for h, row in sites.items() if row["state"] == "open" and row["declared_generation"] != generation]
        if not silent:
            self._numbers = {}
            return
        for holder, n in self._numbers.items():
            messages = self._cloud.lease_messages(*holder)
            given = [row[0] for row in messages if row[0] > n and row[1] == 1]
            if given:
                raise Violation(f"{holder} is leased to by message {given[0]} while {silent} have not declared")
