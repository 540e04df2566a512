"""Errors typed by what the caller should do. `cloud.core.problems` turns them into RFC 9457 answers.

A domain raises these, or its own subclass with a `code` of its own:

    class CardRevoked(Conflict):
        code = "card_revoked"
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FieldError:
    """One field of a form that does not hold: dotted name, stable code and a sentence."""

    field: str
    code: str
    message: str


class CloudError(Exception):
    """Root: an HTTP status, a stable machine-readable `code`, and a sentence for a person.

    `details` are extra members of the answer; nothing secret or personal goes into them.
    """

    status = 500
    code = "internal"
    title = "Something went wrong here"

    def __init__(self, message: str = "", *, fields: tuple[FieldError, ...] = (), **details: Any) -> None:
        super().__init__(message or self.title)
        self.message = message or self.title
        self.fields = fields
        self.details = details


class Invalid(CloudError):
    """The request can be read but does not hold: mend the named fields and send again."""

    status = 422
    code = "invalid"
    title = "Some fields do not hold"

    def __init__(self, field: str = "", message: str = "", *, reason: str = "invalid", **details: Any) -> None:
        fields = (FieldError(field, reason, message or self.title),) if field else ()
        super().__init__(message, fields=fields, **details)


class Malformed(CloudError):
    """The bytes cannot be read at all: another try of the same bytes cannot help."""

    status = 400
    code = "malformed"
    title = "The request cannot be read"


class Unauthenticated(CloudError):
    """Sign in first, or again."""

    status = 401
    code = "unauthenticated"
    title = "Sign in first"


class Forbidden(CloudError):
    """Signed in, but without the right."""

    status = 403
    code = "forbidden"
    title = "You have no right to do this"


class NotFound(CloudError):
    """There is no such thing, or none that this organisation may see."""

    status = 404
    code = "not_found"
    title = "There is no such thing"


class Conflict(CloudError):
    """The present state forbids it: read again and decide."""

    status = 409
    code = "conflict"
    title = "The present state does not allow this"


class TooLarge(CloudError):
    """The body passes the bound."""

    status = 413
    code = "too_large"
    title = "The request is too large"


class TooMany(CloudError):
    """Slow down; `retry_after_s` says how long."""

    status = 429
    code = "too_many"
    title = "Too many requests"

    def __init__(self, message: str = "", *, retry_after_s: int = 1, **details: Any) -> None:
        super().__init__(message, retry_after_s=retry_after_s, **details)
        self.retry_after_s = retry_after_s


class Unavailable(CloudError):
    """A part is not there just now: the same request may pass later."""

    status = 503
    code = "unavailable"
    title = "Not available just now"
