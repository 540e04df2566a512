"""A POST that moves value carries an `Idempotency-Key`; sent again, it gets the first answer and moves nothing."""

from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

from fastapi import Header
from pydantic import BaseModel

from cloud.core.database import Transaction
from cloud.core.errors import Conflict
from protocols.crypto.sm3 import sm3

T = TypeVar("T", bound=BaseModel)

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=8,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Made by the caller and stored before sending",
    ),
]


class KeyReused(Conflict):
    """The key came before with another request: the caller mixes two acts up."""

    code = "idempotency_key_reused"
    title = "This Idempotency-Key came before with another request"


async def once(
    tx: Transaction, *, scope: str, key: str, request: BaseModel, answer: type[T], make: Callable[[], Awaitable[T]]
) -> T:
    """Run `make` once for (organisation, scope, key) and answer the same for ever after. Raises KeyReused.

    Key and answer commit with what `make` wrote in `tx`; a second caller waits for the first one's commit.
    `scope` names the act and who acts: "payments.top_up:17".
    """
    digest = sm3(request.model_dump_json().encode("utf-8", "surrogatepass"))
    fresh = await tx.fetchval(
        "INSERT INTO core_idempotency (organisation_id, scope, key, request_sm3) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING RETURNING true",
        tx.organisation_id,
        scope,
        key,
        digest,
    )
    where = "WHERE organisation_id = $1 AND scope = $2 AND key = $3"
    if not fresh:
        query = f"SELECT request_sm3, answer FROM core_idempotency {where}"  # noqa: S608 - a constant
        row = await tx.fetchrow(query, tx.organisation_id, scope, key)
        if row is None or bytes(row["request_sm3"]) != digest:
            raise KeyReused
        return answer.model_validate_json(row["answer"])
    made = await make()
    await tx.execute(
        f"UPDATE core_idempotency SET answer = $4::jsonb {where}",  # noqa: S608 - a constant
        tx.organisation_id,
        scope,
        key,
        made.model_dump_json(),
    )
    return made
