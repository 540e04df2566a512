"""The two kinds of payment code."""

import msgspec


class DynamicCode(msgspec.Struct, frozen=True):
    """A dynamic code as read; genuine only once verified with the key of (site, person)."""

    version: int
    site: int
    person: int
    step: int
    mac: bytes


class StaticCode(msgspec.Struct, frozen=True):
    """A printed code: an opaque token, whose check characters were right."""

    token: str
