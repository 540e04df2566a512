"""Pure decisions about people and credentials."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from cloud.core.masking import mask_name
from protocols.payments import credentials, reference
from protocols.payments.reference import CredentialKind
from protocols.values.instants import date_to_day

KIND_WORDS: dict[str, CredentialKind] = {
    "card": CredentialKind.CARD,
    "static_code": CredentialKind.STATIC_CODE,
    "dynamic_code": CredentialKind.DYNAMIC_CODE,
    "phone_pin": CredentialKind.PHONE_PIN,
}
WORD_OF_KIND: dict[int, str] = {int(kind): word for word, kind in KIND_WORDS.items()}

DEFAULT_AGES_S: dict[CredentialKind, int] = {
    CredentialKind.CARD: 30 * 86_400,
    CredentialKind.STATIC_CODE: 3 * 86_400,
    CredentialKind.DYNAMIC_CODE: 30 * 86_400,
    CredentialKind.PHONE_PIN: 7 * 86_400,
    CredentialKind.OPERATOR: 30 * 86_400,
}


def day_number(value: date | None) -> int:
    """Yyyymmdd of a day, 0 for none."""
    return date_to_day(value) if value else 0


def replica_key(kind: int, site_key: bytes, *, person: int, value: str) -> str:
    """The key under which a site finds a credential; the value itself never leaves the cloud."""
    if kind == CredentialKind.CARD:
        return credentials.card_key(site_key, value)
    if kind == CredentialKind.STATIC_CODE:
        return credentials.code_key(site_key, value)
    if kind == CredentialKind.PHONE_PIN:
        return credentials.phone_key(site_key, value)
    return f"dyn:{person}"


def replica_secret(kind: int, site_key: bytes, *, person: int, pin_hash: bytes | None) -> bytes:
    """What the site checks a code or PIN against (rule 15); cards and static codes are known by their key alone."""
    if kind == CredentialKind.DYNAMIC_CODE:
        return credentials.person_code_key(site_key, person)
    if kind == CredentialKind.PHONE_PIN:
        return pin_hash or b""
    return b""


def replica_person(row: Mapping[str, Any]) -> reference.Person:
    """The diner as sites hold them: the name masked already, ids, days and limits."""
    return reference.Person(
        id=row["id"],
        number=row["number"],
        shown_name=mask_name(row["name"]),
        group=row["group_id"],
        home_site=row["home_site_id"],
        valid_from=day_number(row["valid_from"]),
        valid_until=day_number(row["valid_until"]),
        blocked=row["blocked"],
        pin_over_fen=row["pin_over_fen"],
        day_pin_over_fen=row["day_pin_over_fen"],
    )


def replica_name(name: str) -> str:
    """The name as a lane's screen shows it."""
    return mask_name(name)
