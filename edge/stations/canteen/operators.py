"""Operators at a lane: signed in by card or PIN, on one open page, for as long as they keep using it."""

from collections.abc import Callable
from typing import Final, NamedTuple

from edge.core.clock import Stamp
from edge.stations.canteen.catalogue import Catalogue
from edge.stations.canteen.identify import Identifier
from protocols.canteen.reference import Operator
from protocols.payments.credentials import card_key
from protocols.payments.refusals import Refusal

IDLE_MS: Final = 10 * 60_000


class _SignIn(NamedTuple):
    operator: int
    last_ms: int


class Operators:
    """Sign-ins by connection; one ends with its page, by signing out, after ten idle minutes, or when revoked."""

    def __init__(
        self,
        catalogue: Catalogue,
        identifier: Identifier,
        *,
        now: Callable[[], Stamp],
        site_key: Callable[[], bytes],
    ) -> None:
        self._catalogue = catalogue
        self._identifier = identifier
        self._now = now
        self._site_key = site_key
        self._signed: dict[tuple[str, int], _SignIn] = {}

    def names(self) -> list[Operator]:
        """Who may sign in, by name."""
        found = self._catalogue.operators(self._now().now_ms)
        return sorted(found, key=lambda operator: (operator.shown_name, operator.id))

    def signed_in(self, lane: str, connection: int) -> Operator | None:
        """Who is signed in on a page; using it keeps the sign-in alive."""
        key = (lane, connection)
        found = self._signed.get(key)
        stamp = self._now()
        if found is None or stamp.monotonic_ms - found.last_ms > IDLE_MS:
            self._signed.pop(key, None)
            return None
        operator = self._find(found.operator)
        if operator is None:
            self._signed.pop(key, None)
            return None
        self._signed[key] = _SignIn(operator.id, stamp.monotonic_ms)
        return operator

    async def by_pin(self, lane: str, connection: int, operator_id: int, pin: str) -> Operator | Refusal | None:
        """Sign in by PIN; None for nobody of that number."""
        operator = self._find(operator_id)
        if operator is None or not operator.pin:
            return None
        wrong = await self._identifier.check_pin(f"operator {operator.id}", pin, operator.pin)
        return wrong or self._sign(lane, connection, operator)

    def by_card(self, lane: str, connection: int, uid: str) -> Operator | None:
        """Sign in by card; None where the card is no operator's."""
        operator = self._find(self.number_of_card(uid))
        return self._sign(lane, connection, operator) if operator else None

    def number_of_card(self, uid: str) -> int:
        """Whose card it is; 0 for nobody's."""
        key = card_key(self._site_key(), uid)
        known = (key, key.removeprefix("card:"))
        return next((one.id for one in self.names() if one.card and one.card in known), 0)

    def sign_out(self, lane: str, connection: int) -> None:
        """The page was closed, or the operator left."""
        self._signed.pop((lane, connection), None)

    def _sign(self, lane: str, connection: int, operator: Operator) -> Operator:
        self._signed[lane, connection] = _SignIn(operator.id, self._now().monotonic_ms)
        return operator

    def _find(self, operator_id: int) -> Operator | None:
        found: Operator | None = self._catalogue.replica.get("operators", str(operator_id), self._now().now_ms)
        return found
