"""Who pays: card, codes, phone number and PIN, a face alone or with the PIN (SET-07), all with the network down.

A credential the replica does not list is unknown: a revoked one is gone from it, so revocation needs no list of its
own (rule 16). PINs are checked off the event loop and locked after a few wrong ones, durably (rule 15).
"""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import msgspec

from edge.core.clock import Stamp
from edge.stations.canteen.catalogue import Catalogue
from edge.store.connection import Reader
from edge.store.transaction import Transaction
from edge.store.writer import Writer
from protocols.dynamic_qr.codec import parse_any, step_of, verify
from protocols.dynamic_qr.messages import DynamicCode
from protocols.payments.credentials import card_key, code_key, person_code_key, phone_key, pin_matches
from protocols.payments.reference import Credential, CredentialKind
from protocols.payments.refusals import Reason, Refusal
from protocols.values.errors import Malformed

_CODE_WINDOW_STEPS: Final = 1
_WRONG_PINS: Final = 5
_LOCKED_MS: Final = 15 * 60_000
_PIN_AT_ONCE: Final = 2
_MOST_PIN_DIGITS: Final = 12


class Presented(msgspec.Struct, frozen=True):
    """What was held to a reader or typed: `kind` "card" (text = uid), "code" (its text), "phone" (number and pin).

    "face" (text = the person) comes from a lane's own camera, never from a screen; with the PIN where it was asked.
    """

    kind: str
    text: str
    pin: str = ""


class Payer(msgspec.Struct, frozen=True):
    """A person as known by one credential; `pin_given` once the PIN was right."""

    person: int
    credential: Credential
    code_step: int = 0
    pin_given: bool = False


class Identifier:
    """Turns what was presented into a Payer, or a Refusal with its reason."""

    def __init__(
        self,
        catalogue: Catalogue,
        writer: Writer,
        reader: Reader,
        *,
        now: Callable[[], Stamp],
        site: int,
        site_key: Callable[[], bytes],
        face_cap_fen: int = 0,
    ) -> None:
        self._face_cap_fen = face_cap_fen
        self._catalogue = catalogue
        self._writer = writer
        self._now = now
        self._site = site
        self._site_key = site_key
        self._hashing = asyncio.Semaphore(_PIN_AT_ONCE)
        self._wrong: dict[str, tuple[int, int]] = {
            who: (failures, until_ms)
            for who, failures, until_ms in reader.rows("SELECT who, failures, until_ms FROM canteen_pins")
        }

    def at_once(self, presented: Presented) -> Payer | Refusal | None:
        """The answer for cards, codes and a face alone; None where a PIN came along, which takes `slowly`."""
        if presented.kind == "card":
            return self._listed(card_key(self._site_key(), presented.text), CredentialKind.CARD)
        if presented.kind == "code":
            return self._code(presented.text)
        if presented.kind == "face" and not presented.pin:
            return self._face(presented.text, cap_fen=self._face_cap_fen)
        return None

    async def slowly(self, presented: Presented) -> Payer | Refusal:
        """A phone number and its PIN, or a face and its person's PIN, which has no cap."""
        if presented.kind != "face":
            return await self.by_phone(presented)
        found = self._face(presented.text, cap_fen=0)
        return found if isinstance(found, Refusal) else await self.with_pin(found, presented.pin)

    async def by_phone(self, presented: Presented) -> Payer | Refusal:
        """A phone number and its PIN."""
        key = phone_key(self._site_key(), presented.text)
        found = self._listed(key, CredentialKind.PHONE_PIN)
        if isinstance(found, Refusal):
            return found
        wrong = await self.check_pin(key, presented.pin, found.credential.secret)
        return wrong or msgspec.structs.replace(found, pin_given=True)

    async def with_pin(self, payer: Payer, pin: str) -> Payer | Refusal:
        """The payer with the PIN given, where it is right."""
        credential = self._catalogue.pin_of(payer.person, self._now().now_ms)
        if credential is None:
            return Refusal(Reason.PIN_MISSING)
        wrong = await self.check_pin(f"person {payer.person}", pin, credential.secret)
        return wrong or msgspec.structs.replace(payer, pin_given=True)

    async def check_pin(self, who: str, pin: str, stored: bytes) -> Refusal | None:
        """None where the PIN is right. Counts wrong ones durably; five lock `who` for a quarter of an hour."""
        failures, until_ms = self._wrong.get(who, (0, 0))
        now_ms = self._now().now_ms
        if now_ms < until_ms:
            return Refusal(Reason.PIN_LOCKED)
        async with self._hashing:
            right = len(pin) <= _MOST_PIN_DIGITS and await asyncio.to_thread(pin_matches, pin, stored)
        failures = 0 if right else self._wrong.get(who, (failures, 0))[0] + 1
        locked = failures >= _WRONG_PINS
        if failures or who in self._wrong:
            after = (0, now_ms + _LOCKED_MS) if locked else (failures, 0)
            self._wrong[who] = after
            await self._writer.submit(partial(_count_wrong, who, after), in_hand=True)
        if right:
            return None
        return Refusal(Reason.PIN_LOCKED if locked else Reason.PIN_WRONG)

    def _code(self, text: str) -> Payer | Refusal:
        try:
            code = parse_any(text)
        except Malformed:
            return Refusal(Reason.UNKNOWN_CREDENTIAL)
        if isinstance(code, DynamicCode):
            return self._dynamic(code)
        return self._listed(code_key(self._site_key(), code.token), CredentialKind.STATIC_CODE)

    def _dynamic(self, code: DynamicCode) -> Payer | Refusal:
        """Genuine by the key of (site, person); whether it was used before is judged where the payment is written."""
        if code.site != self._site:
            return Refusal(Reason.UNKNOWN_CREDENTIAL)
        key = person_code_key(self._site_key(), code.person)
        if not verify(code, key, now_step=code.step, window=0):
            return Refusal(Reason.UNKNOWN_CREDENTIAL)
        stamp = self._now()
        off_ms = min(stamp.uncertainty_ms, 60_000)  # a clock not sure of itself must not refuse a fresh code
        early, late = step_of(stamp.now_ms - off_ms), step_of(stamp.now_ms + off_ms)
        if not early - _CODE_WINDOW_STEPS <= code.step <= late + _CODE_WINDOW_STEPS:
            return Refusal(Reason.CODE_EXPIRED)
        found = self._listed(f"dyn:{code.person}", CredentialKind.DYNAMIC_CODE)
        return found if isinstance(found, Refusal) else msgspec.structs.replace(found, code_step=code.step)

    def _face(self, text: str, *, cap_fen: int) -> Payer | Refusal:
        """Only while the template is here: whoever withdrew is not known by face any more (rule 16)."""
        record = self._catalogue.face(int(text), self._now().now_ms)
        if record is None:
            return Refusal(Reason.UNKNOWN_CREDENTIAL)
        return Payer(record.person, Credential(0, CredentialKind.FACE, record.person, b"", 0, 0, cap_fen))

    def _listed(self, key: str, kind: int) -> Payer | Refusal:
        credential = self._catalogue.credential(key, self._now().now_ms)
        if credential is None or credential.kind != kind:
            return Refusal(Reason.UNKNOWN_CREDENTIAL)
        return Payer(credential.person, credential)


def _count_wrong(who: str, after: tuple[int, int], tx: Transaction) -> Any:
    tx.execute("INSERT OR REPLACE INTO canteen_pins VALUES (?, ?, ?)", (who, *after))
