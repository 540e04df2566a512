"""Errors as answers: problem details of RFC 9457, every one with a stable `code`; nothing inner ever leaks."""

import logging
import secrets
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final

import asyncpg
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from tortoise.exceptions import BaseORMException, DoesNotExist
from tortoise.exceptions import ValidationError as OrmValidationError

from cloud.core.errors import CloudError, Conflict, FieldError, Invalid, Malformed, NotFound, TooMany, Unavailable

MEDIA_TYPE: Final = "application/problem+json"
_FIELDS_MOST: Final = 50
_TEXT: Final = {"type": "string"}
_PROBLEM_SCHEMA: Final[dict[str, Any]] = {
    "title": "Problem",
    "type": "object",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "stable; what a program decides by"},
        "detail": _TEXT,
        "field": {"type": "string", "description": "the first field that does not hold"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["field", "code", "detail"],
                "properties": {"field": _TEXT, "code": _TEXT, "detail": _TEXT},
            },
        },
    },
}
# What every operation may answer besides its own success, for the API's document.
RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": _PROBLEM_SCHEMA}}}
    for status in (400, 401, 403, 404, 409, 413, 422, 429, 503)
}
_log = logging.getLogger(__name__)
_BY_STATUS: Final = {404: "not_found", 405: "method_not_allowed", 413: "too_large", 415: "unsupported_media_type"}


def install(app: FastAPI) -> None:
    """Answer every error of `app` as problem details."""
    app.add_exception_handler(CloudError, _on_cloud_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(asyncpg.PostgresError, _on_database)
    app.add_exception_handler(asyncpg.InterfaceError, _on_database)
    app.add_exception_handler(BaseORMException, _on_database)


def problem(error: CloudError) -> JSONResponse:
    """The answer for a typed error."""
    body: dict[str, Any] = {
        "type": f"urn:quartermaster:problem:{error.code}",
        "title": error.title,
        "status": error.status,
        "code": error.code,
        "detail": error.message,
        **error.details,
    }
    if error.fields:
        body["field"] = error.fields[0].field
        body["errors"] = [{"field": f.field, "code": f.code, "detail": f.message} for f in error.fields]
    headers = {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooMany) else None
    return JSONResponse(body, status_code=error.status, media_type=MEDIA_TYPE, headers=headers)


def unexpected() -> JSONResponse:
    """The answer for an error nobody foresaw, called while it is handled; its text goes to the log, by incident."""
    incident = secrets.token_hex(4)
    _log.exception("unexpected error, incident %s", incident)
    return problem(CloudError(f"incident {incident}", incident=incident))


def translate(error: BaseException) -> CloudError | None:
    """What a database error means to the caller, or None where it means a defect of ours."""
    inner = error.args[0] if isinstance(error, BaseORMException) and error.args else error
    if isinstance(error, DoesNotExist):
        return NotFound()
    if isinstance(error, OrmValidationError):
        return Invalid("", "a value does not fit")
    for kinds, made in _MEANINGS:
        if isinstance(inner, kinds):
            return made()
    return None


_MEANINGS: Final[Sequence[tuple[tuple[type[Exception], ...], Callable[[], CloudError]]]] = (
    ((asyncpg.UniqueViolationError,), lambda: Conflict("this exists already", reason="exists")),
    (
        (asyncpg.ForeignKeyViolationError, asyncpg.RestrictViolationError),
        lambda: Conflict("something else depends on it, or is missing", reason="reference"),
    ),
    (
        (asyncpg.CheckViolationError, asyncpg.NotNullViolationError),
        lambda: Invalid("", "a value is outside what is allowed"),
    ),
    ((asyncpg.DataError,), lambda: Invalid("", "a value does not fit its field")),
    ((asyncpg.SerializationError, asyncpg.DeadlockDetectedError), lambda: Unavailable("try again", reason="collision")),
    ((asyncpg.QueryCanceledError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError), Unavailable),
    ((asyncpg.InsufficientResourcesError, asyncpg.OperatorInterventionError), Unavailable),
)


async def _on_cloud_error(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, CloudError):
        return unexpected()
    if error.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.error("%s: %s", error.code, error.message)
    return problem(error)


async def _on_database(_request: Request, error: Exception) -> JSONResponse:
    meant = translate(error)
    if meant is None:
        return unexpected()
    _log.info("database refused: %s", type(error).__name__)
    return problem(meant)


async def _on_http(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        return unexpected()
    made = CloudError(HTTPStatus(error.status_code).phrase)
    made.status = error.status_code
    made.title = HTTPStatus(error.status_code).phrase
    made.code = _BY_STATUS.get(
        error.status_code, "malformed" if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR else "internal"
    )
    answer = problem(made)
    answer.headers.update(error.headers or {})
    return answer


async def _on_validation(_request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        return unexpected()
    found = error.errors()[:_FIELDS_MOST]
    if any(item["type"] == "json_invalid" for item in found):
        return problem(Malformed("the body is not JSON"))
    made = Invalid()
    made.fields = tuple(FieldError(_field(item["loc"]), item["type"], item["msg"]) for item in found)
    return problem(made)


def _field(location: Sequence[Any]) -> str:
    parts = [str(part) for part in location if part not in ("body", "query", "path", "header", "cookie")]
    return ".".join(parts)
